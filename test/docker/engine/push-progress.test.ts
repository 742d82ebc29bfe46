import fc from 'fast-check';
import { expect, test } from 'vitest';
import { advanceLayer } from '../../../src/docker/engine/push-image.ts';
import type { LayerProgress } from '../../../src/events.ts';

const at = (state: LayerProgress['state'], current = 0, total?: number): LayerProgress => ({
  id: 'a',
  state,
  current,
  total,
});
const after = (...seen: readonly LayerProgress[]) =>
  seen.reduce<LayerProgress | undefined>(advanceLayer, undefined);

test('a layer that is pushed has all its bytes, although its last line has none', () => {
  expect(after(at('waiting'), at('pushing', 50, 100), at('pushed'))).toEqual(
    at('pushed', 100, 100),
  );
});

test('a layer that the registry has takes no bytes', () => {
  expect(after(at('waiting'), at('exists', 0, 0))).toEqual(at('exists', 0, 0));
});

test('a retry keeps what was counted, and knows who pushed a layer', () => {
  const first = [at('pushing', 60, 100), at('waiting'), at('pushing', 10, 100)];
  expect(after(...first)).toEqual(at('pushing', 60, 100));
  expect(after(...first, at('pushed'), at('exists', 0, 0))).toEqual(at('pushed', 100, 100));
});

test('the bytes of a layer never fall, and never exceed its size', () => {
  const line = fc.record({
    id: fc.constant('a'),
    state: fc.constantFrom('waiting', 'pushing', 'pushed', 'exists'),
    current: fc.nat(200),
    total: fc.option(fc.nat(200), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      let before: LayerProgress | undefined;
      for (const item of lines) {
        const next = advanceLayer(before, item);
        expect(next.current).toBeGreaterThanOrEqual(before?.current ?? 0);
        expect(next.total ?? next.current).toBeGreaterThanOrEqual(
          Math.max(next.current, before?.total ?? 0),
        );
        before = next;
      }
    }),
  );
});
