import type { Change } from '../core/changes.ts';
import type { Finding } from '../core/checks.ts';
import { hasFailedTasks, isFault } from '../core/diagnosis.ts';
import type { Cause } from '../core/diagnosis.ts';
import type { TargetGroupProgress } from '../core/load-balancer.ts';
import type { Outcome, ServiceResult } from '../core/result.ts';
import type { RolloutCounts } from '../core/rollout-events.ts';
import { printable } from '../core/foreign.ts';
import { scheduleLabel } from '../core/scheduled.ts';
import type { ScheduleOutcome, ScheduleResult } from '../core/scheduled.ts';
import { placeNote, serviceFlags } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import type { EcsDeployError } from '../errors.ts';
import type { Event, EventOf, LayerProgress } from '../events.ts';
import { formatChanges } from './diff.ts';
import type { DiffLine } from './diff.ts';
import {
  formatBytes,
  formatCount,
  formatSeconds,
  secondsBetween,
  shortDigest,
  shortenEvent,
} from './format.ts';
import type { RunState } from './run-state.ts';
import {
  answerCommands,
  expiryText,
  hookText,
  rollbackText,
  shortTime,
  stageText,
  waitsText,
} from './stages.ts';

/** The kind of a line; the reporters choose its mark and colour. */
export type Level =
  | 'step'
  | 'success'
  | 'detail'
  | DiffLine['kind']
  | 'warning'
  | 'error'
  | 'hint'
  | 'debug'
  | Finding['status'];

/** One line for people. */
export interface Line {
  readonly level: Level;
  readonly text: string;
}

/** The words of one event. */
export interface Wording {
  readonly lines: readonly Line[];
}

type Words = { readonly [K in Event['kind']]: (event: EventOf<K>) => Wording };

const NONE: Wording = { lines: [] };
const line = (level: Level, text: string): Line => ({ level, text });
const say = (level: Level, text: string): Wording => ({ lines: [line(level, text)] });
const indent = (text: string) => text.split('\n').map((part) => line('detail', `  ${part}`));
const hintLines = (hint: string | undefined): Line[] =>
  hint === undefined || hint === '' ? [] : hint.split('\n').map((part) => line('hint', part));

/** Whether an image gets its digest beside the tag that it has. */
const isPinning = ({ path, before, after }: Change): boolean =>
  path === 'image' && String(after).startsWith(`${String(before)}@`);

