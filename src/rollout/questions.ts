import { waitingHooks } from '../core/ecs.ts';
import { nameOf } from '../core/service-name.ts';
import type { WatchState } from '../core/watch.ts';
import type { AskPause, RolloutTools } from './tools.ts';

/** What the user decides about a pause hook. */
export interface Decision {
  readonly hook: string;
  readonly action: 'CONTINUE' | 'ROLLBACK';
}

/** A question about a hook, open or waiting for its turn. */
interface Question {
  readonly hook: string;
  readonly withdrawn: AbortController;
}

/** Asks about the pause hooks of one deployment after the other. */
export interface Questions<T> {
  /** Asks about a hook that has begun to wait, and withdraws the question once it no longer does. */
  readonly update: (watch: T, state: WatchState) => void;
  /** The decision about a deployment, once. */
  readonly take: (watch: T) => Decision | undefined;
  /** Resolves with the next decision. */
  readonly next: () => Promise<void>;
  /** Withdraws all questions. */
  readonly close: () => void;
}

/** Opens the questions of a run; without a terminal there are none. */
export function openQuestions<T extends object>({
  askPause,
  emit,
  signal,
}: Pick<RolloutTools, 'askPause' | 'emit' | 'signal'>): Questions<T> {
  const asked = new Set<string>();
  const open = new Map<T, Question>();
  const decisions = new Map<T, Decision>();
  let turn: Promise<void> = Promise.resolve();
  let wake: () => void = () => undefined;
  const nextDecision = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  let next = nextDecision();

  const put = async (ask: AskPause, watch: T, state: WatchState, question: Question) => {
    const { hook, withdrawn } = question;
    if (withdrawn.signal.aborted) return;
    const name = nameOf(state.polled.service);
    const stage = state.polled.record?.stage ?? '';
    emit({ kind: 'question-started', ...name, stage, hook });
    const until = AbortSignal.any([signal, withdrawn.signal]);
    const answer = await ask({ ...name, stage }, until).catch(() => undefined);
    emit({ kind: 'question-ended', ...name, hook });
    open.delete(watch);
    if (answer === undefined || until.aborted) return;
    decisions.set(watch, { hook, action: answer });
    wake();
    next = nextDecision();
  };
  return {
    update: (watch, state) => {
      const { record } = state.polled;
      const hooks = record === undefined ? [] : waitingHooks(record);
      const current = open.get(watch);
      if (current !== undefined) {
        if (!hooks.some(({ id }) => id === current.hook)) current.withdrawn.abort();
        return;
      }
      const hook = hooks.find(({ id }) => !asked.has(id))?.id;
      if (askPause === undefined || hook === undefined || state.rollingBack) return;
      asked.add(hook);
      const question = { hook, withdrawn: new AbortController() };
      open.set(watch, question);
      turn = turn.then(() => put(askPause, watch, state, question));
    },
    take: (watch) => {
      const decision = decisions.get(watch);
      decisions.delete(watch);
      return decision;
    },
    next: () => next,
    close: () => {
      for (const { withdrawn } of open.values()) withdrawn.abort();
    },
  };
}
