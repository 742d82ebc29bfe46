import { EcsDeployError } from '../errors.ts';
import { checkTaskSize } from './checks.ts';
import { isFargate } from './ecs.ts';
import type { Answer } from './checks.ts';
import type { Place, Service, Task, TaskContainer } from './ecs.ts';
import { diagnoseTask } from './diagnosis.ts';
import type { Cause, CauseCode, FailedTask } from './diagnosis.ts';
import { suggest } from './nearest.ts';
import { placeFlags } from './service-name.ts';
import { containersOf, shortName } from './task-definition.ts';
import type { JsonObject } from './task-definition.ts';

/** What a one-off task runs, and what it changes of its definition. */
export interface Command {
  readonly words: readonly string[];
  readonly container: string;
  readonly setEnv: Readonly<Record<string, string>>;
  /** As ECS takes them; undefined keeps those of the definition. */
  readonly cpu: string | undefined;
  readonly memory: string | undefined;
}

/** A command as a shell would take it. */
export function commandText(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}

/** Whether the task ends when the container ends. */
function isEssential({ essential }: JsonObject): boolean {
  return essential !== false;
}

/**
 * The container that runs a command: the named one, the only one, or the only essential one. Throws
 * `container-missing` and `container-ambiguous`.
 */
export function chooseCommandContainer(
  definition: JsonObject,
  named: readonly string[] | undefined,
): string {
  const containers = containersOf(definition);
  const names = containers.map(({ name }) => String(name));
  const family = String(definition['family']);
  const unknown = named?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new EcsDeployError({
      code: 'container-missing',
      message: `The task definition ${family} has no container "${unknown}".`,
      hint: suggest(unknown, names, 'containers'),
    });
  }
  const open = containers.filter(({ name }) => named?.includes(String(name)) ?? true);
  const essential = open.filter(isEssential);
  const [chosen] = open.length === 1 ? open : essential.length === 1 ? essential : [];
  if (chosen !== undefined) return String(chosen['name']);
  throw new EcsDeployError({
    code: 'container-ambiguous',
    message: `The task definition ${family} has ${open.length} containers that can run the command: ${open.map(({ name }) => String(name)).join(', ')}.`,
    hint: `name one of them: --container ${String(open[0]?.['name'])}`,
  });
}

/** RunTask takes this many characters of overrides, JSON included. */
const LONGEST_OVERRIDES = 8192;

/**
 * The input of RunTask without revision and client token. Network, compute, platform version and
 * volumes are those of the service, as ECS sent them: `document` is the answer of DescribeServices.
 */
export function taskRequest(
  document: JsonObject,
  service: Service,
  definition: JsonObject,
  command: Command,
): JsonObject {
  const launch = launchOf(document);
  const onFargate = isFargate(service, definition);
  const placement = ['placementConstraints', 'placementStrategy'].filter(
    (member) => !onFargate && isFilled(document[member]),
  );
  const volumes = volumesOf(document, definition);
  return {
    cluster: service.cluster,
    count: 1,
    ...pick(launch, [
      isFilled(launch['capacityProviderStrategy']) ? 'capacityProviderStrategy' : 'launchType',
      'platformVersion',
      ...(definition['networkMode'] === 'awsvpc' ? ['networkConfiguration'] : []),
    ]),
    ...pick(document, placement),
    ...(volumes.length > 0 && { volumeConfigurations: volumes }),
    overrides: overridesOf(definition, onFargate, command),
  };
}

/** What has the launch type: the PRIMARY task set where another controller deploys, else the service. */
function launchOf(document: JsonObject): JsonObject {
  const sets = (document['taskSets'] ?? []) as readonly JsonObject[];
  return sets.find(({ status }) => status === 'PRIMARY') ?? document;
}

const isFilled = (list: unknown): boolean => Array.isArray(list) && list.length > 0;

function pick(from: JsonObject, members: readonly string[]): JsonObject {
  return Object.fromEntries(
    members.flatMap((member) => {
      const value = from[member];
      return value === undefined || value === null ? [] : [[member, value] as const];
    }),
  );
}