/** The English of every event; an event without words does not compile. */
const WORDS: Words = {
  'api-call': ({ action, milliseconds, failure }) =>
    say('debug', `${action} ${milliseconds} ms${failure === undefined ? '' : ` ${failure}`}`),
  warning: ({ message, hint }) => ({ lines: [line('warning', message), ...hintLines(hint)] }),
  plan: ({ isDryRun, image, builds, images = [], services }) => ({
    lines: [
      ...(image === undefined ? [] : [line('step', `Image ${image}${buildNote(builds)}`)]),
      ...images.map((item) =>
        line('step', `Image ${item.name}: ${item.reference}${buildNote(item.builds)}`),
      ),
      ...services.flatMap(
        ({
          cluster,
          service,
          region,
          profile,
          from,
          to,
          isExpress,
          changes,
          after,
          schedules,
          how,
          time,
          pauses,
          codeDeploy,
        }) => [
          line(
            'step',
            `${isExpress ? 'Express service' : 'Service'} ${service} in ${cluster}${placeNote({ region, profile })} runs ${from}${moveNote(from, to, isDryRun)}`,
          ),
          ...(after.length === 0 ? [] : [line('detail', `  starts after ${after.join(' and ')}`)]),
          ...(codeDeploy === undefined
            ? []
            : [
                line(
                  'detail',
                  `  by CodeDeploy: ${codeDeploy.application} / ${codeDeploy.group}, ${codeDeploy.config}`,
                ),
              ]),
          ...(how === undefined ? [] : [line('detail', `  ${rollbackText(how)}`)]),
          ...(how === undefined || how.by === 'deployment' ? waitsText(time, pauses) : []).map(
            (text) => line('detail', `  ${text}`),
          ),
          ...formatChanges(changes).map(({ kind, text }) => line(kind, `  ${text}`)),
          ...(changes.some(isPinning)
            ? [
                line(
                  'detail',
                  '  The tag is the same: the task definition now names the digest, too.',
                ),
              ]
            : []),
          ...schedules.map((item) => line('detail', `  ${scheduleText(item, isDryRun)}`)),
        ],
      ),
    ],
  }),
  'dry-run-ended': () => say('step', 'Dry run: nothing was changed'),
  'after-ignored': ({ service, after }) =>
    say('detail', `${service} does not wait for ${after.join(' and ')}, not part of this run`),
  checked: ({ findings }) => ({ lines: findingLines(findings) }),
  'image-present': ({ reference, digest }) =>
    say(
      'success',
      `${reference} is already in the registry (${shortDigest(digest)}): nothing to build`,
    ),
  'docker-found': ({ address, source, version, standIn }) =>
    say(
      'detail',
      standIn
        ? `Docker: the sandbox's stand-in at ${address}`
        : `Docker ${version} at ${address} (${source})`,
    ),
  'builder-found': ({ name }) => say('detail', `Building with ${name}`),
  'commit-checked-out': ({ commit }) =>
    say('detail', `Checked out ${commit}: changed and untracked files are left out`),
  'commit-from-ci': ({ commit, branch, variable }) => {
    const on = branch === undefined ? '' : ` on ${branch}`;
    return say(
      'detail',
      `Commit ${commit.slice(0, 7)}${on} is from ${variable}: git cannot read it here`,
    );
  },
  'before-started': ({ command }) => ({
    lines: [line('step', `Running ${command}`)],
  }),
  'before-output': ({ line: output }) => say('detail', `  ${output}`),
  'build-started': ({ platform }) => ({
    lines: [line('step', `Building for ${platform}`)],
  }),
  'context-progress': () => NONE,
  // Of an unchanged context BuildKit takes no file.
  'context-sent': ({ files, bytes }) =>
    files === 0
      ? NONE
      : say('detail', `  context: ${formatCount(files, 'file')}, ${formatBytes(bytes)}`),
  'build-step': ({ name, state, seconds }) =>
    state === 'started'
      ? NONE
      : say(
          'detail',
          `  ${name}${state === 'cached' ? ' (cached)' : ` ${formatSeconds(seconds)}`}`,
        ),
  'build-output': ({ line: output }) => say('detail', `  ${output}`),
  built: ({ platform, seconds }) => ({
    lines: [line('success', `Built for ${platform} in ${formatSeconds(seconds)}`)],
  }),
  'repository-created': ({ uri }) => say('success', `Created repository ${uri}`),
  'push-started': () => ({
    lines: [line('step', 'Pushing')],
  }),
  'push-progress': () => NONE,
  pushed: ({ digest, seconds, layers }) => ({
    lines: [
      line(
        'success',
        [
          `Pushed ${shortDigest(digest)} in ${formatSeconds(seconds)}`,
          // What a builder pushes is not seen layer by layer.
          ...(layers.length === 0 ? [] : [formatLayers(layers)]),
        ].join(', '),
      ),
    ],
  }),
  'image-tagged': ({ tags }) => say('success', `Also tagged ${tags.join(', ')}`),
  'wait-started': ({ services }) => ({
    lines: services.map(({ service, revision }) =>
      line(
        'step',
        `${service}: waiting for the end of the deployment of ${revision} (--if-busy wait)`,
      ),
    ),
  }),
  'start-awaited': ({ seconds }) =>
    say('step', `No deployment is in progress yet; checking again for ${formatSeconds(seconds)}`),
  'wait-ended': ({ result, reason }) => ({ lines: waitEndLines(result, reason) }),
  registered: ({ revision, region, seconds }) =>
    say('success', `Registered ${revision}${placeNote({ region })} in ${formatSeconds(seconds)}`),
  'register-skipped': ({ revision }) =>
    say('success', `${revision} is the same definition: nothing to register`),
  'register-retried': ({ family }) =>
    say('detail', `Family ${family} is being registered by someone else; retrying`),
  pruned: ({ revisions, outcome }) =>
    say('success', `${outcome === 'deleted' ? 'Deleted' : 'Deregistered'} ${revisions.join(', ')}`),
  'rollout-started': ({ service, deployment, from, to }) => ({
    lines: [
      line('step', from === to ? `${service}: redeploying ${to}` : `${service}: ${from} → ${to}`),
      line('detail', `  deployment ${deployment}`),
    ],
  }),
  'rollout-unchanged': ({ service, revision, notPaused, notDeploying }) =>
    notPaused === true
      ? say('detail', `${service} does not wait at a pause hook: it is left as it is`)
      : notDeploying === true
        ? say('success', `${service} runs ${revision}, and no deployment is in progress`)
        : say('success', `${service} already runs ${revision}: nothing to deploy`),
  'rollout-continued': ({ service, hook }) =>
    say('step', `${service} continues: the pause hook ${hook} is answered`),
  'service-waiting': ({ service, after }) =>
    say('detail', `${service} waits for ${after.join(' and ')}`),
  'service-skipped': ({ because, revision, ...name }) => {
    const { service } = name;
    const reasons = because.map((item) => `${item.service} ${HOLDS[item.outcome]}`);
    const why = reasons.length === 0 ? 'the rollout was ended before' : reasons.join(', ');
    const flags = serviceFlags(name);
    return {
      lines: [
        line('warning', `${service} was skipped: ${why}`),
        line('hint', `to deploy it: ecsdeploy rollout ${revision} ${flags}`),
      ],
    };
  },
  'left-deployed': ({ services }) => ({
    lines: services.flatMap(({ revision, ...name }) => [
      line('warning', `${name.service} stays on ${revision}`),
      line('hint', `to roll it back: ecsdeploy rollback ${serviceFlags(name)}`),
    ]),
  }),
  'watch-started': () => NONE,
  'rollout-progress': (event) => say('detail', `${event.service}: ${progressText(event)}`),
  'rollout-paused': (event) => ({
    lines: [
      line(
        event.isAwaited ? 'step' : 'warning',
        `${event.service} is paused for approval at ${event.stage}${event.waiting > 1 ? ` by the hook ${event.hook}` : ''}${expiryText(event)}`,
      ),
      ...answerCommands(event, event).map((command) => line('hint', command)),
    ],
  }),
  'rollout-hook': ({ service, stage, link, ...hook }) => {
    const isBad = hook.status === 'FAILED' || hook.status === 'TIMED_OUT';
    const text = `${service}: ${hookText({ ...hook, expiresAt: undefined, timeoutAction: undefined })} at ${stage}`;
    if (!isBad) return say('detail', text);
    const region = hook.target.split(':')[3];
    const log = `aws logs tail /aws/lambda/${hook.function} --region ${region}`;
    return { lines: [line('warning', text), line('hint', `its log: ${link ?? log}`)] };
  },
  'rollout-testable': ({ service, url, headers }) => {
    const needed = headers.map(
      ({ name, value }) => `with the header ${name}${value === undefined ? '' : `: ${value}`}`,
    );
    const ways = url === undefined ? needed : [['at', url, ...needed].join(' ')];
    return {
      lines: ways.map((way) =>
        line('detail', `${service}: test traffic reaches the new tasks ${way}`),
      ),
    };
  },
  'service-event': ({ service, message }) =>
    say('detail', `${service}: ECS: ${shortenEvent(message)}`),
  cause: ({ service, cause }) => ({ lines: causeLines(service, cause) }),
  schedule: ({ schedule, hint }) => ({
    lines: [
      line(SCHEDULE_LEVELS[schedule.outcome] ?? 'debug', scheduleText(schedule)),
      ...hintLines(hint),
    ],
  }),
  'rolling-back': ({ service, reason }) => ({
    lines: [
      line(
        'warning',
        `${service} is being rolled back to its previous revision${reason === '' ? '' : `: ${reason}`}`,
      ),
    ],
  }),
  'polls-failing': ({ message, region }) =>
    say(
      'warning',
      `Cannot reach AWS${region === undefined ? '' : ` in ${region}`} (${message}); still watching`,
    ),
  // The question is on the terminal already.
  'question-started': () => NONE,
  'question-ended': () => NONE,
  'polls-recovered': () => say('detail', 'AWS can be reached again'),
  'critical-path': ({ calls, local, total }) => {
    const share = (milliseconds: number) =>
      `${Math.round(milliseconds)} ms (${Math.round((100 * milliseconds) / total)} %)`;
    const steps = calls.map(({ action, start, end }) => `${action} ${share(end - start)}`);
    const last = calls.at(-1)?.action;
    return say(
      'debug',
      `critical path to ${last}, ${Math.round(total)} ms: local work ${share(local)}, ${steps.join(', ')}`,
    );
  },
  'watch-ended': ({ polls, calls, mostCalls }) =>
    say('debug', `${polls} polls with ${calls} calls, at most ${mostCalls} in one poll`),
  'service-ended': (event) => ({ lines: endLines(event) }),
  'config-drafted': ({ path, content }) => ({
    lines: [line('step', `${path}:`), ...indent(content.trimEnd())],
  }),
  'workflow-read': ({ remarks, missing }) => ({
    lines: [
      ...(remarks.length + missing.length > 0 ? [line('step', 'From the workflow:')] : []),
      ...remarks.map(({ place, status, message }) => line(status, `${place}: ${message}`)),
      ...missing.map(({ place, key, text, ways }) =>
        line('warn', `${place}: ${key} is ${text}, which only the workflow knows: set ${ways}`),
      ),
    ],
  }),
  'workflow-proposed': ({ content }) => ({
    lines: [
      line('step', 'The workflow can become:'),
      ...indent(content.trimEnd()),
      line('hint', 'ECSDEPLOY_TARBALL is the URL of a release of ecsdeploy'),
      ...(content.includes('vars.AWS_ROLE_ARN')
        ? [
            line(
              'hint',
              'AWS_ROLE_ARN is a role that GitHub assumes with OpenID Connect; its policy: ecsdeploy help iam',
            ),
          ]
        : []),
    ],
  }),
  'file-written': ({ path, again }) => ({
    lines: [
      line('success', `Wrote ${path}`),
      ...(again === undefined ? [] : [line('hint', `the same without questions: ${again}`)]),
    ],
  }),
  'release-planned': ({ tasks }) => ({
    lines: tasks.map(({ command, container, service }) =>
      line('step', `Release task: ${command} in container ${container} of ${service}`),
    ),
  }),
  'release-skipped': ({ command, service }) =>
    say('detail', `${service} is unchanged: the release task ${command} does not run`),
  'task-started': ({ task, command, container, revision, console }) => ({
    lines: [
      line('step', `Running ${command} in container ${container} of ${revision}`),
      line('detail', `  task ${shortName(task)}`),
      ...(console === null ? [] : [line('detail', `  ${console}`)]),
    ],
  }),
  'task-retried': ({ reason }) =>
    say('warning', `The task is not started yet: ${reason}; trying again`),
  'task-progress': ({ status }) => say('detail', `  ${statusText(status)}`),
  'task-output': ({ line: output }) => say('detail', `  | ${output}`),
  'log-printed': () => NONE,
  'task-interrupted': ({ task, stop, isStopped, console }) => ({
    lines: isStopped
      ? [line('warning', `The command is being stopped: its containers get SIGTERM`)]
      : [
          line('warning', `The command continues in the task ${shortName(task)}`),
          line('hint', `stop it: ${stop}`),
          ...(console === null ? [] : [line('hint', `see it: ${console}`)]),
        ],
  }),
  'task-ended': (event) => ({ lines: taskEndLines(event) }),
  'hook-started': ({ hook, command }) => say('step', `Running ${hook}: ${command}`),
  'hook-output': ({ line: output }) => say('detail', `  ${output}`),
  'hook-ended': ({ hook, status, seconds }) =>
    status === 0 ? say('success', `${hook} succeeded in ${formatSeconds(seconds)}`) : NONE,
  'log-empty': () => say('detail', 'No log lines yet.'),
  'sandbox-started': ({ url, registry, speed, scenarios, region, ...start }) => ({
    lines: [
      line('step', `Sandbox at ${url}, running simulated time ${speed} times faster`),
      line(
        'detail',
        `  region ${region}${some('cluster', start.clusters)}${some('service', start.services)}`,
      ),
      line('detail', `  registry ${registry}${some('repository', start.repositories)}`),
      ...(scenarios.length === 0 ? [] : [line('detail', `  scenario ${scenarios.join(', ')}`)]),
    ],
  }),
  'sandbox-stand-in': ({ reason }) =>
    say(
      'detail',
      `${reason} Using the sandbox's stand-in for Docker, which builds FROM scratch only.`,
    ),
  'sandbox-gap': ({ action, members }) =>
    say(
      'warning',
      members.length === 0
        ? `The sandbox does not model ${action} and refused it.`
        : `The sandbox ignores ${members.join(', ')} of ${action}.`,
    ),
  'sandbox-waiting': ({ variables }) => ({
    lines: [
      line('step', 'In another shell:'),
      ...variables.map((variable) => line('detail', `  ${variable}`)),
      line('step', 'Press Ctrl-C to stop; its state is discarded.'),
    ],
  }),
  interrupted: ({ message, hint }) => ({
    lines: [line('warning', message), ...hintLines(hint)],
  }),
  error: ({ error }) => ({
    lines: (error.problems.length > 0 ? error.problems : [error]).flatMap(errorLines),
  }),
};

