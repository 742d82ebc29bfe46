import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { CONFIG, makeWorld } from '../support/world.ts';

const BIN = resolve('bin/ecsdeploy.js');
const ENVIRONMENT = { PATH: process.env['PATH'] };

/** Runs a line of shell in which `$CLI` is the built command. */
const shell = (line: string, cwd?: string) =>
  spawnSync('sh', ['-c', line.replaceAll('$CLI', `'${process.execPath}' '${BIN}'`)], {
    cwd,
    env: ENVIRONMENT,
    encoding: 'utf8',
  });

test('a current folder that was deleted is named', () => {
  const folder = makeFolder({ 'gone/x': '' });
  const end = shell('rm -r ../gone && $CLI status', join(folder, 'gone'));
  expect(end.status).toBe(2);
  expect(end.stderr).toBe(
    'Error: The current folder does not exist any more.\n  → change to a folder that exists, and run it again\n',
  );
});

/** Newer versions of Node need more than 20 files to start at all. */
const LEAST = Number.parseInt(process.versions.node, 10) > 20 ? [] : [20];

test.each([...LEAST, 22, 24, 28, 32, 40])('a limit of %i open files is named', (limit) => {
  const address = 'AWS_ENDPOINT_URL=http://127.0.0.1:1 AWS_REGION=eu-west-1';
  const end = shell(
    `ulimit -n ${limit}; ${address} AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b $CLI status --cluster c --service s`,
  );
  expect(end.stderr).toMatch(/^Error: (Too many files are open|Cannot reach AWS)/);
  expect(end.stderr).not.toMatch(/^ {4}at /m);
  expect([2, 4]).toContain(end.status);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s ends a command in order',
  async (signal) => {
    const child = spawn(process.execPath, [BIN, 'sandbox'], { env: ENVIRONMENT });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('Press Ctrl-C to stop')) child.kill(signal);
    });
    const [status, name] = await new Promise<unknown[]>((done) => {
      child.once('close', (...end) => done(end));
    });
    expect([status, name]).toEqual([0, null]);
  },
);

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s in build.before ends the processes that it has started',
  async (signal) => {
    const child = "(trap 'touch ended; exit' TERM; echo begun; while :; do sleep 0.05; done)";
    const world = await makeWorld({
      files: { 'hooks.yaml': `${CONFIG}build: { before: ["${child} & wait"] }\n` },
    });
    const end = await world.spawn(['deploy', '--config', 'hooks.yaml'], {
      onStderr: (text, process) => {
        if (/^ *begun$/m.test(text)) process.kill(signal);
      },
    });
    expect(end.status).toBe(130);
    expect(end.stderr).toContain('No service was changed.');
    expect(existsSync(join(world.folder, 'ended'))).toBe(true);
    expect(world.writes()).toEqual([]);
  },
);

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s in the watch says how the rollout can be watched',
  async (signal) => {
    const world = await makeWorld({ speed: 1 });
    const end = await world.spawn(['rollout', '--force', '--json'], {
      onStderr: (text, child) => {
        if (text.includes('deployment')) child.kill(signal);
      },
    });
    expect(end.status).toBe(130);
    expect(readResult(end).services).toMatchObject([{ outcome: 'interrupted' }]);
    expect(end.stderr).toMatch(/ecsdeploy rollout \S+ --watch/);
  },
);