/** The service's volumes that the definition leaves to the launch; each ends with its task. */
function volumesOf(document: JsonObject, definition: JsonObject): readonly JsonObject[] {
  const open = new Set(
    ((definition['volumes'] ?? []) as readonly JsonObject[])
      .filter(({ configuredAtLaunch }) => configuredAtLaunch === true)
      .map(({ name }) => name),
  );
  const deployments = (document['deployments'] ?? []) as readonly JsonObject[];
  const primary = deployments.find(({ status }) => status === 'PRIMARY');
  const configured = (primary?.['volumeConfigurations'] ?? []) as readonly JsonObject[];
  return configured
    .filter(({ name }) => open.has(name))
    .map(({ managedEBSVolume, ...volume }) => ({
      ...volume,
      managedEBSVolume: {
        ...(managedEBSVolume as JsonObject),
        terminationPolicy: { deleteOnTermination: true },
      },
    }));
}

function overridesOf(
  definition: JsonObject,
  onFargate: boolean,
  { words, container, setEnv, cpu, memory }: Command,
): JsonObject {
  const environment = Object.entries(setEnv).map(([name, value]) => ({ name, value }));
  // Without a size of the task, the containers have their own.
  const hasSize = onFargate || (definition['cpu'] ?? definition['memory'] ?? null) !== null;
  const units = {
    ...(cpu !== undefined && { cpu: unitsOf(cpu) }),
    ...(memory !== undefined && { memory: unitsOf(memory) }),
  };
  const ofContainer = Object.entries(units).map(([member, value]) => [member, Number(value)]);
  return {
    containerOverrides: [
      {
        name: container,
        command: words,
        ...(environment.length > 0 && { environment }),
        ...(!hasSize && Object.fromEntries(ofContainer)),
      },
    ],
    ...(hasSize && units),
  };
}

/** `"0.5 vCPU"` in CPU units, `"2 GB"` in MiB. */
function unitsOf(size: string): string {
  const [, amount] = /^([\d.]+) ?(?:vcpu|gb)$/i.exec(size) ?? [];
  return amount === undefined ? size : String(Math.round(Number(amount) * 1024));
}

/** Why a task would not run the command once and end with it; undefined where nothing prevents that. */
export function checkCommand(
  definition: JsonObject,
  service: Service,
  { container: name, cpu, memory }: Command,
  request: JsonObject,
): Answer | undefined {
  const containers = containersOf(definition);
  const container = containers.find((item) => item['name'] === name);
  const policy = (container?.['restartPolicy'] ?? {}) as JsonObject;
  const ignored = (policy['ignoredExitCodes'] ?? []) as readonly number[];
  if (policy['enabled'] === true && !ignored.includes(0)) {
    return {
      status: 'fail',
      message: `Container "${name}" has a restart policy: ECS would run the command again after its end.`,
      hint: 'add 0 to ignoredExitCodes of its restartPolicy, or use a task definition without the policy (--task-definition)',
    };
  }
  const awaited = new Set(
    containers
      .flatMap(({ dependsOn }) => (dependsOn ?? []) as readonly JsonObject[])
      .filter(({ condition }) => condition === 'COMPLETE' || condition === 'SUCCESS')
      .map(({ containerName }) => containerName),
  );
  const short = containers.find(
    (item) => awaited.has(item['name']) && isEssential(item) && item['name'] !== name,
  );
  if (short !== undefined) {
    return {
      status: 'fail',
      message: `Container "${String(short['name'])}" is essential, and others wait for its end: the task would end with it, before the command does.`,
      hint: `set "essential": false for container "${String(short['name'])}" in the task definition`,
    };
  }
  const length = JSON.stringify(request['overrides']).length;
  if (length > LONGEST_OVERRIDES) {
    return {
      status: 'fail',
      message: `The command and its variables take ${length} characters; RunTask accepts ${LONGEST_OVERRIDES}.`,
      hint: 'put a script into the image, and run that',
    };
  }
  if ((cpu ?? memory) === undefined || !isFargate(service, definition)) return undefined;
  const size = checkTaskSize({
    cpu: cpu ?? definition['cpu'],
    memory: memory ?? definition['memory'],
  });
  return size.status === 'fail' ? size : undefined;
}