const MOST_NAMES = 5;

/** The first of some names, e.g. `, clusters web, jobs and 3 more`. */
function some(what: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const plural = names.length === 1 ? what : what.replace(/y?$/, (end) => (end ? 'ies' : 's'));
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return `, ${plural} ${names.slice(0, MOST_NAMES).join(', ')}${more}`;
}

/** Why a service that comes after one of this outcome is not started. */
const HOLDS: Readonly<Record<Outcome, string>> = {
  succeeded: 'has succeeded',
  unchanged: 'is unchanged',
  planned: 'is planned',
  paused: 'waits for approval',
  failed: 'has failed',
  'rolled-back': 'was rolled back',
  superseded: 'was superseded',
  'timed-out': 'did not finish within --timeout',
  unknown: 'has an unknown outcome',
  interrupted: 'is no longer watched',
  skipped: 'was skipped',
  refused: 'was refused',
};
const buildNote = (builds: boolean) => (builds ? ' (to be built)' : '');

/** The words of an event: printable text only, a line each. */
export function wordEvent(event: Event): Wording {
  const { lines } = (WORDS[event.kind] as (event: Event) => Wording)(event);
  return { lines: ofImage(lines, event.imageName).flatMap(splitLine) };
}

/** Begins the lines about one of several images with its name. */
function ofImage(lines: readonly Line[], name: string | undefined): readonly Line[] {
  if (name === undefined) return lines;
  return lines.map(({ level, text }) =>
    level === 'hint' ? { level, text } : line(level, text.replace(/^(?: {2})?/, `$&${name}: `)),
  );
}

