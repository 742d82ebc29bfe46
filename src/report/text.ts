import { formatChanges } from '../core/changes.ts';
import type { DiffLine } from '../core/changes.ts';
import type { Finding } from '../core/checks.ts';
import { hasFailedTasks, isFault } from '../core/diagnosis.ts';
import type { Cause } from '../core/diagnosis.ts';
import type { ServiceResult } from '../core/result.ts';
import { shortenEvent } from './reports.ts';
import { shortName } from '../core/task-definition.ts';
import type { EcsDeployError } from '../errors.ts';
import type { Event, EventOf, LayerProgress, RolloutCounts } from '../events.ts';

/** How a line is meant; the reporters choose mark and colour. */
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

/** What one event says: lines that stay, and the state that a live display shows meanwhile. */
export interface Wording {
  readonly lines: readonly Line[];
  /** Undefined leaves the live state as it is, `null` ends it. */
  readonly live?: string | null;
}

type Words = { readonly [K in Event['kind']]: (event: EventOf<K>) => Wording };

const line = (level: Level, text: string): Line => ({ level, text });
const say = (level: Level, text: string): Wording => ({ lines: [line(level, text)] });
const indent = (text: string) => text.split('\n').map((part) => line('detail', `  ${part}`));
const hintLines = (hint: string | undefined): Line[] =>
  hint === undefined || hint === '' ? [] : hint.split('\n').map((part) => line('hint', part));

