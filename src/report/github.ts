import { appendFileSync } from 'node:fs';
import { hasFailedTasks } from '../core/diagnosis.ts';
import { printable, withoutCommands } from '../core/foreign.ts';
import type { Result, ServiceResult } from '../core/result.ts';
import { shortName } from '../core/task-definition.ts';
import type { Event } from '../events.ts';
import { formatChanges } from './diff.ts';
import type { DiffLine } from './diff.ts';
import { formatSeconds } from './format.ts';
import type { Reporter, Write } from './plain.ts';
import { wordEvent } from './words.ts';

const GROUPS: Readonly<Partial<Record<Event['kind'], string>>> = {
  'before-started': 'Before the build',
  'build-started': 'Build',
  'push-started': 'Push',
};
const GROUP_ENDS = new Set<Event['kind']>(['built', 'pushed', 'error', 'interrupted']);

/** Adds GitHub Actions' groups and annotations to the lines of another reporter. */
export function githubReporter(write: Write, inner: Reporter): Reporter {
  let open = false;
  const close = () => {
    if (open) write('::endgroup::\n');
    open = false;
  };
  return {
    report: (event) => {
      const group = GROUPS[event.kind];
      if (group !== undefined && !(open && event.kind === 'before-started')) {
        close();
        write(`::group::${group}\n`);
        open = true;
      }
      if (GROUP_ENDS.has(event.kind)) close();
      if (event.kind === 'error' || event.kind === 'cause') {
        const text = wordEvent(event)
          .lines.map((line) => line.text)
          .join('\n');
        const isError = event.kind === 'error' || hasFailedTasks(event.cause);
        write(
          `::${isError ? 'error' : 'warning'} title=ecsdeploy::${escapeData(withoutCommands(text))}\n`,
        );
      }
      inner.report(event);
    },
    end: () => {
      close();
      inner.end();
    },
  };
}

/** Encodes `%` and line breaks: a workflow command ends with its line. */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** Commands that only show something: they leave outputs and summary to the command that deploys. */
const SHOWING = new Set(['status', 'diagnose', 'history', 'logs', 'help', 'sandbox']);

/**
 * Appends the result to the step's outputs and to the job's summary, where GitHub names the files.
 * Outputs without a value are left as an earlier command of the step set them.
 */
export function writeGithubFiles(
  result: Result,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  if (SHOWING.has(result.command)) return;
  const outputs: Readonly<Record<string, string | null | undefined>> = {
    outcome: result.outcome,
    image: result.image?.reference,
    digest: result.image?.digest,
    'task-definition': result.services[0]?.taskDefinition,
  };
  const { GITHUB_OUTPUT: outputFile, GITHUB_STEP_SUMMARY: summaryFile } = environment;
  if (outputFile) {
    const lines = Object.entries(outputs).flatMap(([name, value]) =>
      value ? [`${name}=${oneLine(value)}\n`] : [],
    );
    appendFileSync(outputFile, lines.join(''));
  }
  if (summaryFile) appendFileSync(summaryFile, summary(result));
}

function summary({ command, outcome, image, services, error, seconds }: Result): string {
  const lines = [`### ecsdeploy ${command}: ${outcome} after ${formatSeconds(seconds.total)}`, ''];
  if (image !== null)
    lines.push(
      `Image \`${oneLine(image.reference).replaceAll('`', '')}\` ${inert(image.digest ?? '')}`,
      '',
    );
  const named = services.filter(({ service }) => service !== '');
  if (named.length > 0) {
    lines.push(
      '| service | outcome | revision | tasks | failed |',
      '| --- | --- | --- | --- | --- |',
      ...named.map(
        (item) =>
          `| ${inert(item.service)} | ${item.outcome} | ${inert(shortName(item.taskDefinition ?? ''))} | ${inert(tasksOf(item))} | ${item.failedTasks} |`,
      ),
      '',
    );
  }
  for (const { service, changes = [] } of services) {
    if (changes.length === 0) continue;
    if (services.length > 1) lines.push(`#### ${inert(service)}`, '');
    lines.push(markdownDiff(formatChanges(changes)), '');
  }
  for (const { code, summary: text, hint } of services.flatMap(({ causes }) => causes)) {
    lines.push(`**${code}**`, '', fenced(`${text}\n${hint}`), '');
  }
  if (error !== null) {
    lines.push(`**${error.code}**`, '', fenced(`${error.message}\n${error.hint ?? ''}`.trim()));
  }
  return `${lines.join('\n')}\n`;
}

/** Running tasks, of each revision where others than that of the row run. */
function tasksOf({ running, desired, taskDefinition, runningByRevision }: ServiceResult) {
  const alive = Object.entries(runningByRevision).filter(([, count]) => count > 0);
  if (alive.every(([revision]) => revision === taskDefinition)) return `${running} of ${desired}`;
  return alive.map(([arn, count]) => `${count} of ${desired} on ${shortName(arn)}`).join(', ');
}

/** A diff as Markdown, in a block that GitHub colours. */
function markdownDiff(lines: readonly DiffLine[]): string {
  const marks: Readonly<Record<DiffLine['kind'], string>> = {
    heading: '',
    removed: '-',
    added: '+',
    changed: '!',
  };
  const text = lines
    .map((line) =>
      line.kind === 'heading' ? line.text : line.text.replace(/^\s+\S/, marks[line.kind]),
    )
    .join('\n');
  return fenced(text, 'diff');
}

/** A text as one printable line: a line break in an output would begin another one. */
function oneLine(text: string): string {
  return withoutCommands(printable(text)).replaceAll('\n', String.raw`\n`);
}

/** A text inside of a paragraph or a table, without effect as Markdown or HTML. */
function inert(text: string): string {
  return oneLine(text).replaceAll(/[\\`*<>&|[\]]/g, String.raw`\$&`);
}

/** A code block, in which Markdown and HTML of others are plain text. */
function fenced(others: string, language = 'text'): string {
  const text = withoutCommands(printable(others));
  // A fence ends at a line with as many backticks.
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}