/** A line without unprintable characters; what follows a line break in it is indented. */
function splitLine({ level, text }: Line): Line[] {
  const [first = '', ...rest] = printable(text).split('\n');
  const next = level === 'debug' ? level : 'detail';
  return [line(level, first), ...rest.map((part) => line(next, `    ${part}`))];
}

/** What changes nothing was in the plan. */
const SCHEDULE_LEVELS: Readonly<Partial<Record<ScheduleOutcome, Level>>> = {
  updated: 'success',
  failed: 'warning',
  unknown: 'warning',
};

/** What becomes of a scheduled task. */
function scheduleText(
  { from, to, outcome, reason, ...item }: ScheduleResult,
  isDryRun = false,
): string {
  const kind = item.kind === 'rule' ? 'Rule' : 'Schedule';
  const name = `${kind} ${scheduleLabel(item)}`;
  const [before, after] = [shortName(from ?? ''), shortName(to ?? 'the new revision')];
  switch (outcome) {
    case 'planned':
      return `${name} ${isDryRun ? 'would' : 'will'} follow: ${before} → ${after}`;
    case 'updated':
      return `${name}: ${before} → ${after}`;
    case 'unchanged':
      return `${name} is already on ${before}`;
    case 'follows':
      return `${name} starts the latest revision of ${before}`;
    case 'skipped':
      return `${name} stays on ${before}: ${reason}`;
    case 'failed':
      return item.name === null
        ? `The ${item.kind}s cannot be read, and do not follow to ${after}: ${reason}`
        : `${name} stays on ${before} and does not follow to ${after}: ${reason}`;
    case 'unknown':
    default:
      return `${name} is on ${before} or on ${after}: ${reason}`;
  }
}

