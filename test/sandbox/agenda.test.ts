import { expect, test } from 'vitest';
import type { Clock } from '../../src/sandbox/clock.ts';
import { createAgenda } from '../../src/sandbox/ecs/agenda.ts';

/** An agenda on a clock that the test sets, and what it has done, in order. */
function makeAgenda() {
  let now = 1000;
  let timers: { readonly at: number; readonly action: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    after: (seconds, action) => void timers.push({ at: now + seconds, action }),
    stop: () => undefined,
  };
  const log: string[] = [];
  const agenda = createAgenda<string>(
    clock,
    (owner) => log.push(`settle ${owner} at ${agenda.now()}`),
    () => undefined,
  );
  const advance = (seconds: number) => {
    now += seconds;
    const due = timers.filter(({ at }) => at <= now);
    timers = timers.filter(({ at }) => at > now);
    for (const { action } of due) action();
  };
  return { agenda, log, advance };
}

test('an action settles its own owner, once for each point in time', () => {
  const { agenda, log, advance } = makeAgenda();
  agenda.enter(() => {
    agenda.after('a', 2, () => log.push('a2'));
    agenda.after('b', 1, () => log.push('b1'));
    agenda.after('a', 2, () => log.push('a2 again'));
    agenda.after('c', 5, () => log.push('c5'));
  });
  expect(log).toEqual([]);
  advance(3);
  expect(log).toEqual(['b1', 'settle b at 1001', 'a2', 'a2 again', 'settle a at 1002']);
  agenda.enter(() => agenda.touch('d'));
  expect(log.slice(5)).toEqual(['settle d at 1003']);
});

test('actions of the same time keep their order, however many there are', () => {
  const { agenda, log, advance } = makeAgenda();
  const times = Array.from({ length: 500 }, (_, index) => (index * 7) % 50);
  agenda.enter(() => {
    for (const [index, time] of times.entries()) {
      agenda.after('a', time, () => log.push(`${time} ${index}`));
    }
  });
  advance(60);
  // Much that is due is done in several turns.
  for (let turn = 0; turn < times.length && log.length < 550; turn += 1) advance(0);
  const expected = times
    .map((time, index) => ({ time, text: `${time} ${index}` }))
    .toSorted((one, other) => one.time - other.time)
    .map(({ text }) => text);
  expect(log.filter((line) => !line.startsWith('settle'))).toEqual(expected);
  expect(log).toHaveLength(550);
});

test('time stands still until what an action needs is ready', async () => {
  const { agenda, log, advance } = makeAgenda();
  let resolve = () => undefined as void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  agenda.enter(() => {
    agenda.after('a', 6, () => log.push('pulled'), promise);
    agenda.after('b', 7, () => log.push('later'));
  });
  advance(100);
  expect(agenda.enter(() => agenda.now())).toBe(1006);
  expect(log).toEqual([]);
  resolve();
  await promise;
  advance(0);
  await new Promise((done) => setImmediate(done));
  advance(0);
  expect(log).toEqual(['pulled', 'settle a at 1006', 'later', 'settle b at 1007']);
  expect(agenda.enter(() => agenda.now())).toBe(1100);
});