/** The English of every event; an event without words does not compile. */
const WORDS: Words = {
  'api-call': ({ action, milliseconds, failure }) =>
    say('debug', `${action} ${milliseconds} ms${failure === undefined ? '' : ` ${failure}`}`),
  warning: ({ message, hint }) => ({ lines: [line('warning', message), ...hintLines(hint)] }),
  plan: ({ image, builds, services }) => ({
    lines: [
      line('step', `Image ${image}${builds ? ' (to be built)' : ''}`),
      ...services.flatMap(({ cluster, service, from, changes }) => [
        line('step', `Service ${service} in ${cluster} runs ${from}`),
        ...formatChanges(changes).map(({ kind, text }) => line(kind, `  ${text}`)),
      ]),
    ],
  }),
  checked: ({ findings }) => ({ lines: findingLines(findings) }),
  'image-present': ({ reference, digest }) =>
    say(
      'success',
      `${reference} is in the registry already (${shortDigest(digest)}): nothing to build`,
    ),
  'docker-found': ({ address, source, version, standIn }) =>
    say(
      'detail',
      standIn
        ? `Docker: the sandbox's stand-in at ${address}`
        : `Docker ${version} at ${address} (${source})`,
    ),
  'before-started': ({ command }) => ({
    lines: [line('step', `Running ${command}`)],
    live: `Running ${command}`,
  }),
  'before-output': ({ line: output }) => say('detail', `  ${output}`),
  'build-started': ({ platform }) => ({
    lines: [line('step', `Building for ${platform}`)],
    live: `Building for ${platform}`,
  }),
  'context-sent': ({ files, bytes }) =>
    say('detail', `  context: ${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(bytes)}`),
  'build-step': ({ name, state, seconds }) =>
    state === 'started'
      ? { lines: [], live: name }
      : say(
          'detail',
          `  ${name}${state === 'cached' ? ' (cached)' : ` ${formatSeconds(seconds)}`}`,
        ),
  'build-output': ({ line: output }) => say('detail', `  ${output}`),
  built: ({ platform, seconds }) => ({
    lines: [line('success', `Built for ${platform} in ${formatSeconds(seconds)}`)],
    live: null,
  }),
  'repository-created': ({ uri }) => say('success', `Created the repository ${uri}`),
  'push-started': () => ({
    lines: [line('step', 'Pushing')],
    live: 'Pushing',
  }),
  'push-progress': ({ layers }) => ({ lines: [], live: formatPush(layers) }),
  pushed: ({ digest, seconds, layers }) => ({
    lines: [
      line(
        'success',
        `Pushed ${shortDigest(digest)} in ${formatSeconds(seconds)}, ${formatLayers(layers)}`,
      ),
    ],
    live: null,
  }),
  'image-tagged': ({ tags }) => say('success', `Tagged it ${tags.join(', ')} as well`),
  registered: ({ revision, seconds }) =>
    say('success', `Registered ${revision} in ${formatSeconds(seconds)}`),
  'register-skipped': ({ revision }) =>
    say('success', `${revision} is the same definition: nothing to register`),
  'register-retried': ({ family }) =>
    say('detail', `Somebody else registers in the family ${family}: trying again`),
  'rollout-started': ({ service, deployment, from, to }) => ({
    lines: [
      line('step', from === to ? `${service}: ${to} anew` : `${service}: ${from} → ${to}`),
      line('detail', `  deployment ${deployment}`),
    ],
    live: `${service}: waiting for tasks`,
  }),
  'rollout-unchanged': ({ service, revision }) =>
    say('success', `${service} runs ${revision} already: nothing to deploy`),
  'rollout-progress': (event) => {
    const text = `${event.service}: ${formatCounts(event.counts)}${phaseNote(event)}`;
    return { lines: [line('detail', `  ${text}`)], live: text };
  },
  'rollout-paused': ({ service, stage, hook, record, expiresAt, timeoutAction }) => {
    const command = `aws ecs continue-service-deployment --service-deployment-arn ${record} --hook-id ${hook}`;
    const end =
      expiresAt === undefined ? '' : `, until ${expiresAt} (then ${timeoutAction ?? 'ROLLBACK'})`;
    return {
      lines: [
        line('warning', `${service} is paused for approval at ${stage}${end}`),
        line('hint', `approve: ${command} --action CONTINUE`),
        line('hint', `take it back: ${command} --action ROLLBACK`),
      ],
      live: `${service}: paused for approval`,
    };
  },
  'service-event': ({ message }) => say('detail', `  ECS: ${shortenEvent(message)}`),
  cause: ({ service, cause }) => ({ lines: causeLines(service, cause) }),
  'rolling-back': ({ service, reason }) => ({
    lines: [
      line(
        'warning',
        `${service} is being rolled back to its previous revision${reason === '' ? '' : `: ${reason}`}`,
      ),
    ],
    live: `${service}: rolling back`,
  }),
  'sight-troubled': ({ message }) =>
    say(
      'warning',
      `AWS does not answer (${message}); the deployment goes on, and so does the watch`,
    ),
  'sight-regained': () => say('detail', '  AWS answers again'),
  'watch-ended': ({ polls, calls, mostCalls }) =>
    say('debug', `watched in ${polls} polls with ${calls} calls, at most ${mostCalls} in one`),
  'service-ended': ({ result, reason, seconds, digests }) => ({
    lines: endLines(result, reason, seconds, digests),
    live: null,
  }),
  'log-empty': () => say('detail', 'No log line is there: the containers wrote nothing yet.'),
  'sandbox-started': ({ url, registry, speed, scenarios }) => ({
    lines: [
      line('step', `Sandbox at ${url}, ${speed} times as fast as the wall clock`),
      line('detail', '  region ap-northeast-2, cluster backend, service hyeon9mak-service-dev'),
      line('detail', `  registry ${registry}, repository hyeon9mak-dev`),
      ...(scenarios.length === 0 ? [] : [line('detail', `  scenario ${scenarios.join(', ')}`)]),
    ],
  }),
  'sandbox-stand-in': ({ reason }) =>
    say(
      'detail',
      `${reason} The sandbox's stand-in for Docker is used: it builds FROM scratch only.`,
    ),
  'sandbox-waiting': ({ variables }) => ({
    lines: [
      line('step', 'In another shell:'),
      ...variables.map((variable) => line('detail', `  ${variable}`)),
      line('step', 'Ctrl-C ends it; its state is gone then.'),
    ],
  }),
  interrupted: ({ message, hint }) => ({
    lines: [line('warning', message), ...hintLines(hint)],
    live: null,
  }),
  error: ({ error }) => ({
    lines: (error.problems.length > 0 ? error.problems : [error]).flatMap(errorLines),
    live: null,
  }),
};

/** Words an event. */
export function wordEvent(event: Event): Wording {
  return (WORDS[event.kind] as (event: Event) => Wording)(event);
}

function errorLines({ message, hint }: EcsDeployError): Line[] {
  const [first = '', ...rest] = message.split('\n');
  return [line('error', first), ...rest.map((text) => line('detail', text)), ...hintLines(hint)];
}