function moveNote(from: string, to: string | undefined, isDryRun: boolean): string {
  if (to === undefined) return '';
  return to === from ? ' and stays on it' : ` and ${isDryRun ? 'would' : 'will'} move to ${to}`;
}

function errorLines({ message, hint }: EcsDeployError): Line[] {
  const [first = '', ...rest] = message.split('\n');
  return [line('error', first), ...rest.map((text) => line('detail', text)), ...hintLines(hint)];
}

/** Findings as a tree, grouped by their subject, and the number of each kind. */
function findingLines(findings: readonly Finding[]): Line[] {
  const groups = new Set(findings.map(({ about }) => about));
  const lines = [...groups].flatMap((group) => [
    line('step', group),
    ...findings
      .filter(({ about }) => about === group)
      .flatMap(({ check, status, message, hint }) => [
        line(status, `${check}: ${message}`),
        ...(status === 'ok'
          ? []
          : hintLines(hint).map((item) => ({ ...item, text: `  ${item.text}` }))),
      ]),
  ]);
  const count = (wanted: Finding['status']) =>
    findings.filter(({ status }) => status === wanted).length;
  const summary = `${count('ok')} passed, ${formatCount(count('warn'), 'warning')}, ${count('fail')} failed, ${count('skip')} skipped`;
  return [...lines, line('step', summary)];
}

