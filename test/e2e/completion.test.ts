import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { RegisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runCli } from '../support/cli.ts';
import type { CliOptions } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const RC = `cluster: backend
services:
  - { service: api, container: app }
  - { service: worker, container: app }
environments:
  prod: { cluster: prod }
  dev: { cluster: dev }
`;

/** The words for the last of these. */
async function wordsFor(words: readonly string[], options: CliOptions = {}) {
  const directory = options.directory ?? makeFolder({ '.ecsdeployrc': RC });
  const { stdout, stderr, status } = await runCli(['completion', '--', ...words], {
    ...options,
    directory,
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout.match(/^[^\t]+/gm) ?? [];
}

test.each<readonly [line: string, words: readonly string[]]>([
  ['roll', ['rollout', 'rollback']],
  ['deploy --on-f', ['--on-failure']],
  ['deploy --on-failure ', ['exit', 'watch', 'rollback']],
  ['deploy --on-failure=r', ['--on-failure=rollback']],
  ['deploy --on-failure = r', ['rollback']],
  ['deploy --on-failure =', ['exit', 'watch', 'rollback']],
  ['deploy --env ', ['prod', 'dev']],
  ['deploy -e p', ['prod']],
  ['deploy --service ', ['api', 'worker']],
  ['logs --container ', ['app']],
  ['status --on-failure', []],
  ['completion ', ['bash', 'zsh', 'fish']],
  ['help verif', ['verify']],
  ['help trouble', ['troubleshooting']],
  ['deploy --dockerfile ', []],
  ['sandbox -- ecsdeploy dep', []],
])('%s is completed', async (line, words) => {
  expect(await wordsFor(line.split(' '))).toEqual(words);
});

test('the profiles of both AWS files are completed', async () => {
  const folder = makeFolder({
    config: '[default]\na=b\n[profile one]\na=b\n[sso-session two]\na=b\n',
    credentials: '[three]\na=b\n',
  });
  const environment = {
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
  };
  expect(await wordsFor(['deploy', '-p', ''], { environment })).toEqual([
    'default',
    'one',
    'three',
  ]);
});

describe('names of AWS', () => {
  /** The suggestions in a world, as bash or another shell gives the words. */
  async function wordsIn(world: World, words: readonly string[], cache = makeFolder()) {
    const environment = { XDG_CACHE_HOME: cache };
    const end = await world.run(['completion', '--', ...words], { environment });
    expect({ stderr: end.stderr, status: end.status }).toEqual({ stderr: '', status: 0 });
    return end.stdout.match(/^[^\t]+/gm) ?? [];
  }

  test('are suggested for clusters, services, repositories, families and revisions', async () => {
    const world = await makeWorld();
    const family = 'hyeon9mak-task-dev';
    const containerDefinitions = [{ name: 'app', image: 'app', memory: 128 }];
    await world.ecs.send(new RegisterTaskDefinitionCommand({ family, containerDefinitions }));
    const revisions = ['hyeon9mak-task-dev:2', 'hyeon9mak-task-dev:1'];
    for (const [line, words] of [
      ['deploy --cluster ', ['backend']],
      ['status --cluster backend -s ', ['hyeon9mak-service-dev']],
      ['push --repository hy', ['hyeon9mak-dev']],
      ['deploy --task-definition ', ['hyeon9mak-task-dev']],
      [
        'deploy --task-definition=hyeon9mak-task-dev:',
        revisions.map((name) => `--task-definition=${name}`),
      ],
      ['rollout ', revisions],
      ['rollback --to ', revisions],
      // As bash splits it, which completes what is behind the colon.
      ['rollout hyeon9mak-task-dev :', ['2', '1']],
      ['rollout hyeon9mak-task-dev : 2', ['2']],
      ['rollout other:', []],
    ] as const) {
      expect(await wordsIn(world, line.split(' ')), line).toEqual(words);
    }
  });

  test('are read once for a while, in the place that is asked for', async () => {
    const world = await makeWorld();
    const cache = makeFolder();
    const first = await wordsIn(world, ['deploy', '--cluster', ''], cache);
    const calls = world.sandbox.calls.length;
    expect(await wordsIn(world, ['deploy', '--cluster', 'b'], cache)).toEqual(first);
    expect(world.sandbox.calls).toHaveLength(calls);
    const file = join(cache, 'ecsdeploy/names.json');
    expect(readFileSync(file, 'utf8')).not.toContain('AKIA');
    await wordsIn(world, ['deploy', '-r', 'eu-west-1', '--cluster', ''], cache);
    expect(world.sandbox.calls.length).toBeGreaterThan(calls);
    for (const broken of ['{"', '[]', 'null', '{"a":{"at":0}}']) {
      writeFileSync(file, broken);
      expect(await wordsIn(world, ['deploy', '--cluster', ''], cache), broken).toEqual(first);
    }
  });

  test('are suggested without a folder for the cache, and not where they are denied', async () => {
    const world = await makeWorld({ denied: ['ecs:ListTaskDefinitionFamilies'] });
    const file = join(makeFolder({ file: '' }), 'file');
    expect(await wordsIn(world, ['deploy', '--cluster', ''], file)).toEqual(['backend']);
    expect(await wordsIn(world, ['deploy', '--task-definition', ''])).toEqual([]);
  });
});

test('a broken config file, and AWS that does not answer in time, complete nothing', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const environment = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
  };
  const directory = makeFolder({ '.ecsdeployrc': 'a: [' });
  expect(await wordsFor(['deploy', '--cluster', ''], { environment, directory })).toEqual([]);
});

