import { expect, test } from 'vitest';
import { changeOf, checkInProgress, needsRecord } from '../../src/core/busy.ts';
import type { IfBusy } from '../../src/core/busy.ts';
import { old, own, deployment, record, service, timeOf } from '../support/ecs-types.ts';

const NOW = new Date(timeOf(2).getTime() + 40_000);
const busy = service([own(), old()]);
const check = (ifBusy: IfBusy, isJoined = false, of = busy) =>
  checkInProgress(of, { ifBusy, isJoined, now: NOW });

test.each([
  [
    'supersede',
    'warn',
    'The deployment ecs-svc/2 of app:2 is in progress: a new one supersedes it.',
  ],
  ['wait', 'ok', 'the deployment ecs-svc/2 of app:2 is in progress: a deploy waits for its end'],
  [
    'refuse',
    'fail',
    'A deployment of app:2 to "api" has been in progress for 40s (ecs-svc/2, 0 of 2 tasks running).',
  ],
] as const)('a deployment in progress, with --if-busy %s', (ifBusy, status, message) => {
  expect(check(ifBusy)).toMatchObject({ status, message });
  expect(check(ifBusy, true).status).toBe('ok');
});

test.each([
  ['completed', { rolloutState: 'COMPLETED' }],
  ['failed', { rolloutState: 'FAILED' }],
  ['without a state, behind a Classic Load Balancer', { rolloutState: undefined }],
] as const)('a PRIMARY deployment that is %s is not in progress', (_, more) => {
  expect(check('refuse', false, service([own(more), deployment(1)])).status).toBe('ok');
});

test.each([
  ['ROLLING', 'IN_PROGRESS', 2, false, 'ok'],
  ['BLUE_GREEN', 'IN_PROGRESS', 2, true, 'fail'],
  ['CANARY', 'PENDING', 2, true, 'fail'],
  ['LINEAR', 'SUCCESSFUL', 2, true, 'ok'],
  ['LINEAR', 'IN_PROGRESS', 1, true, 'ok'],
] as const)(
  'a COMPLETED deployment of %s whose record (%s) is of deployment %i',
  (strategy, status, number, isRead, expected) => {
    const { settings } = busy;
    const completed = service([own({ rolloutState: 'COMPLETED' })], {
      settings: { ...settings, strategy },
    });
    expect(needsRecord(completed)).toBe(isRead);
    const known = isRead ? record(status, { deployment: `ecs-svc/${number}` }) : undefined;
    const context = { ifBusy: 'refuse', isJoined: false, now: NOW, record: known } as const;
    expect(checkInProgress(completed, context).status).toBe(expected);
  },
);

test('an age is measured on the clock of AWS, which a local AWS can run ahead of', () => {
  const event = { id: '1', message: '', createdAt: new Date(timeOf(2).getTime() + 90_000) };
  const { message } = check('refuse', false, service([own()], { events: [event] }));
  expect(message).toContain('for 1m 30s');
});

test.each([
  ['a newer one', service([deployment(3, { status: 'PRIMARY' })]), 'app:3 was deployed 0.0s ago'],
  ['the one before', service([old({ status: 'PRIMARY' })]), 'it is on app:1 again'],
  [
    'a rollback',
    service([
      deployment(3, {
        status: 'PRIMARY',
        taskDefinition: 'app:1',
        reason: 'ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.',
      }),
    ]),
    'ECS rolled it back to app:1',
  ],
])('what changed since the plan: %s', (_, now, change) => {
  const text = changeOf(service([own()]), now, NOW);
  expect(text).toContain(`"api" has changed since this run read it: ${change} (ecs-svc/`);
});

test('a deployment that has completed since the plan is no change', () => {
  const done = service([own({ rolloutState: 'COMPLETED' })]);
  expect(changeOf(service([own()]), done, NOW)).toBeUndefined();
  expect(changeOf(service([own()]), service([]), NOW)).toBeUndefined();
});