/** Findings as a tree, by what was looked at, and how many there are of each kind. */
function findingLines(findings: readonly Finding[]): Line[] {
  const groups = new Set(findings.map(({ about }) => about));
  const lines = [...groups].flatMap((group) => [
    line('step', group),
    ...findings
      .filter(({ about }) => about === group)
      .flatMap(({ check, status, message, hint }) => [
        line(status, `${check}: ${message}`),
        ...(status === 'ok' ? [] : hintLines(hint)),
      ]),
  ]);
  const count = (wanted: Finding['status']) =>
    findings.filter(({ status }) => status === wanted).length;
  const summary = `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed, ${count('skip')} not checked`;
  return [...lines, line('step', summary)];
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

function endLines(
  result: ServiceResult,
  reason: string,
  seconds: number,
  digests: readonly string[],
): Line[] {
  const { cluster, service, running, desired } = result;
  const ours = shortName(result.taskDefinition ?? '');
  const previous = shortName(result.previousTaskDefinition ?? '');
  const flags = `--cluster ${cluster} --service ${service}`;
  const cause = result.causes.find(isFault) ?? result.causes[0];
  const back =
    previous === '' || previous === ours
      ? []
      : [line('hint', `roll back: ecsdeploy rollback ${flags}`)];
  const how = cause === undefined ? [] : hintLines(cause.hint);
  const onward = [line('hint', `watch on: ecsdeploy rollout ${ours} --watch ${flags}`), ...back];
  const because = cause === undefined ? reason : `${cause.summary} [${cause.code}]`;
  const why = because === '' ? '' : `: ${because}`;
  switch (result.outcome) {
    case 'succeeded': {
      const tasks = desired === 0 ? 'no task is wanted' : `${running} of ${desired} tasks`;
      const proof = [...new Set(digests)].map(shortDigest).join(', ');
      return [
        line('success', `${service} runs ${ours} (${tasks}) after ${formatSeconds(seconds)}`),
        ...(proof === ''
          ? []
          : [
              line(
                'detail',
                `  ${digests.length} running ${digests.length === 1 ? 'task has' : 'tasks have'} the image ${proof}`,
              ),
            ]),
      ];
    }
    case 'rolled-back':
      return [
        line('error', `${ours} failed on ${service}, which is back on ${previous}${why}`),
        ...how,
      ];
    case 'superseded':
      return [line('error', `The deployment of ${ours} to ${service} was superseded: ${reason}`)];
    case 'timed-out':
      return [
        line(
          'error',
          `${service}: no verdict within the time limit (--timeout); the deployment goes on${cause === undefined ? '' : why}`,
        ),
        ...how,
        ...onward,
      ];
    case 'unknown':
      return [
        line(
          'warning',
          `${service}: ${reason}; the deployment of ${ours} (${result.deployment}) goes on`,
        ),
        ...onward,
      ];
    case 'interrupted':
      return [
        line('warning', `Stopped watching ${service}; the deployment of ${ours} goes on`),
        ...onward,
      ];
    default:
      return [
        line(
          'error',
          `The deployment of ${ours} to ${service} failed${why}${cause === undefined || reason === '' ? '' : `; ${reason}`}`,
        ),
        ...how,
        ...back,
      ];
  }
}

function phaseNote({
  phase,
  stage,
  traffic,
  waitsFor,
  counts,
}: EventOf<'rollout-progress'>): string {
  if (phase === 'rolling-back') return ' (rolling back)';
  if (stage !== undefined) {
    return ` (${stage}${traffic === undefined ? '' : `, ${traffic} % of the traffic`})`;
  }
  switch (waitsFor) {
    case 'old-tasks':
      return ` (${counts.old} old still to stop)`;
    case 'drain':
      return ` (${counts.old} old still to stop, after the deregistration delay of the target group)`;
    case 'bake':
      return ' (bake time: ECS watches for alarms)';
    default:
      return '';
  }
}

function formatCounts({ desired, running, pending, failed, limit }: RolloutCounts): string {
  const parts = [`${running} of ${desired} running`];
  if (pending > 0) parts.push(`${pending} pending`);
  const trips = limit === undefined ? '' : ` (the circuit breaker trips at ${limit})`;
  if (failed > 0) parts.push(`${failed} failed${trips}`);
  return parts.join(', ');
}

function formatPush(layers: readonly LayerProgress[]): string {
  const sum = (key: 'current' | 'total') =>
    layers.reduce((total, layer) => total + (layer[key] ?? 0), 0);
  return `Pushing ${formatBytes(sum('current'))} of ${formatBytes(sum('total'))}`;
}

function formatLayers(layers: readonly LayerProgress[]): string {
  const there = layers.filter(({ state }) => state === 'exists').length;
  const all = `${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}`;
  return there === 0 ? all : `${all}, ${there} there already`;
}

/** The first 12 hex digits of a digest, with its algorithm. */
function shortDigest(digest: string): string {
  return digest.replace(/^(sha256:[0-9a-f]{12})[0-9a-f]{52}$/, '$1');
}

/** Bytes with a unit, e.g. `1.5 MB`. */
function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB'];
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}

/** Seconds as people say them: `0.4s`, `61s`, `3m 20s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 100) return `${Math.round(seconds)}s`;
  return `${Math.floor(seconds / 60)}m ${Math.round(seconds % 60)}s`;
}
