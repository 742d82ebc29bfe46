import { expect, onTestFinished, test } from 'vitest';
import { startClock } from '../../src/sandbox/clock.ts';

/** Keeps the machine busy, as other processes do. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test('time in which this process does not run does not count while timers are pending', async () => {
  const clock = startClock(1000);
  onTestFinished(clock.stop);
  const fired = new Promise<number>((resolve) => {
    clock.after(20, () => resolve(clock.now() - begun));
  });
  const begun = clock.now();
  block(100);
  expect(clock.now() - begun).toBeLessThan(20);
  expect(await fired).toBeGreaterThan(10);
  block(100);
  expect(clock.now() - begun).toBeGreaterThanOrEqual(100);
});

test('actions run in the order of their times, and none after the clock has stopped', async () => {
  const clock = startClock(1000);
  const log: number[] = [];
  await new Promise<void>((resolve) => {
    clock.after(30, () => {
      log.push(30);
      clock.after(10, () => log.push(40));
      clock.stop();
      clock.after(1, () => log.push(1));
      resolve();
    });
    clock.after(10, () => log.push(10));
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(log).toEqual([10, 30]);
});
