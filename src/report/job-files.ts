import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { readCiJob } from '../core/ci.ts';
import type { Cause } from '../core/diagnosis.ts';
import { escapeJson, printable, withoutCommands } from '../core/foreign.ts';
import { resultValues } from '../core/result.ts';
import type { Result, ServiceResult } from '../core/result.ts';
import { scheduleLabel } from '../core/scheduled.ts';
import { qualifier } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import type { EventOf } from '../events.ts';
import { isGithub } from './ci.ts';
import { consoleLink } from './console-link.ts';
import { formatChanges } from './diff.ts';
import type { DiffLine } from './diff.ts';
import { formatCount, formatSeconds, shortDigest } from './format.ts';
import { wordEvent } from './words.ts';

/** Where a job keeps its files. */
type Environment = Readonly<Record<string, string | undefined>>;

/** Commands that only show something: they leave outputs and summary to the command that deploys. */
const SHOWING = new Set([
  'status',
  'prune',
  'diagnose',
  'history',
  'logs',
  'help',
  'completion',
  'sandbox',
]);

/** The outputs of a step, with their meanings. */
export const OUTPUTS = {
  outcome: 'how the command ended, e.g. succeeded, failed or rolled-back',
  image: 'reference of the image; with several images there is none',
  digest: 'digest of the image; with several images there is none',
  images: 'with "images" in the config file, a JSON object with the reference of each, by name',
  'task-definition': 'ARN of the revision that was deployed; of several services, the first',
  deployment: 'id of the deployment; of several services, the first',
  result: 'the JSON document of --json, without definitions and changes',
} as const;

/** GitHub takes 1 MB of outputs from a job. */
const LONGEST_OUTPUT = 500_000;
/** Older GitHub Enterprise Servers take 128 KiB of summary from a step. */
const LONGEST_SUMMARY = 120_000;
const LONGEST_BLOCK = 20_000;

/**
 * Appends the result to the files of a job: the outputs of a step and the summary of GitHub Actions,
 * and the dotenv report that `ECSDEPLOY_DOTENV` names. Outputs without a value are left as an earlier
 * command of the job set them. `ends` are the ends of the services in this run.
 */
