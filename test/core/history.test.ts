import { describe, expect, test } from 'vitest';
import { old, own, record as recordOf, service as serviceOf } from '../support/ecs-types.ts';
import { aUse, codeDeployService } from '../support/code-deploy-types.ts';
import type { PastRollout, Service } from '../../src/core/ecs.ts';
import { pastDeployment, revisionBefore, rollbackTarget } from '../../src/core/history.ts';

/** Deployments from the oldest to the newest: a revision, with `!` behind it one that failed. */
function past(...entries: readonly string[]) {
  return entries
    .map((entry, index) => ({
      deployment: `ecs-svc/${index}`,
      status: entry.endsWith('!') ? 'ROLLBACK_SUCCESSFUL' : 'SUCCESSFUL',
      reason: '',
      createdAt: new Date(index),
      finishedAt: new Date(index + 1),
      taskDefinition: entry.replace('!', ''),
    }))
    .toReversed();
}

test.each([
  [['1', '2'], '2', '1'],
  [['1', '2', '3'], '3', '2'],
  [['1', '2', '3!'], '2', '1'],
  // A rollback has left 3: the next one goes further back, and then there is nothing left.
  [['1', '2', '3', '2'], '2', '1'],
  [['1', '2', '3', '2', '1'], '1', undefined],
  [['1', '2', '3', '2', '4'], '4', '2'],
  [['1', '2', '3', '2', '3'], '3', '2'],
  [['1', '1'], '1', undefined],
  // ECS no longer lists the deployment of what runs.
  [['1', '2'], '9', '2'],
  [['1!'], '1', undefined],
  [[], '1', undefined],
])('after %j the revision before %s is %s', (entries, current, before) => {
  expect(revisionBefore(past(...entries), current)).toBe(before);
});

/** A service on a revision, at rest or with a deployment in progress from another revision. */
function service(current: string, from?: string): Service {
  const rest = { status: 'PRIMARY', taskDefinition: current, rolloutState: 'COMPLETED' };
  const deployments =
    from === undefined
      ? [rest]
      : [
          { ...rest, rolloutState: 'IN_PROGRESS' },
          { status: 'ACTIVE', taskDefinition: from, rolloutState: 'COMPLETED' },
        ];
  return { taskDefinition: current, deployments } as unknown as Service;
}

describe('a rollback', () => {
  test.each<[string, Service, readonly string[], object | undefined]>([
    ['goes back', service('3'), ['1', '2', '3'], { way: 'move', revision: '2' }],
    ['goes one further back', service('2'), ['1', '2', '3', '2'], { way: 'move', revision: '1' }],
    ['has nowhere to go', service('1'), ['1'], undefined],
    [
      'stays after the circuit breaker rolled back',
      service('2'),
      ['1', '2', '3!'],
      { way: 'stay', revision: '2' },
    ],
    ['stops what is in progress', service('3', '2'), ['1', '2'], { way: 'stop', revision: '2' }],
    [
      'stops a forced deployment, and goes back',
      service('2', '2'),
      ['1', '2'],
      { way: 'stop', revision: '1' },
    ],
    [
      'follows a rollback in progress, which to stop would go forward',
      service('2', '3'),
      ['1', '2', '3'],
      { way: 'follow', revision: '2' },
    ],
    [
      'stops the deployment that follows a rollback',
      service('4', '2'),
      ['1', '2', '3', '2'],
      { way: 'stop', revision: '2' },
    ],
    [
      'stops a second try of a revision that a rollback has left',
      service('3', '2'),
      ['1', '2', '3', '2'],
      { way: 'stop', revision: '2' },
    ],
  ])('%s', (_, seen, entries, target) => {
    expect(rollbackTarget(seen, undefined, past(...entries))).toEqual(target);
  });

  test.each([
    ['IN_PROGRESS', 'BAKE_TIME', { way: 'stop', revision: '2' }],
    ['IN_PROGRESS', 'CLEAN_UP', { way: 'move', revision: '2' }],
    ['SUCCESSFUL', undefined, { way: 'move', revision: '2' }],
    ['ROLLBACK_IN_PROGRESS', undefined, { way: 'follow', revision: '3' }],
  ])('of a COMPLETED deployment whose record is %s at %s', (status, stage, target) => {
    const primary = own({ taskDefinition: '3', rolloutState: 'COMPLETED' });
    const seen = serviceOf([primary, old({ taskDefinition: '2' })]);
    const done = status === 'SUCCESSFUL' ? ['1', '2', '3'] : ['1', '2'];
    expect(rollbackTarget(seen, recordOf(status, { stage }), past(...done))).toEqual(target);
  });

  test.each([
    ['d-3', 'STOPPED', 'd-2', { way: 'stay', revision: '2' }],
    ['d-3', 'FAILED', 'd-2', { way: 'stay', revision: '2' }],
    // It has shifted the traffic before it was stopped.
    ['d-3', 'STOPPED', 'd-3', { way: 'move', revision: '2' }],
  ])('of CodeDeploy whose last deployment %s is %s while %s serves', (last, status, id, target) => {
    const taskDefinition = id === last ? '3' : '2';
    const service = codeDeployService([1], {
      taskDefinition,
      deployments: [own({ id, taskDefinition, rolloutState: 'COMPLETED' })],
      codeDeploy: aUse(),
    });
    const [, ...before] = past('1', '2', '3');
    const failed = { ...before[0], deployment: last, status, taskDefinition: '3' } as PastRollout;
    expect(rollbackTarget(service, undefined, [failed, ...before])).toEqual(target);
  });

  test('follows what ECS rolls back already', () => {
    const record = recordOf('ROLLBACK_IN_PROGRESS');
    const target = rollbackTarget(service('3', '2'), record, past('1', '2'));
    expect(target).toEqual({ way: 'follow', revision: '3' });
  });

  test('without the past, it stops what is in progress, or goes nowhere', () => {
    expect(rollbackTarget(service('3', '2'), undefined, undefined)).toMatchObject({ way: 'stop' });
    expect(rollbackTarget(service('3'), undefined, undefined)).toBeUndefined();
  });
});

const SHA = '0123456789abcdef0123456789abcdef01234567';

test.each([
  [`registry/app:${SHA}`, SHA, SHA],
  [`registry/app:${SHA}-dirty-0a1b2c3d`, `${SHA}-dirty-0a1b2c3d`, SHA],
  [`registry:5000/app:${SHA}-0a1b2c3d@sha256:aa`, `${SHA}-0a1b2c3d`, SHA],
  [`registry/app:${SHA}9`, `${SHA}9`, null],
  ['registry/app:20260102', '20260102', null],
  ['registry:5000/app', null, null],
  [undefined, null, null],
])('of the image %s the tag is %s and the commit %s', (image, tag, commit) => {
  const [rollout] = past('1');
  const shown = rollout && pastDeployment(rollout, image);
  expect(shown).toMatchObject({ image: image ?? null, tag, commit, seconds: 0.001 });
});
