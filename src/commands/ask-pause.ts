import { qualifier } from '../core/service-name.ts';
import type { AskPause } from '../rollout/tools.ts';
import type { Config } from '../settings/config.ts';
import { named } from '../settings/config.ts';
import type { Context } from './context.ts';

type Settings = Pick<Config, 'json' | 'yes' | 'progress' | 'quiet' | 'targets'>;

/** What the answers mean; leaving the deployment as it is has no action. */
const ANSWERS: readonly (readonly [RegExp, 'CONTINUE' | 'ROLLBACK' | undefined])[] = [
  [/^c(?:ontinue)?$/i, 'CONTINUE'],
  [/^r(?:oll ?back)?$/i, 'ROLLBACK'],
  [/^(?:l(?:eave)?)?$/i, undefined],
];

/**
 * What asks about a pause hook; undefined where nobody is to be asked: without a terminal, in CI, with
 * --yes, and where stderr is for programs.
 */
export function askPause(
  { confirm, environment }: Pick<Context, 'confirm' | 'environment'>,
  { json, yes, progress, quiet, targets }: Settings,
): AskPause | undefined {
  const isForPeople = !json && !quiet && progress !== 'json' && progress !== 'quiet';
  if (confirm === undefined || yes || environment['CI'] || !isForPeople) return undefined;
  const label = qualifier(targets.map(named));
  return async (name, signal) => {
    for (;;) {
      // The line above it names the stage.
      const question = `${label(name)}: continue, roll back or leave it waiting? [c/r/L] `;
      const answer = (await confirm(question, signal)).trim();
      const found = ANSWERS.find(([pattern]) => pattern.test(answer));
      if (found !== undefined) return found[1];
    }
  };
}
