import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import { commitAll, HAS_GIT, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const git = ({ folder }: World, ...args: readonly string[]) =>
  execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();

async function deploy(world: World, ...args: readonly string[]) {
  const end = await world.run(['deploy', '--json', ...args]);
  return { ...end, ...readResult(end) };
}

/** A work tree at its first commit, while the service runs the second one. */
async function makeOldWorld(...args: readonly string[]) {
  const world = await makeWorld();
  const first = git(world, 'rev-parse', 'HEAD');
  writeFileSync(join(world.folder, 'app'), 'second');
  commitAll(world.folder);
  const second = git(world, 'rev-parse', 'HEAD');
  expect((await deploy(world, ...args)).outcome).toBe('succeeded');
  git(world, 'checkout', '--quiet', first);
  world.writes();
  return { world, first, second };
}

describe.runIf(HAS_GIT)('a commit that is older than the one that runs', () => {
  test('is warned of, and deployed', async () => {
    const { world, first, second } = await makeOldWorld();
    const { status, stderr } = await deploy(world);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      `"hyeon9mak-service-dev" runs commit ${second.slice(0, 7)}, which is newer than ${first.slice(0, 7)}: this deploy goes back to an older commit.`,
    );
  });

  test('is known by the label of the image where the tag does not tell', async () => {
    const { world } = await makeOldWorld('--tag', 'v2');
    expect((await deploy(world)).stderr).toContain('goes back to an older commit');
  });

  test('is refused with --if-older refuse, before anything is written', async () => {
    const { world } = await makeOldWorld();
    const { status, error } = await deploy(world, '--if-older', 'refuse');
    expect(status).toBe(3);
    expect(error?.code).toBe('commit-older');
    expect(error?.hint).toContain('--if-older deploy');
    expect(world.writes()).toEqual([]);
  });

  test('is not mentioned with --if-older deploy', async () => {
    const { world } = await makeOldWorld();
    const { status, stderr } = await deploy(world, '--if-older', 'deploy');
    expect(status).toBe(0);
    expect(stderr).not.toContain('older');
  });

  test('is not known in a clone without the commit that runs', async () => {
    const { world, first, second } = await makeOldWorld();
    git(
      world,
      'branch',
      '--delete',
      '--force',
      git(world, 'branch', '--format=%(refname:short)', '--contains', second),
    );
    git(world, 'reflog', 'expire', '--expire=now', '--all');
    git(world, 'gc', '--quiet', '--prune=now');
    const { status, stderr } = await world.run(['verify']);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      `older-commit: git cannot compare ${first.slice(0, 7)} with ${second.slice(0, 7)}, which runs`,
    );
  });
});

test.runIf(HAS_GIT)('a newer commit, or one of another branch, needs no warning', async () => {
  const world = await makeWorld();
  const first = git(world, 'rev-parse', 'HEAD');
  expect((await deploy(world)).stderr).not.toContain('older');
  writeFileSync(join(world.folder, 'app'), 'second');
  commitAll(world.folder);
  expect((await deploy(world)).stderr).not.toContain('older');
  git(world, 'checkout', '--quiet', first);
  writeFileSync(join(world.folder, 'app'), 'other');
  commitAll(world.folder);
  expect((await deploy(world)).stderr).not.toContain('older');
});
