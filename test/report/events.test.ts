import { expect, test } from 'vitest';
import { serviceResult } from '../../src/core/result.ts';
import { EcsDeployError } from '../../src/errors.ts';
import type { EventOf, TimedEvent } from '../../src/events.ts';
import { jsonReporter } from '../../src/report/json.ts';
import { wordEvent } from '../../src/report/words.ts';

const at = new Date('2026-01-02T03:04:05.678Z');

/** The lines that `--progress json` prints for events. */
function jsonOf(verbose: boolean, ...events: TimedEvent[]): string {
  let text = '';
  const { report } = jsonReporter((part) => {
    text += part;
  }, verbose);
  for (const event of events) report(event);
  return text;
}

test('a line of JSON begins with version, time and kind', () => {
  const event = { kind: 'registered', revision: 'app:2', seconds: 1, at } as const;
  expect(jsonOf(false, event)).toBe(
    '{"v":1,"at":"2026-01-02T03:04:05.678Z","kind":"registered","revision":"app:2","seconds":1}\n',
  );
});

test('an error is its code, message and hint', () => {
  const error = new EcsDeployError({ code: 'usage', message: 'No.', hint: 'yes' });
  expect(jsonOf(false, { kind: 'error', error, at })).toBe(
    '{"v":1,"at":"2026-01-02T03:04:05.678Z","kind":"error","code":"usage","message":"No.","hint":"yes"}\n',
  );
});

test('calls are shown with --verbose only', () => {
  const call = {
    kind: 'api-call',
    action: 'ecs:X',
    milliseconds: 1,
    failure: undefined,
    at,
  } as const;
  expect(jsonOf(false, call)).toBe('');
  expect(jsonOf(true, call)).toContain('"action":"ecs:X"');
});

const ended = (event: Partial<EventOf<'service-ended'>>): EventOf<'service-ended'> => ({
  kind: 'service-ended',
  result: serviceResult({
    cluster: 'c',
    service: 's',
    outcome: 'interrupted',
    taskDefinition: 'task-definition/app:2',
    previousTaskDefinition: 'task-definition/app:1',
  }),
  reason: '',
  seconds: 1,
  digests: [],
  rollingBack: false,
  detached: false,
  ...event,
});
const textOf = (event: EventOf<'service-ended'>) => wordEvent(event).lines.map(({ text }) => text);

test('an interrupted deployment continues, and can be watched or rolled back', () => {
  expect(textOf(ended({}))).toEqual([
    'Stopped watching s; the deployment of app:2 continues',
    'continue watching: ecsdeploy rollout app:2 --watch --cluster c --service s',
    'roll back: ecsdeploy rollback --cluster c --service s',
  ]);
});

test.each([
  ['interrupted', 'Stopped watching s; the deployment of app:2 is still being rolled back'],
  [
    'timed-out',
    's: the deployment of app:2 did not finish within --timeout and is still being rolled back',
  ],
  ['unknown', 's: no answer; the deployment of app:2 (ecs-svc/1) is still being rolled back'],
] as const)('%s while it is rolled back: it is not said to continue', (outcome, text) => {
  const { result } = ended({});
  const known = { ...result, outcome, deployment: 'ecs-svc/1', serving: 'task-definition/app:2' };
  expect(textOf(ended({ rollingBack: true, reason: 'no answer', result: known }))).toEqual([
    text,
    'continue watching: ecsdeploy rollout --watch --cluster c --service s',
  ]);
});

test.each([
  ['task-definition/app:1', 2, ['  serving now: app:1, 2 of 2 tasks running']],
  ['task-definition/app:1', 1, ['  serving now: app:1, 1 of 2 tasks running']],
  ['task-definition/app:2', 2, []],
  [null, 0, ['  no task is running: nothing serves']],
])('a failure with %s serving says so', (serving, running, lines) => {
  for (const outcome of ['failed', 'timed-out', 'superseded'] as const) {
    const { result } = ended({});
    const runningByRevision = serving === null ? {} : { [serving]: running };
    const known = { ...result, outcome, serving, runningByRevision, desired: 2 };
    const said = textOf(ended({ result: known })).filter((text) => text.startsWith('  '));
    expect(said, outcome).toEqual(lines);
  }
});
