import { hasFailedTasks, isFault } from '../core/diagnosis.ts';
import type { Cause } from '../core/diagnosis.ts';
import { withoutCommands } from '../core/foreign.ts';
import type { Outcome } from '../core/result.ts';
import type { Event, EventOf } from '../events.ts';
import type { Annotator, Write } from './plain.ts';
import { wordEvent } from './words.ts';
import type { Level, Line } from './words.ts';

type Severity = 'error' | 'warning';

/** GitHub shows this many annotations of each severity for a step; others stay in the log only. */
const LIMIT = 10;

/** Lines of evidence in an annotation: the last ones say most. */
const EVIDENCE_LINES = 20;

const SEVERITIES: Readonly<Partial<Record<Level, Severity>>> = {
  error: 'error',
  fail: 'error',
  warning: 'warning',
  warn: 'warning',
};

/** The end says what a rollback came to, and remarks on a workflow are no trouble of this run. */
const NOT_ANNOTATED = new Set<Event['kind']>(['cause', 'rolling-back', 'workflow-read']);

const RED = new Set<Outcome>(['failed', 'rolled-back', 'superseded', 'timed-out', 'unknown']);

/** Annotates errors, warnings and every red end, for GitHub Actions. */
export function githubAnnotator(write: Write): Annotator {
  const left = { error: LIMIT, warning: LIMIT };
  // Causes of services without an end yet.
  const causes = new Map<string, EventOf<'cause'>>();
  /** False once the limit is reached. */
  const annotate = (severity: Severity, lines: readonly Line[]): boolean => {
    if (left[severity] === 0) return false;
    left[severity] -= 1;
    const text = lines.map(textOf).join('\n');
    write(`::${severity} title=ecsdeploy::${escapeData(withoutCommands(text))}\n`);
    return true;
  };
  const annotateCause = (event: EventOf<'cause'>) => {
    const severity = hasFailedTasks(event.cause) ? 'error' : 'warning';
    annotate(severity, wordEvent(event).lines);
  };
  return {
    report: (event, lines, plain) => {
      if (event.kind === 'cause') causes.set(`${event.service} ${event.cause.code}`, event);
      if (event.kind === 'service-ended') {
        const { cluster, service, outcome, causes: found } = event.result;
        for (const [key, cause] of causes) if (cause.service === service) causes.delete(key);
        const severity = RED.has(outcome) ? 'error' : 'warning';
        const main = RED.has(outcome) ? (found.find(isFault) ?? found[0]) : undefined;
        const isCalm = outcome === 'succeeded' || outcome === 'paused' || event.detached;
        if (isCalm || !annotate(severity, endLines(event, main))) plain(lines);
        for (const cause of found) {
          if (cause === main) continue;
          const told = { kind: 'cause', cluster, service, cause } as const;
          // A service that has succeeded all the same has no error.
          if (RED.has(outcome)) annotateCause(told);
          else annotate('warning', wordEvent(told).lines);
        }
        return;
      }
      if (NOT_ANNOTATED.has(event.kind)) return plain(lines);
      for (const block of blocksOf(lines)) {
        const severity = block[0] && SEVERITIES[block[0].level];
        if (severity === undefined || !annotate(severity, block)) plain(block);
      }
    },
    end: () => {
      for (const event of causes.values()) annotateCause(event);
      causes.clear();
    },
  };
}

/** The verdict, the last lines of the evidence for it, and what to do. */
function endLines(event: EventOf<'service-ended'>, main: Cause | undefined): readonly Line[] {
  const [verdict, ...rest] = wordEvent(event).lines;
  if (verdict === undefined || main === undefined) return wordEvent(event).lines;
  const { cluster, service } = event.result;
  const cause = wordEvent({ kind: 'cause', cluster, service, cause: main }).lines;
  const evidence = cause.slice(1).filter(({ level }) => level === 'detail');
  return [verdict, ...evidence.slice(-EVIDENCE_LINES), ...rest];
}

/** Each error and warning with the lines that belong to it, and the lines between them. */
function blocksOf(lines: readonly Line[]): readonly (readonly Line[])[] {
  const blocks: Line[][] = [];
  for (const line of lines) {
    const belongs = line.level === 'hint' || line.level === 'detail';
    const block = blocks.at(-1);
    if (block !== undefined && belongs) block.push(line);
    else blocks.push([line]);
  }
  return blocks;
}

const textOf = ({ level, text }: Line) => (level === 'hint' ? `→ ${text.trim()}` : text);

/** Encodes `%` and line breaks: a workflow command ends with its line. */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