/** What a one-off task does, by the status that ECS gives. */
export function statusText(status: string): string {
  const note = status === 'PROVISIONING' ? ': waiting for capacity or a network interface' : '';
  return `${status}${note}`;
}

function taskEndLines({ command, result, logPrinted }: EventOf<'task-ended'>): Line[] {
  const { outcome, exitCode, causes, seconds } = result;
  const time = formatSeconds(seconds);
  const [cause] = causes;
  if (cause !== undefined) {
    const evidence = cause.evidence.filter((text) => !(logPrinted && text.startsWith('| ')));
    return [
      line('error', `${command} failed after ${time}: ${cause.summary} [${cause.code}]`),
      ...evidence.flatMap(indent),
      ...hintLines(cause.hint),
    ];
  }
  switch (outcome) {
    case 'succeeded':
      return [line('success', `${command} succeeded in ${time}`)];
    case 'unknown':
      return [line('detail', `How ${command} ends is not known`)];
    case 'interrupted':
      return exitCode === null
        ? []
        : [line('warning', `${command} was stopped after ${time}, with exit code ${exitCode}`)];
    default:
      return [];
  }
}

function causeLines(service: string, cause: Cause): Line[] {
  const { code, summary, hint, evidence, tasks } = cause;
  const count = tasks > 1 ? ` (${tasks} tasks)` : '';
  return [
    line(hasFailedTasks(cause) ? 'error' : 'warning', `${service}: ${summary} [${code}]${count}`),
    ...evidence.flatMap(indent),
    ...hintLines(hint),
  ];
}

function endLines({
  result,
  reason,
  seconds,
  digests,
  rollingBack,
  detached,
  waiting,
  nothingToRollBack,
  continuesAt,
  oldTasksUntil,
}: EventOf<'service-ended'>): Line[] {
  const { service, running, desired } = result;
  const ours = shortName(result.taskDefinition ?? '');
  const previous = shortName(result.previousTaskDefinition ?? '');
  const flags = serviceFlags(result);
  const cause = result.causes.find(isFault) ?? result.causes[0];
  const how = cause === undefined ? [] : hintLines(cause.hint);
  const because = cause === undefined ? reason : `${cause.summary} [${cause.code}]`;
  const why = because === '' ? '' : `: ${because}`;
  const back =
    previous === '' || previous === ours || rollingBack || nothingToRollBack === true
      ? []
      : [line('hint', `roll back: ecsdeploy rollback ${flags}`)];
  const serves = servingLine(result);
  // After a rollback the service is on another revision, so that naming ours would watch nothing.
  const watched = rollingBack ? '' : `${ours} `;
  const answers = answerLines(result, waiting);
  const onward = [
    line('hint', `continue watching: ecsdeploy rollout ${watched}--watch ${flags}`),
    ...(answers.length > 0 ? answers : back),
  ];
  const going = result.paused === null ? 'continues' : 'is paused for approval';
  const goesOn = rollingBack ? 'is still being rolled back' : going;
  switch (result.outcome) {
    case 'succeeded': {
      const tasks = desired === 0 ? 'desired count is 0' : `${running} of ${desired} tasks`;
      const proof = [...new Set(digests)].map(shortDigest).join(', ');
      const proven = `${digests.length} running ${digests.length === 1 ? 'task has' : 'tasks have'} the image ${proof}`;
      const proofLines = proof === '' ? [] : [line('detail', `  ${proven}`)];
      if (continuesAt !== undefined) {
        return [
          line(
            'success',
            `${ours} has all production traffic of ${service} after ${formatSeconds(seconds)}; the deployment ${going} (${continuesAt})`,
          ),
          ...proofLines,
          ...(oldTasksUntil === undefined
            ? []
            : [
                line(
                  'detail',
                  `  the old tasks stay until ${shortTime(oldTasksUntil)}: until then, a rollback is instant`,
                ),
              ]),
          ...onward,
        ];
      }
      return [
        line('success', `${service} runs ${ours} (${tasks}) after ${formatSeconds(seconds)}`),
        ...proofLines,
      ];
    }
    case 'paused':
      return [
        line(
          'success',
          `${service}: the deployment of ${ours} is paused at ${result.paused?.stage} after ${formatSeconds(seconds)}`,
        ),
        ...serves,
        ...answers,
      ];
    case 'rolled-back':
      return [
        line('error', `${ours} failed on ${service}, which is back on ${previous}${why}`),
        ...how,
      ];
    case 'superseded':
      return [
        line('error', `The deployment of ${ours} to ${service} was superseded: ${reason}`),
        ...serves,
      ];
    case 'timed-out':
      return [
        line(
          'error',
          `${service}: the deployment of ${ours} did not finish within --timeout and ${goesOn}${cause === undefined ? '' : why}`,
        ),
        ...serves,
        ...how,
        ...onward,
      ];
    case 'unknown':
      return [
        line(
          'warning',
          `${service}: ${reason}; the deployment of ${ours} (${result.deployment}) ${goesOn}`,
        ),
        ...onward,
      ];
    case 'interrupted':
      return [
        line(
          detached ? 'step' : 'warning',
          `${detached ? 'Detached from' : 'Stopped watching'} ${service}; the deployment of ${ours} ${goesOn}`,
        ),
        ...onward,
      ];
    default:
      return [
        line(
          'error',
          `The deployment of ${ours} to ${service} failed${why}${cause === undefined || reason === '' ? '' : `; ${reason}`}`,
        ),
        ...serves,
        ...how,
        ...back,
      ];
  }
}

