import type { Outcome, ServiceResult } from '../core/result.ts';
import { nameOf, nameSeenFrom } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import { resultOf } from '../core/watch.ts';
import type { Emit } from '../events.ts';
import type { Move } from './tools.ts';

/** Moves in the order that `after` gives. */
export interface Queue {
  /**
   * Takes the moves whose predecessors have all succeeded. Those that no longer can become ready are
   * skipped, and all of them once the run is `over`.
   */
  readonly takeReady: (isOver: boolean) => readonly Move[];
  /** Notes how a move that was taken has ended. */
  readonly end: (move: Move, result: ServiceResult) => void;
  /** One result per move, in their order; reports what stays deployed although others were skipped. */
  readonly results: () => readonly ServiceResult[];
}

/** Outcomes after which the next service is deployed. */
const GOOD: ReadonlySet<Outcome> = new Set(['succeeded', 'unchanged']);

/** Opens the queue, and reports which services wait. */
export function openQueue(emit: Emit, moves: readonly Move[]): Queue {
  const results = new Map<Move, ServiceResult>();
  const waiting = new Set(moves);
  const before = new Map(
    moves.map((move) => [
      move,
      moves.filter(({ order }) => order !== undefined && move.order?.after.includes(order.id)),
    ]),
  );
  const beforeOf = (move: Move) => before.get(move) ?? [];
  const isGood = (move: Move) => GOOD.has(results.get(move)?.outcome ?? 'unknown');
  /** What keeps a move from ever being ready. */
  const obstaclesOf = (move: Move) =>
    beforeOf(move).flatMap((item) => {
      const outcome = results.get(item)?.outcome;
      return outcome === undefined || GOOD.has(outcome)
        ? []
        : [{ ...nameOf(item.service), outcome }];
    });
  const take = (isTaken: (move: Move) => boolean) => {
    const taken = [...waiting].filter(isTaken);
    for (const move of taken) waiting.delete(move);
    return taken;
  };
  for (const move of moves) {
    const here = nameOf(move.service);
    const after = beforeOf(move).map(({ service }) => nameSeenFrom(here, nameOf(service)));
    if (after.length > 0) emit({ kind: 'service-waiting', ...watchedBy(move), after });
  }
  return {
    takeReady: (isOver) => {
      for (;;) {
        const held = take((move) => isOver || obstaclesOf(move).length > 0);
        if (held.length === 0) break;
        for (const move of held) {
          results.set(move, resultOf(move, 'skipped'));
          emit({ kind: 'service-skipped', ...watchedBy(move), because: obstaclesOf(move) });
        }
      }
      return take((move) => beforeOf(move).every(isGood));
    },
    end: (move, result) => void results.set(move, result),
    results: () => {
      const ends = moves.map((move) => results.get(move) ?? resultOf(move, 'unknown'));
      const left = moves.filter((move) => results.get(move)?.outcome === 'succeeded');
      if (left.length > 0 && ends.some(({ outcome }) => outcome === 'skipped')) {
        emit({ kind: 'left-deployed', services: left.map(watchedBy) });
      }
      return ends;
    },
  };
}

function watchedBy({ service, revision }: Move) {
  return { ...nameOf(service), revision: shortName(revision) };
}