test('a name that a shell would run is left out', async () => {
  const directory = makeFolder({
    '.ecsdeployrc': 'environments: { "$(touch x)": {}, "a b": {}, "`x`": {}, good: {} }',
  });
  expect(await wordsFor(['deploy', '--env', ''], { directory })).toEqual(['good']);
});

test('an unknown shell is refused with those that are known', async () => {
  const end = await runCli(['completion', 'tcsh']);
  expect(end.status).toBe(2);
  expect(end.stderr).toContain('shells: bash, zsh, fish');
});

const has = (shell: string) => spawnSync(shell, ['-c', 'exit 0']).status === 0;

/** What each shell runs to print the words for the last of `words`, which it quotes alike. */
const ASKING: Readonly<Record<string, (words: readonly string[]) => readonly string[]>> = {
  bash: (words) => [
    '-c',
    `source ./completion; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _ecsdeploy; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  // Outside a line editor, what it would describe is printed.
  zsh: (words) => [
    '-f',
    '-c',
    `compdef() { :; }; source ./completion; _describe() { print -rl -- "\${(@)values%%:*}"; }; _files() { print; }; words=(${words.join(' ')}); CURRENT=${words.length}; _ecsdeploy`,
  ],
  fish: (words) => [
    '--no-config',
    '-c',
    `source ./completion; complete -C "${words.map((word) => word.slice(1, -1)).join(' ')}" | string replace -r '\\t.*' ''; true`,
  ],
};

test.each(Object.keys(ASKING))('the script of %s completes', async (shell) => {
  const { stdout } = await runCli(['completion', shell]);
  expect(stdout).toContain('completion -- ');
  // Not every machine has every shell.
  if (!has(shell)) return;
  const folder = makeFolder({
    completion: stdout,
    '.ecsdeployrc': RC,
    ecsdeploy: Buffer.from(
      `#!/bin/sh\nexec ${process.execPath} ${resolve('bin/ecsdeploy.js')} "$@"\n`,
    ),
  });
  const complete = (...words: readonly string[]) => {
    const quoted = ['ecsdeploy', ...words].map((word) => `'${word}'`);
    const env = { PATH: `${folder}:${process.env['PATH']}`, HOME: folder };
    const script = ASKING[shell]?.(quoted) ?? [];
    const text = execFileSync(shell, script, { cwd: folder, encoding: 'utf8', env });
    return text.trim().split('\n').toSorted();
  };
  expect(complete('deploy', '--env', '')).toEqual(['dev', 'prod']);
  expect(complete('hist')).toEqual(['history']);
  // Where nothing is suggested, the shell has its file names.
  expect(complete('deploy', '--dockerfile', '')).toEqual(
    shell === 'fish' ? ['completion', 'ecsdeploy'] : [''],
  );
});
