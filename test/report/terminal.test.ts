import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cause } from '../../src/core/diagnosis.ts';
import type { Event } from '../../src/events.ts';
import { openRegion } from '../../src/report/region.ts';
import { showsUnicode } from '../../src/report/reporter.ts';
import { terminalReporter } from '../../src/report/terminal.ts';
import { progress } from '../support/run-events.ts';
import { makeScreen } from '../support/screen.ts';

const frameOf = (text: string, height: number) => () =>
  Array.from({ length: height }, (_, index) => `${text} ${index} ${'='.repeat(70)}`);

describe('a region', () => {
  test('leaves nothing but the permanent lines, at any size', async () => {
    for (const columns of [20, 40, 80, 200]) {
      const { stream, lines } = makeScreen(columns, 10);
      const region = openRegion(stream);
      for (let index = 0; index < 30; index += 1) {
        region.draw(frameOf(`frame${index}`, (index % 14) + 1));
        if (index % 3 === 0) region.print(`line ${index}\n`);
      }
      region.close();
      expect(await lines()).toEqual(Array.from({ length: 10 }, (_, index) => `line ${index * 3}`));
    }
  });

  test('is written only when its text changes', () => {
    const { stream, written } = makeScreen(80, 24);
    const region = openRegion(stream);
    region.draw(frameOf('a', 3));
    const once = written();
    region.draw(frameOf('a', 3));
    expect(written()).toBe(once);
  });

  test('is below what the shell wrote while the run was stopped', async () => {
    const { stream, lines } = makeScreen(80, 24);
    const region = openRegion(stream);
    region.draw(() => ['frame']);
    stream.write('\nshell\n');
    region.forget();
    region.draw(() => ['frame 2']);
    region.close();
    expect(await lines()).toEqual(['frame', 'shell']);
  });

  test('loses no permanent line when the size changes again and again', { timeout: 120_000 }, () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.record({
              columns: fc.integer({ min: 10, max: 120 }),
              rows: fc.integer({ min: 3, max: 40 }),
              settles: fc.boolean(),
            }),
            fc.record({ height: fc.integer({ min: 1, max: 20 }) }),
            fc.constant('print' as const),
          ),
          { minLength: 5, maxLength: 25 },
        ),
        async (actions) => {
          const { stream, lines, resize } = makeScreen(80, 24);
          const region = openRegion(stream, 1);
          let printed = 0;
          for (const action of actions) {
            if (action === 'print') {
              region.print(`#${printed}\n`);
              printed += 1;
            } else if ('height' in action) region.draw(frameOf('f', action.height));
            else {
              await resize(action.columns, action.rows);
              if (action.settles) await sleep(4);
            }
          }
          region.close();
          const kept = (await lines()).filter((line) => /^#\d+$/.test(line));
          expect(kept).toEqual(Array.from({ length: printed }, (_, index) => `#${index}`));
        },
      ),
      { numRuns: 60 },
    ),
  );
});

test('a run leaves its story and a summary, and no frame', async () => {
  const { stream, lines } = makeScreen(60, 20);
  const reporter = terminalReporter(stream, {
    verbose: false,
    colour: true,
    unicode: true,
    guard: (text) => text,
  });
  const say = (...events: readonly Event[]) => {
    for (const event of events) reporter.report({ ...event, at: new Date() });
  };
  say({ kind: 'build-started', platform: 'linux/amd64' });
  say({ kind: 'build-output', line: 'compiling', step: undefined });
  await sleep(250);
  expect((await lines()).join('\n')).toMatch(/Build linux\/amd64[^]*compiling/);
  say({ kind: 'built', platform: 'linux/amd64', seconds: 1 });
  expect(await lines()).toEqual(['✔ Built for linux/amd64 in 1.0s']);
  say(progress({ running: 1 }));
  expect((await lines()).join('\n')).toMatch(/^✔ Built[^]*\n. Rollout of api[^]*app:2 +1\/2/);
  say({ kind: 'warning', message: 'careful' });
  reporter.end();
  expect(await lines()).toEqual(['✔ Built for linux/amd64 in 1.0s', '▲ careful']);
});

test('a narrow screen gets whole words of a message, and commands in one line', async () => {
  const { stream, written, lines } = makeScreen(40, 20);
  const reporter = terminalReporter(stream, {
    verbose: false,
    colour: false,
    unicode: true,
    guard: (text) => text,
  });
  const message = 'The container 결제-서비스 ended with exit code 1 again and again';
  const hint = 'ecsdeploy logs --cluster backend --service hyeon9mak-service-dev';
  reporter.report({ kind: 'warning', message, hint, at: new Date() });
  reporter.end();
  expect((await lines()).slice(0, 2)).toEqual([
    '▲ The container 결제-서비스 ended with',
    '  exit code 1 again and again',
  ]);
  expect(written()).toContain(hint);
});

test('lines are broken between words at any width, and logs and commands are not', async () => {
  const { stream, written, lines } = makeScreen(80, 40);
  const reporter = terminalReporter(stream, {
    verbose: false,
    colour: false,
    unicode: true,
    guard: (text) => text,
  });
  const log = `| ${'a line of the log that is as long as it is '.repeat(3)}`;
  const command = 'ecsdeploy logs --cluster backend --service hyeon9mak-service-dev';
  const cause: Cause = {
    code: 'application-exit',
    summary: 'the container hyeon9mak-container of the task ended with exit code 1',
    hint: `see the last log lines above, which say more than this; full log: ${command}`,
    evidence: ['Essential container in task exited', log],
    tasks: 1,
  };
  reporter.report({ kind: 'cause', cluster: 'c', service: 'api', cause, at: new Date() });
  const finding = { check: 'secrets', about: 'service api' } as const;
  const message = 'the secret of the application cannot be found in this account and region';
  reporter.report({
    kind: 'checked',
    findings: [{ ...finding, status: 'warn', message, hint: 'create it' }],
    at: new Date(),
  });
  reporter.end();
  expect(written()).toContain(`\n  ${log}\n`);
  expect(written()).toContain(`\n    ${command}\n`);
  const shown = (await lines()).filter((line) => !/log that is|logs --cluster/.test(line));
  expect(shown).toEqual([
    '✖ api: the container hyeon9mak-container of the task ended with exit code 1',
    '  [application-exit]',
    '  Essential container in task exited',
    '  → see the last log lines above, which say more than this; full log:',
    'service api',
    '  ▲ secrets: the secret of the application cannot be found in this account and',
    '    region',
    '    → create it',
    '0 passed, 1 warning, 0 failed, 0 skipped',
  ]);
});

test.each([
  [{ WT_SESSION: 'x' }, true],
  [{ TERM_PROGRAM: 'vscode', LANG: 'C' }, true],
  [{ LANG: 'ko_KR.UTF-8' }, true],
  [{ LANG: 'ko_KR.UTF-8', LC_ALL: 'C' }, false],
  [{ LC_CTYPE: 'en_US.utf8' }, true],
  [{ LANG: 'en_US.UTF-8', TERM: 'linux' }, false],
  [{}, false],
])('a terminal with %j shows Unicode: %s', (environment, shown) => {
  expect(showsUnicode(environment)).toBe(shown);
});
