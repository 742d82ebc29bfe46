import { spawn, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from '../support/files.ts';

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