/** How a command ended. */
export interface CommandEnd {
  readonly kind: 'ended';
  readonly outcome: 'succeeded' | 'failed' | 'interrupted';
  /** Of the command's container; undefined where it has none. */
  readonly exitCode: number | undefined;
  /** The containers that say why. */
  readonly culprits: readonly TaskContainer[];
  readonly why: 'exit' | 'other-container' | 'never-started' | 'outside';
}

/** What is known of a command while its task is followed. */
export type CommandVerdict = { readonly kind: 'waiting' } | CommandEnd;

const WAITING: CommandVerdict = { kind: 'waiting' };

/** Stop codes of those that end a task from outside: the command may not have done its work. */
const OUTSIDE: ReadonlySet<string | undefined> = new Set([
  'UserInitiated',
  'SpotInterruption',
  'TerminationNotice',
  'InfrastructureHealth',
]);
/** What a container exits with that ECS stops: SIGKILL and SIGTERM. */
const STOPPED_CODES: ReadonlySet<number | undefined> = new Set([137, 143]);

/**
 * What became of a command: the exit code of its own container decides, whatever the others say. It
 * has succeeded only with exit code 0, and not where the task was stopped from outside before: many
 * programs exit with 0 on SIGTERM.
 */
export function judgeCommand(
  { containers, lastStatus, stopCode }: Pick<Task, 'containers' | 'lastStatus' | 'stopCode'>,
  name: string,
  definition: JsonObject,
): CommandVerdict {
  const own = containers.find((container) => container.name === name);
  const exitCode = own?.lastStatus === 'STOPPED' || isOver(lastStatus) ? own?.exitCode : undefined;
  const end = (part: Pick<CommandEnd, 'outcome' | 'why' | 'culprits'>): CommandEnd => ({
    kind: 'ended',
    exitCode,
    ...part,
  });
  const isOutside = OUTSIDE.has(stopCode);
  if (own === undefined || exitCode === undefined) {
    if (!isOver(lastStatus)) return WAITING;
    // Only a task that failed to start has no exit codes that could still come.
    if (lastStatus === 'DEPROVISIONING' && stopCode !== 'TaskFailedToStart') return WAITING;
    return isOutside
      ? end({ outcome: 'interrupted', why: 'outside', culprits: containers })
      : end({ outcome: 'failed', why: 'never-started', culprits: containers });
  }
  if (isOutside) return end({ outcome: 'interrupted', why: 'outside', culprits: [own] });
  if (exitCode === 0) return end({ outcome: 'succeeded', why: 'exit', culprits: [own] });
  const other = stopCode === 'EssentialContainerExited' && endedBy(own, containers, definition);
  return other
    ? end({ outcome: 'failed', why: 'other-container', culprits: [other] })
    : end({ outcome: 'failed', why: 'exit', culprits: [own] });
}

/** The essential container whose end has ended another one; undefined where that ended by itself. */
function endedBy(
  own: TaskContainer,
  containers: readonly TaskContainer[],
  definition: JsonObject,
): TaskContainer | undefined {
  if (!STOPPED_CODES.has(own.exitCode) || isOutOfMemory(own)) return undefined;
  const essential = new Set(
    containersOf(definition)
      .filter(isEssential)
      .map((item) => item['name']),
  );
  const others = containers.filter(
    (container) => container !== own && essential.has(container.name),
  );
  const failed = others.find(
    (container) =>
      isOutOfMemory(container) || ![0, undefined, ...STOPPED_CODES].includes(container.exitCode),
  );
  // SIGTERM comes from ECS. SIGKILL can be for the container's own memory, and then others exit with 0.
  return failed ?? (own.exitCode === 143 ? others.find((item) => item.exitCode === 0) : undefined);
}

function isOver(status: string): boolean {
  return ['DEPROVISIONING', 'STOPPED', 'DELETED'].includes(status);
}

function isOutOfMemory({ reason = '' }: TaskContainer): boolean {
  return /OutOfMemory/.test(reason);
}

