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

test('a deployment interrupted while it is rolled back is not said to continue', () => {
  expect(textOf(ended({ rollingBack: true }))).toEqual([
    'Stopped watching s; the deployment of app:2 is still being rolled back',
    'continue watching: ecsdeploy rollout --watch --cluster c --service s',
  ]);
});
