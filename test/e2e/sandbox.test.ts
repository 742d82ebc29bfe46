import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { SCENARIOS } from '../../src/sandbox/scenarios.ts';
import { runCli, spawnCli } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { CONFIG, DOCKERFILE } from '../support/world.ts';

const SANDBOX = ['sandbox', '--docker', 'stand-in'];
const NODE = process.execPath;

test('it runs a command inside and ends with its status', async () => {
  const end = await spawnCli([...SANDBOX, '--', NODE, '-e', 'process.exit(7)']);
  expect(end.status).toBe(7);
  expect(end.stdout).toBe('');
  const killed = await spawnCli([...SANDBOX, '--', 'sh', '-c', 'kill -9 $$']);
  expect(killed.status).toBe(137);
  const missing = await spawnCli([...SANDBOX, '--', 'no-such-program']);
  expect(missing.status).toBe(2);
  expect(missing.stderr).toContain('Cannot run no-such-program');
});

test('the command sees the sandbox and nothing of the AWS settings outside', async () => {
  const script = 'console.log(JSON.stringify(process.env))';
  const end = await spawnCli([...SANDBOX, '--speed', '600', '--', NODE, '-e', script], {
    environment: {
      AWS_PROFILE: 'real',
      AWS_SESSION_TOKEN: 'real',
      AWS_ENDPOINT_URL_ECS: 'http://elsewhere.invalid',
      ECSDEPLOY_PROFILE: 'real',
    },
  });
  const inside = JSON.parse(end.stdout) as Record<string, string>;
  expect(inside).toMatchObject({
    AWS_ENDPOINT_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
    AWS_REGION: 'ap-northeast-2',
    DOCKER_HOST: expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:\d+$/) as string,
    ECSDEPLOY_PROFILE: '',
    ECSDEPLOY_POLL: '10ms',
  });
  expect(Object.values(inside)).not.toContain('real');
  expect(inside['AWS_ENDPOINT_URL_ECS']).toBeUndefined();
});

test('a whole deploy runs inside it, with a fault too', async () => {
  const directory = makeFolder({
    Dockerfile: DOCKERFILE,
    app: '',
    '.ecsdeployrc': `${CONFIG}profile: real\n`,
  });
  const deploy = ['--', NODE, resolve('bin/ecsdeploy.js'), 'deploy', '--tag', 'v1'];
  // The sandbox is on this machine, so a proxy of the network is not for it.
  const nowhere = 'http://127.0.0.1:1';
  const good = await spawnCli([...SANDBOX, '--speed', '600', ...deploy], {
    directory,
    environment: { HTTP_PROXY: nowhere, https_proxy: nowhere, NO_PROXY: 'example.com' },
  });
  expect(good.status, good.stderr).toBe(0);
  const bad = await spawnCli([...SANDBOX, '--speed', '600', '--scenario', 'crash', ...deploy], {
    directory,
  });
  expect(bad.status, bad.stderr).toBe(7);
  expect(bad.stderr).toContain('[application-exit]');
});

test('alone it prints its endpoint, says what to export, and ends with Ctrl-C', async () => {
  const end = await spawnCli(SANDBOX, {
    onStderr: (text, child) => {
      if (text.includes('Press Ctrl-C to stop')) child.kill('SIGINT');
    },
  });
  expect(end.status).toBe(0);
  expect(end.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/);
  expect(end.stderr).toContain(`export AWS_ENDPOINT_URL='${end.stdout.trim()}'`);
});

test('where no Docker daemon answers the stand-in is used, and that is said', async () => {
  const environment = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
  const end = await spawnCli(['sandbox', '--', NODE, '-e', ''], { environment });
  expect(end.status).toBe(0);
  expect(end.stderr).toMatch(
    /^The Docker daemon is not running: unix:\/\/\/nowhere.* Using the sandbox's stand-in for Docker/,
  );
  const forced = await spawnCli(['sandbox', '--docker', 'daemon', '--', NODE, '-e', ''], {
    environment,
  });
  expect(forced.status).toBe(5);
});

test('--list names every scenario, under headings', async () => {
  const end = await runCli(['sandbox', '--list']);
  const rows = end.stdout.split('\n').filter((line) => line.startsWith('  '));
  const names = rows.map((row) => row.trim().split(' ')[0] ?? '');
  expect(names.toSorted()).toEqual(Object.keys(SCENARIOS).toSorted());
  for (const row of rows) expect(row).toMatch(/^ {2}[a-z0-9-]+ {2,}[a-zA-Z]/);
  expect(Math.max(...rows.map(({ length }) => length))).toBeLessThanOrEqual(110);
});
