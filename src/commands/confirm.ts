import { qualifier } from '../core/service-name.ts';
import { EcsDeployError } from '../errors.ts';
import { named } from '../settings/config.ts';
import type { Config } from '../settings/config.ts';
import type { Context } from './context.ts';

type ConfirmSettings = Pick<Config, 'confirm' | 'yes' | 'environment' | 'targets'> & {
  readonly dryRun?: boolean;
  readonly watch?: boolean;
};

/** Whether the user must be asked before the first write. */
function mustAsk({ confirm, yes, dryRun = false, watch = false }: ConfirmSettings): boolean {
  return confirm && !yes && !dryRun && !watch;
}

/** Throws `usage` where the user must be asked before the first write, and cannot be. */
export function requireTerminal(
  { confirm }: Pick<Context, 'confirm'>,
  settings: ConfirmSettings,
): void {
  if (!mustAsk(settings) || confirm !== undefined) return;
  const { environment } = settings;
  const where = environment === undefined ? 'The config file' : `The environment "${environment}"`;
  throw new EcsDeployError({
    code: 'usage',
    message: `${where} has "confirm: true", but there is no terminal to ask on.`,
    hint: 'to continue without the question: --yes',
  });
}

/** Asks, where the config wants it; `verb` begins the question. Throws `not-confirmed`. */
export async function confirmMoves(
  { confirm }: Pick<Context, 'confirm'>,
  settings: ConfirmSettings,
  verb: string,
): Promise<void> {
  if (!mustAsk(settings) || confirm === undefined) return;
  const { environment, targets } = settings;
  const names = targets.map(named);
  const services = names.map(qualifier(names)).join(', ');
  const where = environment === undefined ? '' : ` in the environment ${environment}`;
  const answer = await confirm(`${verb} ${services}${where}? Type "yes" to continue: `);
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new EcsDeployError({
    code: 'not-confirmed',
    message: 'Not confirmed. Nothing was changed.',
    hint: 'to see the plan only: --dry-run',
  });
}
