import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { serviceResult } from '../../src/core/result.ts';
import type { Event } from '../../src/events.ts';
import { plainReporter } from '../../src/report/plain.ts';
import type { PlainOptions } from '../../src/report/plain.ts';
import { progress } from '../support/run-events.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-11-26T23:58:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A reporter on a clock that `wait` moves, and the lines that it writes. */
function open(options: Partial<PlainOptions> = {}) {
  let text = '';
  const reporter = plainReporter(
    (part) => {
      text += part;
    },
    { verbose: false, quiet: false, ...options },
  );
  return {
    say: (...events: readonly Event[]) => {
      for (const event of events) reporter.report({ ...event, at: new Date() });
    },
    wait: (seconds: number) => vi.advanceTimersByTime(seconds * 1000),
    end: reporter.end,
    lines: () => text.trimEnd().split('\n'),
  };
}

const started = {
  kind: 'rollout-started',
  cluster: 'backend',
  service: 'api',
  deployment: 'ecs-svc/2',
} as const;
const ended: Event = {
  kind: 'service-ended',
  result: serviceResult({
    cluster: 'c',
    service: 'api',
    outcome: 'succeeded',
    taskDefinition: 'task-definition/app:2',
    running: 2,
    desired: 2,
  }),
  reason: '',
  seconds: 130,
  digests: [],
  rollingBack: false,
  detached: false,
};
const ecs = (message: string): Event => ({
  kind: 'service-event',
  cluster: 'backend',
  service: 'api',
  message: `(service api) ${message}`,
  createdAt: undefined,
});

describe('a rollout in a log', () => {
  test('is a line per change with its time, and with the date where it begins', () => {
    const { say, wait, lines, end } = open({ times: true });
    say({ ...started, from: 'app:1', to: 'app:2' }, progress({ pending: 2 }));
    wait(50);
    say(progress({ pending: 2 }), progress({ running: 1, pending: 1 }));
    wait(80);
    say(progress({ running: 2, old: 0 }), progress({ running: 2, old: 0 }), ended);
    end();
    expect(lines()).toEqual([
      '2026-11-26T23:58:00Z api: app:1 → app:2',
      '  deployment ecs-svc/2',
      '23:58:00 api: 0 of 2 running, 2 pending; 2 old tasks running',
      '23:58:50 api: 1 of 2 running, 1 pending; 2 old tasks running',
      '23:59:50 Still watching after 1m 50s: api: 1 of 2 running, 1 pending; 2 old tasks running',
      '2026-11-27T00:00:10Z api: 2 of 2 running (waiting for ECS to complete the deployment)',
      '00:00:10 api runs app:2 (2 of 2 tasks) after 2m 10s',
    ]);
  });

  test('says every minute that it is alive, and what it waits for', () => {
    const { say, wait, lines } = open();
    say(progress({ running: 2, waitsFor: 'drain', draining: 2, waitsAtMost: 300 }));
    wait(185);
    const waiting = 'api: 2 of 2 running (draining 2 old tasks, up to 5m 0s)';
    expect(lines()).toEqual([
      waiting,
      ...['1m 0s', '2m 0s', '3m 0s'].map(
        (gone) => `Still watching after ${gone}: ${waiting} for ${gone}`,
      ),
    ]);
  });

  test('leaves out what ECS says of every deployment, and tells the rest once', () => {
    const { say, lines } = open();
    say(
      ecs('has started 1 tasks: (task 0123456789abcdef0123456789abcdef).'),
      ecs('has stopped 2 running tasks: (task a) (task b).'),
      ecs('registered 1 targets in (target-group arn:aws:x)'),
      ecs('deregistered 1 targets in (target-group arn:aws:x)'),
      ecs('has begun draining connections on 1 tasks.'),
      ecs('(deployment ecs-svc/2) deployment completed.'),
      ecs('has reached a steady state.'),
      ecs('has started 1 tasks: (task a). Amazon ECS replaced 1 tasks due to an unhealthy status.'),
      ecs('(deployment ecs-svc/2) deployment failed: tasks failed to start.'),
      ecs('something that nobody knows'),
      ecs('something that nobody knows'),
    );
    expect(lines()).toEqual([
      'api: ECS: has started 1 tasks: (task a). Amazon ECS replaced 1 tasks due to an unhealthy status.',
      'api: ECS: (deployment ecs-svc/2) deployment failed: tasks failed to start.',
      'api: ECS: something that nobody knows',
    ]);
  });

  test('of 20 minutes has fewer than 60 lines, and of a quiet one as well', () => {
    for (const step of [3, 47, 1200]) {
      const { say, wait, lines } = open();
      for (let gone = 0; gone < 1200; gone += step) {
        say(
          progress({ desired: 500, running: Math.floor(gone / 3), failed: Math.floor(gone / 9) }),
        );
        say(ecs(`has started 1 tasks: (task ${gone}).`));
        wait(step);
      }
      say(ended);
      expect(lines().length).toBeLessThan(60);
    }
  });

  test('names a late log under the cause that is known', () => {
    const { say, lines } = open();
    const cause = { code: 'application-exit', summary: 'it ended', hint: 'h', tasks: 1 } as const;
    say({
      kind: 'cause',
      cluster: 'backend',
      service: 'api',
      cause: { ...cause, evidence: ['exit code 1'] },
    });
    say({
      kind: 'cause',
      cluster: 'backend',
      service: 'api',
      cause: { ...cause, evidence: ['exit code 1', '| log'] },
    });
    say({
      ...ended,
      result: {
        ...ended.result,
        outcome: 'failed',
        serving: 'task-definition/app:2',
        causes: [{ ...cause, evidence: [] }],
      },
    });
    expect(lines()).toEqual([
      'Error: api: it ended [application-exit]',
      '  exit code 1',
      '  → h',
      'api: more about application-exit:',
      '  | log',
      'Error: The deployment of app:2 to api failed: it ended [application-exit]',
    ]);
  });
});

test('a silent push says how far it is', () => {
  const { say, wait, lines } = open();
  const layer = { id: 'a', state: 'pushing', current: 1e6, total: 4e6 } as const;
  say({ kind: 'push-started' }, { kind: 'push-progress', layers: [layer] });
  wait(61);
  expect(lines()).toEqual(['Pushing', 'Still pushing after 1m 0s: 1.0 MB of 4.0 MB']);
});

test('nothing is said of a silence before a phase, after it, and with --quiet', () => {
  for (const quiet of [false, true]) {
    const { say, wait, lines, end } = open({ quiet });
    wait(100);
    say(progress({}));
    say(ended);
    wait(100);
    end();
    wait(100);
    expect(lines().filter((line) => line.startsWith('Still'))).toEqual([]);
  }
});
