import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readResult, runCli } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { makeWorld, stable } from '../support/world.ts';

test('piped output has no escape codes, and nothing of the progress on stdout', async () => {
  const world = await makeWorld();
  const end = await world.spawn(['deploy']);
  expect(end.stdout).toBe('');
  expect(end.stderr).not.toContain('\u001B');
  expect(end.stderr).not.toContain('NodeVersionSupportWarning');
  expect(end.stderr).toContain('hyeon9mak-service-dev runs hyeon9mak-task-dev:2 (2 of 2 tasks)');
});

test('-q says nothing when all is well', async () => {
  const world = await makeWorld();
  expect(await world.run(['deploy', '-q'])).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('--progress json is one event per line', async () => {
  const world = await makeWorld();
  const { stderr } = await world.run(['deploy', '--progress', 'json']);
  const events = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { v: number; at: string; kind: string });
  expect(events.every(({ v, at }) => v === 1 && /^\d{4}-.*Z$/.test(at))).toBe(true);
  const kinds = events.map(({ kind }) => kind);
  expect(new Set(kinds)).toEqual(
    new Set([
      'docker-found',
      'plan',
      'build-started',
      'context-sent',
      'build-step',
      'built',
      'push-started',
      'push-progress',
      'pushed',
      'registered',
      'rollout-started',
      'watch-started',
      'service-event',
      'rollout-progress',
      'service-ended',
      'watch-ended',
    ]),
  );
});

test('--verbose shows each call, and neither token nor key', async () => {
  const world = await makeWorld();
  const { stderr } = await world.run(['deploy', '--verbose']);
  expect(stderr).toMatch(/ecs:UpdateService \d+ ms/);
  expect(stderr).toMatch(/ecr:GetAuthorizationToken \d+ ms/);
  expect(stderr).not.toContain(world.sandbox.registryPassword);
  expect(stderr).not.toContain(
    Buffer.from(`AWS:${world.sandbox.registryPassword}`).toString('base64'),
  );
});

test('FORCE_COLOR colours plain lines, FORCE_COLOR=0 and NO_COLOR do not', async () => {
  const world = await makeWorld();
  const forced = await world.run(['deploy', '--dry-run'], { environment: { FORCE_COLOR: '1' } });
  expect(forced.stderr).toContain('\u001B[1mService hyeon9mak-service-dev in backend runs');
  for (const environment of [{ FORCE_COLOR: '0' }, { NO_COLOR: '1' }]) {
    const end = await world.run(['deploy', '--dry-run'], { environment });
    expect(end.stderr).not.toContain('\u001B[');
  }
});

test('under GitHub Actions there are groups, annotations, outputs and a summary', async () => {
  const world = await makeWorld({ faults: [{ name: 'crash' }] });
  const files = makeFolder({ output: '', summary: '' });
  const end = await world.run(['deploy', '--tag', 'v1'], {
    environment: {
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: join(files, 'output'),
      GITHUB_STEP_SUMMARY: join(files, 'summary'),
    },
  });
  expect(end.status).toBe(7);
  expect(end.stderr).toMatch(
    /::group::Build\n[^]*::endgroup::\n[^]*::group::Push\n[^]*::endgroup::\n/,
  );
  expect(end.stderr.match(/^::error .*$/gm)).toEqual([
    expect.stringMatching(/^::error title=ecsdeploy::.*application-exit.*%0A.*$/),
  ]);
  const output = readFileSync(join(files, 'output'), 'utf8');
  const values = output.replaceAll(/ecsdeploy_\w{16}|\{"outcome".*/g, '…');
  expect(stable(values, world)).toMatchInlineSnapshot(`
    "outcome<<…
    rolled-back
    …
    image<<…
    REGISTRY/hyeon9mak-dev:v1
    …
    digest<<…
    DIGEST
    …
    task-definition<<…
    arn:aws:ecs:ap-northeast-2:111122223333:task-definition/hyeon9mak-task-dev:2
    …
    deployment<<…
    ecs-svc/N
    …
    result<<…
    …
    …
    "
  `);
  const summary = stable(readFileSync(join(files, 'summary'), 'utf8'), world);
  expect(summary).toMatchInlineSnapshot(`
    "### ecsdeploy deploy: rolled-back after TIME

    hyeon9mak-task-dev:2 failed on hyeon9mak-service-dev, which is back on hyeon9mak-task-dev:1: container hyeon9mak-container ended with exit code 1 \\[application-exit\\]

    | service | outcome | deployed | serves now | before | tasks | failed |
    | --- | --- | --- | --- | --- | --- | --- |
    | hyeon9mak-service-dev | rolled-back | hyeon9mak-task-dev:2 | hyeon9mak-task-dev:1 | hyeon9mak-task-dev:1 | 2 of 2 on hyeon9mak-task-dev:1 | 3 |

    Image \`REGISTRY/hyeon9mak-dev:v1\` DIGEST

    | phase | time |  |
    | --- | --- | --- |
    | build | TIME | |
    | push | TIME | |
    | register | TIME | |
    | rollout | TIME | |

    **application-exit** (3 tasks)

    \`\`\`text
    container hyeon9mak-container ended with exit code 1
    Essential container in task exited
    container hyeon9mak-container: exit code 1
    | Starting /app
    | Error: connect ECONNREFUSED 10.0.1.15:5432
    |     at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)
    | database is not reachable, giving up
    → see the last log lines above; full log: ecsdeploy logs --cluster backend --service hyeon9mak-service-dev --container hyeon9mak-container
    \`\`\`

    \`\`\`diff
    container hyeon9mak-container
    - image: "REGISTRY/hyeon9mak-dev:first"
    + image: "REGISTRY/hyeon9mak-dev:v1@DIGEST"
    \`\`\`

    "
  `);
});

test('outputs of a job that cannot be written are one warning', async () => {
  const world = await makeWorld();
  const end = await world.run(['push', '--tag', 'v1'], {
    environment: { GITHUB_ACTIONS: 'true', GITHUB_OUTPUT: '/nowhere/output' },
  });
  expect(end.status).toBe(0);
  expect(end.stderr).toContain('title=ecsdeploy::Cannot write the outputs of the job: ENOENT');
});

test('--help and --version go to stdout and cost no AWS', async () => {
  const help = await runCli(['deploy', '--help']);
  expect(help).toMatchObject({ status: 0, stderr: '' });
  expect(help.stdout).toContain('--on-failure');
  const version = await runCli(['--version']);
  const { version: expected } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    version: string;
  };
  expect(version).toEqual({ status: 0, stdout: `${expected}\n`, stderr: '' });
});

test('every command has a help that names its options', async () => {
  const commands = ['deploy', 'push', 'render', 'register', 'rollout', 'rollback', 'history'];
  for (const command of [...commands, 'verify', 'init', 'completion', 'sandbox']) {
    const { stdout } = await runCli([command, '--help', '--all']);
    expect(stdout).toMatchSnapshot();
  }
});

describe.skipIf(!existsSync('/dev/full'))('a stream that cannot be written', () => {
  // bin/ecsdeploy.js prints help itself.
  test.each([['render', '--set-env', 'A=b'], ['--help']])('fails %s', async (...args) => {
    const world = await makeWorld();
    const end = await world.spawn(args, { stdout: '/dev/full' });
    expect(end.status).toBe(1);
    expect(end.stderr).toBe(
      'Error: Cannot write to stdout: ENOSPC: no space left on device, write\n',
    );
  });

  test('does not end a deploy when it is the progress', async () => {
    const world = await makeWorld();
    const end = await world.spawn(['deploy', '--json'], { stderr: '/dev/full' });
    expect(end.status).toBe(0);
    expect(readResult(end).outcome).toBe('succeeded');
  });
});