export function writeJobFiles(
  result: Result,
  ends: readonly EventOf<'service-ended'>[],
  environment: Environment,
): void {
  if (SHOWING.has(result.command)) return;
  const { ECSDEPLOY_DOTENV, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = environment;
  const outputs = outputsOf(result);
  if (ECSDEPLOY_DOTENV) {
    // Not ECSDEPLOY_…: in later jobs these names would be settings.
    const lines = outputs.map(
      ([name, value]) => `DEPLOY_${name.toUpperCase().replaceAll('-', '_')}=${value}\n`,
    );
    appendFileSync(ECSDEPLOY_DOTENV, lines.join(''));
  }
  if (!isGithub(environment)) return;
  if (GITHUB_OUTPUT) {
    // Outputs stay with the job: not what may hold values of environment variables.
    const hidden = { definition: undefined, changes: undefined };
    const services = result.services.map((item) => ({ ...item, ...hidden }));
    const json = escapeJson(JSON.stringify({ ...result, services }));
    const all = json.length > LONGEST_OUTPUT ? outputs : [...outputs, ['result', json] as const];
    appendFileSync(GITHUB_OUTPUT, all.map(githubOutput).join(''));
  }
  if (GITHUB_STEP_SUMMARY) {
    appendFileSync(GITHUB_STEP_SUMMARY, summary(result, ends, environment));
  }
}

/** The values that later steps and jobs use; each is one line. */
function outputsOf(result: Result): (readonly [string, string])[] {
  const { images } = result;
  const values: Readonly<
    Record<Exclude<keyof typeof OUTPUTS, 'result'>, string | null | undefined>
  > = {
    ...resultValues(result),
    images:
      images &&
      escapeJson(
        JSON.stringify(Object.fromEntries(images.map(({ name, reference }) => [name, reference]))),
      ),
  };
  return Object.entries(values).flatMap(([name, value]) =>
    value ? [[name, oneLine(value)] as const] : [],
  );
}

/** An output with a delimiter that no value can contain on purpose. */
function githubOutput([name, value]: readonly [string, string]): string {
  const delimiter = `ecsdeploy_${randomBytes(8).toString('hex')}`;
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}

function summary(
  result: Result,
  ends: readonly EventOf<'service-ended'>[],
  environment: Environment,
): string {
  const { command, outcome, seconds, services } = result;
  const head = [
    `### ecsdeploy ${command}: ${outcome} after ${formatSeconds(seconds.total)}`,
    ...ends.map((end) => inert(wordEvent(end).lines[0]?.text ?? '')),
    ...errorBlocks(result),
    ...serviceTable(result),
    ...taskTable(result),
    ...scheduleTable(result),
    ...imageLine(result),
    ...timeline(result),
    ...[...services, ...(result.tasks ?? [])].flatMap(({ causes }) => causes).flatMap(causeBlocks),
  ];
  const tail = linksOf(result, environment);
  const blocks = [...head, ...diffBlocks(result), ...tail];
  if (bytesOf(blocks) <= LONGEST_SUMMARY) return textOf(blocks);
  const short = [...head, 'The summary is too long to show the changes of the task definition.'];
  while (short.length > 2 && bytesOf([...short, ...tail]) > LONGEST_SUMMARY) short.splice(-2, 1);
  return textOf([...short, ...tail]);
}

const textOf = (blocks: readonly string[]) => `${blocks.join('\n\n')}\n\n`;
const bytesOf = (blocks: readonly string[]) => Buffer.byteLength(textOf(blocks));

function errorBlocks({ error }: Result): string[] {
  if (error === null) return [];
  const { code, message, hint } = error;
  return [`**${code}**`, fenced(hint === null ? message : `${message}\n→ ${hint}`)];
}

/** What serves now, and what served before. */
function serviceTable({ services }: Result): string[] {
  const named = services.filter(({ service }) => service !== '');
  if (named.length === 0) return [];
  const label = qualifier(named);
  const rows = named.map((item) => [
    inert(label(item)),
    item.outcome,
    revision(item.outcome === 'skipped' ? null : item.taskDefinition),
    revision(item.serving),
    revision(item.previousTaskDefinition),
    inert(tasksOf(item)),
    String(item.failedTasks),
  ]);
  return [
    table(['service', 'outcome', 'deployed', 'serves now', 'before', 'tasks', 'failed'], rows),
  ];
}

/** The one-off tasks. */
function taskTable({ tasks = [] }: Result): string[] {
  if (tasks.length === 0) return [];
  const rows = tasks.map(({ task, container, outcome, exitCode, seconds }) => [
    task === null ? '–' : inert(shortName(task)),
    inert(container),
    outcome,
    exitCode === null ? '–' : String(exitCode),
    formatSeconds(seconds),
  ]);
  return [table(['task', 'container', 'outcome', 'exit code', 'time'], rows)];
}

const revision = (arn: string | null) => (arn === null ? '–' : inert(shortName(arn)));

/** The rules and schedules that were to follow. */
function scheduleTable({ services }: Result): string[] {
  const rows = services.flatMap(({ schedules = [] }) =>
    schedules.map((item) => [
      inert(item.name === null ? `all ${item.kind}s` : `${item.kind} ${scheduleLabel(item)}`),
      item.outcome,
      revision(item.from),
      revision(item.to),
      inert(item.reason ?? ''),
    ]),
  );
  return rows.length === 0 ? [] : [table(['scheduled task', 'outcome', 'from', 'to', ''], rows)];
}

function imageLine({ image, images }: Result): string[] {
  const all = image === null ? (images ?? []) : [{ ...image, name: '' }];
  return all.map(({ name, reference: full, digest: of }) => {
    const reference = oneLine(full).replaceAll('`', '');
    const digest = of === null ? '' : ` ${inert(shortDigest(of))}`;
    return `Image ${name === '' ? '' : `${inert(name)} `}\`${reference}\`${digest}`;
  });
}

const BAR_LENGTH = 20;

/** The phases with their times; nothing for a run of one phase. */
function timeline({ seconds }: Result): string[] {
  const known = Object.entries(seconds).filter(([name]) => name !== 'total');
  if (known.length < 2) return [];
  const sum = known.reduce((all, [, seconds]) => all + seconds, 0);
  const rows = known.map(([name, seconds]) => [
    name,
    formatSeconds(seconds),
    '█'.repeat(sum === 0 ? 0 : Math.round((BAR_LENGTH * seconds) / sum)),
  ]);
  return [table(['phase', 'time', ''], rows)];
}

function causeBlocks({ code, summary: text, tasks, evidence, hint }: Cause): string[] {
  const count = tasks > 0 ? ` (${formatCount(tasks, 'task')})` : '';
  return [`**${code}**${count}`, fenced([text, ...evidence, `→ ${hint}`].join('\n'))];
}

function diffBlocks({ services }: Result): string[] {
  return services.flatMap(({ service, changes = [] }) => {
    if (changes.length === 0) return [];
    const heading = services.length > 1 ? [`#### ${inert(service)}`] : [];
    return [...heading, markdownDiff(formatChanges(changes))];
  });
}

function linksOf({ services }: Result, environment: Environment): string[] {
  const { commit, branch, repository, run } = readCiJob(environment) ?? {};
  // Another endpoint is another AWS: the sandbox has no console.
  const isReal = !environment['AWS_ENDPOINT_URL'] && !environment['AWS_ENDPOINT_URL_ECS'];
  const links = (isReal ? services : []).flatMap((item) => {
    const url = consoleLink(item);
    return url === undefined ? [] : [link(`${item.service} in the AWS console`, url)];
  });
  if (repository !== undefined && commit !== undefined) {
    const on = branch === undefined ? '' : ` on ${branch}`;
    links.push(link(`commit ${commit.slice(0, 7)}${on}`, `${repository}/commit/${commit}`));
  }
  if (run !== undefined) links.push(link('log of this run', run));
  return links.length === 0 ? [] : [links.join(' · ')];
}

function link(text: string, url: string): string {
  const target = encodeURI(printable(url)).replaceAll('(', '%28').replaceAll(')', '%29');
  return `[${inert(text)}](${target})`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
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
  const text = withoutCommands(printable(shorten(others)));
  // A fence ends at a line with as many backticks.
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

const shorten = (text: string) =>
  text.length > LONGEST_BLOCK ? `${text.slice(0, LONGEST_BLOCK)}\n…` : text;
