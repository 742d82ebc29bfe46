import { isCi } from '../core/ci.ts';
import type { Settings } from '../settings/lookup.ts';
import { ciSystem, commandGuard, isGithub, sectionReporter } from './ci.ts';
import { githubAnnotator } from './github.ts';
import { jsonReporter } from './json.ts';
import { plainReporter } from './plain.ts';
import type { Reporter } from './plain.ts';

/** What decides how events are reported. */
export interface ReporterOptions {
  readonly progress: Settings['progress'];
  readonly verbose: boolean;
  readonly stream: NodeJS.WriteStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Calls back when the run continues after Ctrl-Z. */
  readonly onResume?: ((act: () => void) => void) | undefined;
}

/** Chooses how stderr shows the events: live on a terminal, plain lines elsewhere. */
export async function openReporter(options: ReporterOptions): Promise<Reporter> {
  const { progress, verbose, stream, environment } = options;
  const write = (text: string) => void stream.write(text);
  const guard = commandGuard(environment);
  const show = (text: string) => write(guard(text));
  const terminal = stream.isTTY && stream.columns > 0 && environment['TERM'] !== 'dumb';
  if (progress === 'json') return jsonReporter(write, verbose);
  const annotator = isGithub(environment) ? githubAnnotator(write) : undefined;
  if (progress === 'quiet') return plainReporter(show, { verbose: false, quiet: true, annotator });
  if (terminal && (progress === 'terminal' || (progress === 'auto' && !isCi(environment)))) {
    const { terminalReporter } = await import('./terminal.ts');
    const colour = isColoured(stream, environment);
    const unicode = showsUnicode(environment);
    const { onResume } = options;
    return terminalReporter(stream, { verbose, colour, unicode, guard, onResume });
  }
  const { FORCE_COLOR } = environment;
  const isForced = FORCE_COLOR !== undefined && FORCE_COLOR !== '0';
  const paint = isForced ? (await import('./terminal.ts')).paintLine(true, true) : undefined;
  const system = ciSystem(environment);
  const times = system?.hasTimes !== true;
  const plain = plainReporter(show, { verbose, quiet: false, times, paint, annotator });
  return system === undefined ? plain : sectionReporter(write, plain, system.sections);
}

/** Whether a terminal shows more than ASCII: Windows Terminal, VS Code, or a UTF-8 locale. */
export function showsUnicode({
  LC_ALL,
  LC_CTYPE,
  LANG,
  TERM,
  TERM_PROGRAM,
  WT_SESSION,
}: ReporterOptions['environment']): boolean {
  if (WT_SESSION || TERM_PROGRAM === 'vscode') return true;
  return TERM !== 'linux' && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}

/** Whether a stream shows colours: on a terminal, unless the user says otherwise. */
export function isColoured(
  stream: Pick<NodeJS.WriteStream, 'isTTY'>,
  { NO_COLOR, FORCE_COLOR, TERM }: ReporterOptions['environment'],
): boolean {
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0';
  return stream.isTTY && !NO_COLOR && TERM !== 'dumb';
}
