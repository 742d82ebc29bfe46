import type { Paint } from '../core/changes.ts';
import { githubReporter } from './github.ts';
import { jsonReporter } from './json.ts';
import { plainReporter } from './plain.ts';
import type { Reporter } from './plain.ts';

/** What the choice of a reporter depends on. */
export interface ReporterOptions {
  readonly progress: 'auto' | 'terminal' | 'plain' | 'json' | 'quiet';
  readonly verbose: boolean;
  readonly stream: NodeJS.WriteStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Chooses how stderr tells the events: live on a terminal, plain lines elsewhere. */
export async function openReporter(options: ReporterOptions): Promise<Reporter> {
  const { progress, verbose, stream, environment } = options;
  const write = (text: string) => void stream.write(text);
  // ora hangs on a terminal that reports no columns.
  const terminal = stream.isTTY && stream.columns > 0;
  if (progress === 'json') return jsonReporter(write, verbose);
  if (progress === 'quiet') return plainReporter(write, { verbose: false, quiet: true });
  if (terminal && (progress === 'terminal' || (progress === 'auto' && !environment['CI']))) {
    const { terminalReporter } = await import('./terminal.ts');
    return terminalReporter(stream, { verbose, colour: colours(stream, environment) });
  }
  const paint = isForced(environment) ? (await import('./terminal.ts')).paintLine(true) : undefined;
  const plain = plainReporter(write, { verbose, quiet: false, paint });
  return environment['GITHUB_ACTIONS'] === 'true' ? githubReporter(write, plain) : plain;
}

/** Colours for what changes where it is printed as a result; undefined where it is to stay plain. */
export async function openPaint(
  stream: NodeJS.WriteStream,
  environment: ReporterOptions['environment'],
): Promise<Paint | undefined> {
  if (!colours(stream, environment)) return undefined;
  const { PAINT } = await import('./terminal.ts');
  return PAINT;
}

const isForced = ({ FORCE_COLOR }: ReporterOptions['environment']): boolean =>
  FORCE_COLOR !== undefined && FORCE_COLOR !== '0';

function colours(
  { isTTY }: NodeJS.WriteStream,
  environment: ReporterOptions['environment'],
): boolean {
  if (environment['FORCE_COLOR'] !== undefined) return isForced(environment);
  return isTTY && !environment['NO_COLOR'];
}
