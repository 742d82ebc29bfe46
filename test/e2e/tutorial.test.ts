import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from '../support/files.ts';

/** Fenced blocks of a document, with the language of each. */
function blocksOf(document: string): { readonly language: string; readonly lines: string[] }[] {
  const blocks = readFileSync(document, 'utf8').matchAll(/^```(\w+)\n([^]*?)\n```$/gm);
  return [...blocks].map(([, language = '', text = '']) => ({ language, lines: text.split('\n') }));
}

/** A line without what differs between two runs. */
function withoutChance(line: string): string {
  return (
    line
      .replaceAll(/(?:\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\dZ?/g, 'TIME')
      .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS')
      .replaceAll(/\b[0-9a-f]{12,40}\b/g, 'HEX')
      .replaceAll(/\d+(?:\.\d+)?s\b/g, 'SECONDS')
      .replace(/^TIME TIME/, 'TIME')
      // How many tasks have failed when the first one is explained.
      .replace(/ \(\d+ tasks\)$/, '')
  );
}

/** Runs a script as a user types it: a shell that it starts reads the rest of it. */
function type(script: string): Promise<string> {
  const program = `#!/bin/sh\nexec '${process.execPath}' '${resolve('bin/ecsdeploy.js')}' "$@"\n`;
  const directory = makeFolder({ '.bin/ecsdeploy': Buffer.from(program) });
  const bin = join(directory, '.bin');
  const child = spawn('bash', {
    cwd: directory,
    env: {
      PATH: `${bin}${delimiter}${process.env['PATH']}`,
      HOME: directory,
    },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  }
  child.stdin.end(script);
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', () => done(text));
  });
}

test.skipIf(process.platform === 'win32')(
  'the commands of the tutorial print what it shows, in a bare directory',
  { timeout: 120_000 },
  async () => {
    const blocks = blocksOf('docs/tutorial.md');
    const script = blocks.flatMap(({ language, lines }, index) =>
      language === 'sh' ? [...lines, `echo "=== after block ${index}"`] : [],
    );
    const text = await type(`exec 2>&1\n${script.join('\n')}\n`);
    const missing = blocks.flatMap(({ language, lines }, index) => {
      if (language !== 'console') return [];
      const [before = ''] = text.split(`=== after block ${index - 1}\n`);
      const printed = (before.split('=== after block ').at(-1) ?? '')
        .split('\n')
        .map(withoutChance);
      let at = -1;
      return lines.filter((line) => {
        if (line === '…') return false;
        const found = printed.indexOf(withoutChance(line), at + 1);
        at = Math.max(at, found);
        return found === -1;
      });
    });
    expect(missing, text).toEqual([]);
  },
);

test('the README shows only output of the tutorial', () => {
  const shown = new Set(blocksOf('docs/tutorial.md').map(({ lines }) => lines.join('\n')));
  const own = blocksOf('README.md').filter(({ language }) => language === 'console');
  expect(own.filter(({ lines }) => !shown.has(lines.join('\n')))).toEqual([]);
});