/** The verdicts on a deployment of someone else; of the others, the command ends with an error. */
const WAIT_ENDS: Readonly<Partial<Record<Outcome, string>>> = {
  succeeded: 'has succeeded',
  'rolled-back': 'was rolled back',
  superseded: 'was superseded',
  failed: 'has failed',
};

/** How a deployment of someone else has ended. */
function waitEndLines({ service, outcome, taskDefinition, causes }: ServiceResult, reason: string) {
  const verdict = WAIT_ENDS[outcome];
  if (verdict === undefined) return [];
  const cause = causes.find(isFault);
  const because = cause === undefined ? reason : `${cause.summary} [${cause.code}]`;
  const why = because === '' ? '' : `: ${because}`;
  return [
    line(
      outcome === 'succeeded' ? 'detail' : 'warning',
      `${service}: the deployment of ${shortName(taskDefinition ?? '')} ${verdict}${why}`,
    ),
  ];
}

/** The commands that answer the pause hook at which a deployment waits. */
function answerLines({ paused, ...name }: ServiceResult, waiting: number | undefined): Line[] {
  if (paused === null) return [];
  const commands = answerCommands(name, { hook: paused.hook, waiting });
  return commands.map((command) => line('hint', command));
}

/** Where the time went; undefined for a run of one phase. */
export function phasesText({ start: begin, phases }: RunState): string | undefined {
  const parts = phases.map(({ name, start, end }) => ({
    name,
    seconds: end === undefined ? 0 : secondsBetween(start, end),
  }));
  const end = phases.at(-1)?.end;
  if (parts.length < 2 || begin === undefined || end === undefined) return undefined;
  const total = secondsBetween(begin, end);
  const texts = parts.map(({ name, seconds }) => `${name} ${formatSeconds(seconds)}`);
  return `${formatSeconds(total)} in total: ${texts.join(', ')}`;
}

/** Which revision takes the traffic, unless that is the one that was deployed. */
function servingLine({
  serving,
  taskDefinition,
  desired,
  runningByRevision,
}: ServiceResult): Line[] {
  if (serving === null) {
    return desired === 0 ? [] : [line('detail', '  no task is running: nothing serves')];
  }
  if (serving === taskDefinition) return [];
  const count = `${runningByRevision[serving] ?? 0} of ${formatCount(desired, 'task')}`;
  return [line('detail', `  serving now: ${shortName(serving)}, ${count} running`)];
}

type WaitsFor = NonNullable<EventOf<'rollout-progress'>['waitsFor']>;

