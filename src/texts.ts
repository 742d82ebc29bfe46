import { scriptOf } from './commands/completion-scripts.ts';
import { preparedHelp } from './help-text.ts';

declare const ECSDEPLOY_VERSION: string;

/**
 * What a command line prints that needs nothing of the rest: the version, help that the build has
 * prepared in `folder`, and the completion script that a shell waits for. Undefined for any other.
 */
export function textOf(
  argv: readonly string[],
  columns: number,
  folder: string,
): string | undefined {
  const [word, shell = '', ...rest] = argv;
  if (word === '--version' && shell === '') return `${ECSDEPLOY_VERSION}\n`;
  if (word === 'help' || argv.some((other) => other === '--help' || other === '-h'))
    return preparedHelp(argv, columns, folder);
  if (word !== 'completion' || rest.length > 0) return undefined;
  const script = scriptOf(shell);
  return script && `${script}\n`;
}