/** Whether a task keeps running after its command has ended: then it must be stopped. */
export function outlives(
  { desiredStatus }: Pick<Task, 'desiredStatus'>,
  name: string,
  definition: JsonObject,
): boolean {
  const own = containersOf(definition).find((container) => container['name'] === name);
  return desiredStatus === 'RUNNING' && own !== undefined && !isEssential(own);
}

/** Texts of programs that do not find a host. */
const LOOKUP_FAILED =
  /could not translate host name|getaddrinfo|ENOTFOUND|no such host|name or service not known|nodename nor servname|UnknownHostException|could not resolve host/i;

/** Why a command did not succeed. */
export function causeOfCommand(end: CommandEnd, task: FailedTask, command: Command): Cause {
  const { container } = command;
  const cause = diagnoseTask(task);
  const log = task.containers.flatMap((item) => item.log);
  if (end.why === 'other-container') {
    const [other] = end.culprits;
    const summary = `container ${other?.name} ended with exit code ${other?.exitCode} and took the task down before the command ended`;
    const hint = `see the log of container ${other?.name}; a container that can end before the command must not be essential`;
    return { ...cause, code: 'application-exit', summary, hint };
  }
  if (end.why === 'exit' && log.some((line) => LOOKUP_FAILED.test(line))) {
    const hint =
      'check the host name; a one-off task is not in Service Connect, so its names do not resolve there: use the name of the load balancer or of Cloud Map';
    return { ...cause, hint };
  }
  return withHint(cause, container, log.length > 0);
}

/** A cause whose hint does not speak of a service. */
function withHint(cause: Cause, container: string, hasLog: boolean): Cause {
  const hint = COMMAND_HINTS[cause.code]?.(container, hasLog) ?? cause.hint;
  // Nobody starts a one-off task again.
  return { ...cause, hint: hint.replace('wait (ECS tries again)', 'run it again later') };
}

/** What to do about causes whose usual hint is about a service. */
const COMMAND_HINTS: Readonly<
  Partial<Record<CauseCode, (container: string, hasLog: boolean) => string>>
> = {
  'application-exit': (container, hasLog) =>
    hasLog
      ? 'see the last log lines above'
      : `it wrote no log: check the logConfiguration of container ${container}`,
  'command-not-found': () =>
    'check the command; it replaces CMD of the image only: an image with an ENTRYPOINT gets it as arguments',
  'stopped-by-user': () => 'check what the command has done so far before you run it again',
  'spot-interruption': () =>
    'check what the command has done so far before you run it again; a migration should not run on Spot: the capacity providers of the service decide',
  unknown: () => 'run it again; if that does not help, see the task in the AWS console',
};

/** A cause for a task that was not started, or not followed to the end of its command. */
export function causeOfText(text: string): Cause {
  const task: FailedTask = {
    id: '',
    stopCode: undefined,
    stoppedReason: text,
    platform: '',
    logGroups: [],
    flags: '',
    containers: [],
  };
  return { ...withHint(diagnoseTask(task), '', false), tasks: 0 };
}

/** Reasons of RunTask for not starting a task, which may be gone at the next attempt. */
const TRANSIENT = /^Capacity is unavailable|^AGENT$|^RESOURCE:/;

/** Whether RunTask may succeed later; AWS was also seen to answer with neither tasks nor failures. */
export function isTransient(reasons: readonly string[]): boolean {
  return reasons.every((reason) => TRANSIENT.test(reason));
}

/** The failures of RunTask, equal ones together: ECS names one for each instance that it examined. */
export function failuresText(reasons: readonly string[]): string {
  if (reasons.length === 0) return 'AWS started no task and gave no reason';
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => (count === 1 ? reason : `${reason} (${count} instances)`))
    .join(', ');
}

/** The command line of the AWS CLI that stops a task. */
export function stopCommand({ arn }: Pick<Task, 'arn'>, place: Place | undefined): string {
  const [cluster = '', id = ''] = arn.split('/').slice(-2);
  return `aws ecs stop-task --cluster ${shortName(cluster)} --task ${id}${placeFlags(place)}`;
}