/** What a rollout waits for once all its tasks run. */
const WAITS: Readonly<Record<WaitsFor, (event: EventOf<'rollout-progress'>) => string>> = {
  'health-checks': ({ targetGroups }) => balancerText(targetGroups) ?? 'waiting for health checks',
  'old-tasks': ({ counts }) => `waiting for ${formatCount(counts.old, 'old task')} to stop`,
  drain: ({ counts, draining }) =>
    `draining ${formatCount(Math.max(counts.old, draining), 'old task')}`,
  bake: () => 'bake time: ECS watches for alarms',
  'next-step': () => 'waiting before the next step of traffic',
  termination: () => 'the old tasks stay, for a rollback at once',
};

/** What the load balancer says of the new tasks: of the target group that most are missing in. */
function balancerText(groups: readonly TargetGroupProgress[]): string | undefined {
  const [worst] = groups.toSorted((a, b) => b.targets - b.healthy - (a.targets - a.healthy));
  return worst && `waiting for the load balancer: ${targetsText(worst)}`;
}

/** How many targets of a group are healthy, and how soon more can be. */
export function targetsText(group: TargetGroupProgress): string {
  const { targets, healthy, unhealthy, interval, healthyThreshold } = group;
  const pace =
    unhealthy > 0
      ? `an unhealthy one needs ${healthyThreshold} × ${interval}s`
      : `checked every ${interval}s`;
  return `${healthy} of ${formatCount(targets, 'target')} healthy, ${pace}`;
}

/** Starting a task for a reason, which follows its name, is no routine. */
const ROUTINE =
  /\) has (?:started|stopped) \d+ .*\)\.$|\) stopped \d+ pending|\) (?:de)?registered \d+ targets|has begun draining connections|has reached a steady state|deployment completed\.$|rolling back to deployment/;

/** Whether an event of ECS only says what the counts, the end or the rollback of a rollout say. */
export function isRoutine(message: string): boolean {
  return ROUTINE.test(message);
}

/** Counts of a rollout, and what it waits for. */
export function progressText(event: EventOf<'rollout-progress'>): string {
  return `${formatCounts(event.counts, event.waitsFor)}${phaseNote(event)}`;
}

/** What ECS waits for; undefined while tasks start. */
export function waitText(event: EventOf<'rollout-progress'>): string | undefined {
  const { waitsFor, counts } = event;
  if (waitsFor !== undefined) return WAITS[waitsFor](event);
  return counts.running < counts.desired ? undefined : 'waiting for ECS to complete the deployment';
}

/** The stage of a deployment that shifts traffic, and the targets that it waits for. */
export function stageNote(event: EventOf<'rollout-progress'> & { readonly stage: string }): string {
  const isWaiting = event.targetGroups.some(({ healthy, targets }) => healthy < targets);
  const balancer = isWaiting ? balancerText(event.targetGroups) : undefined;
  return [stageText(event), balancer].filter((part) => part !== undefined).join(', ');
}

function phaseNote(event: EventOf<'rollout-progress'>): string {
  const { phase, stage, waitsAtMost } = event;
  if (phase === 'rolling-back') return ' (rolling back)';
  const limit = waitsAtMost === undefined ? '' : `, up to ${formatSeconds(waitsAtMost)}`;
  if (stage !== undefined) return ` (${stageNote({ ...event, stage })}${limit})`;
  const text = waitText(event);
  return text === undefined ? '' : ` (${text}${limit})`;
}

function formatCounts(
  { desired, running, pending, failed, limit, old }: RolloutCounts,
  waitsFor: WaitsFor | undefined,
): string {
  const parts = [`${running} of ${desired} running`];
  if (pending > 0) parts.push(`${pending} pending`);
  const trips = limit === undefined ? '' : ` (the circuit breaker trips at ${limit})`;
  if (failed > 0) parts.push(`${failed} failed${trips}`);
  // Otherwise the note says how many.
  const isOldNews = waitsFor === 'drain' || waitsFor === 'old-tasks' || old === 0;
  return `${parts.join(', ')}${isOldNews ? '' : `; ${formatCount(old, 'old task')} running`}`;
}

function formatLayers(layers: readonly LayerProgress[]): string {
  const there = layers.filter(({ state }) => state === 'exists').length;
  const all = formatCount(layers.length, 'layer');
  return there === 0 ? all : `${all}, ${there} already there`;
}
