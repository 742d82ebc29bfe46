import { appendFileSync } from 'node:fs';
import { formatChanges } from '../core/changes.ts';
import type { DiffLine } from '../core/changes.ts';
import { hasFailedTasks } from '../core/diagnosis.ts';
import type { Result } from '../core/result.ts';
import { shortName } from '../core/task-definition.ts';
import type { Event } from '../events.ts';
import type { Reporter, Write } from './plain.ts';
import { formatSeconds, wordEvent } from './text.ts';

const GROUPS: Readonly<Partial<Record<Event['kind'], string>>> = {
  'before-started': 'Before the build',
  'build-started': 'Build',
  'push-started': 'Push',
};
const GROUP_ENDS = new Set<Event['kind']>(['built', 'pushed', 'error', 'interrupted']);

/** Adds GitHub Actions' groups and annotations to another reporter's lines. */
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
        write(`::${isError ? 'error' : 'warning'} title=ecsdeploy::${escapeData(text)}\n`);
      }
      inner.report(event);
    },
    end: () => {
      close();
      inner.end();
    },
  };
}

/** Workflow commands end at the line's end, so line breaks and `%` are encoded. */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** Appends the result to the step's outputs and to the job's summary, where GitHub names the files. */
export function writeGithubFiles(
  result: Result,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const outputs: Readonly<Record<string, string>> = {
    outcome: result.outcome,
    image: result.image?.reference ?? '',
    digest: result.image?.digest ?? '',
    'task-definition': result.services[0]?.taskDefinition ?? '',
  };
  const { GITHUB_OUTPUT: outputFile, GITHUB_STEP_SUMMARY: summaryFile } = environment;
  if (outputFile) {
    const lines = Object.entries(outputs).map(([name, value]) => `${name}=${value}\n`);
    appendFileSync(outputFile, lines.join(''));
  }
  if (summaryFile) appendFileSync(summaryFile, summary(result));
}

function summary({ command, outcome, image, services, error, seconds }: Result): string {
  const lines = [`### ecsdeploy ${command}: ${outcome} after ${formatSeconds(seconds.total)}`, ''];
  if (image !== null) lines.push(`Image \`${image.reference}\` ${image.digest ?? ''}`, '');
  const named = services.filter(({ service }) => service !== '');
  if (named.length > 0) {
    lines.push(
      '| service | outcome | revision | tasks | failed |',
      '| --- | --- | --- | --- | --- |',
    );
    for (const item of named) {
      const revision = shortName(item.taskDefinition ?? '');
      lines.push(
        `| ${item.service} | ${item.outcome} | ${revision} | ${item.running} of ${item.desired} | ${item.failedTasks} |`,
      );
    }
    lines.push('');
  }
  for (const { service, changes = [] } of services) {
    if (changes.length === 0) continue;
    if (services.length > 1) lines.push(`#### ${service}`, '');
    lines.push(markdownDiff(formatChanges(changes)), '');
  }
  for (const { code, summary: text, hint } of services.flatMap(({ causes }) => causes)) {
    lines.push(`- **${code}**: ${text}; ${hint}`);
  }
  if (error !== null) lines.push(`**${error.code}**: ${error.message}`, '', error.hint ?? '');
  return `${lines.join('\n')}\n`;
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
  // A fence ends at one of its own length.
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}diff\n${text}\n${fence}`;
}
