import { at } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { logStreamOf, readLog, readLogFrom } from '../aws/logs.ts';
import type { LogPage, LogStream } from '../aws/logs.ts';
import { describeRevision } from '../aws/revisions.ts';
import { describeService } from '../aws/services.ts';
import { allTasksOf } from '../aws/tasks.ts';
import type { Service, Task } from '../core/ecs.ts';
import { logPlaceOf } from '../core/log-place.ts';
import { suggest } from '../core/nearest.ts';
import { nameOf } from '../core/service-name.ts';
import { serviceResult } from '../core/result.ts';
import type { LogLine, Output } from '../core/result.ts';
import { containersOf } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf, Target } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { poll, refuseJson } from './poll.ts';

/** GetLogEvents' limit of lines in one call. */
const LINES_PER_CALL = 10_000;

/** A service whose logs are read. */
interface Source {
  readonly ecs: Ecs;
  readonly target: Target;
  readonly service: Service;
}

/** The log of one container of one task. */
interface Reading {
  readonly task: string;
  /** ARN of the revision of the task. */
  readonly revision: string;
  readonly container: string;
  readonly ecs: Ecs;
  readonly stream: LogStream;
  isStopped: boolean;
  /** Token of the next read; undefined at the beginning of the stream. */
  next: string | undefined;
}

/** Prints the container logs of the tasks, the oldest line first; `--follow` keeps printing. */
export async function logs(context: Context<'logs'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  if (config.follow) refuseJson(config, '--follow');
  const tools = await connectTools(context);
  const sources = await allOrRefuse(
    config.targets.map(async (target) => {
      const { ecs } = at(tools, target);
      return { ecs, target, service: await describeService(ecs, target) };
    }),
  );
  const readings = new Map<string, Reading>();
  await findReadings(context, sources, readings);
  const part = startOf(config, tools);
  const blocks = await Promise.all(
    [...readings.values()].map((reading) => readBlock(context, reading, part)),
  );
  const current = new Set(sources.map(({ service }) => service.taskDefinition));
  const lines = chooseLines(blocks, part.limit, current);
  const result = {
    image: null,
    services: sources.map(({ service }) =>
      serviceResult({
        ...nameOf(service),
        outcome: 'unchanged',
        taskDefinition: service.taskDefinition,
        desired: service.desired,
        running: service.running,
      }),
    ),
    seconds: {},
  };
  if (!config.follow) {
    if (lines.length === 0) context.emit({ kind: 'log-empty' });
    const output = lines.length === 0 ? undefined : outputOf(config, lines, readings);
    return { ...result, outcome: 'unchanged', logs: lines, output };
  }
  const print = async (more: readonly LogLine[]) =>
    more.length === 0 || context.print(outputOf(config, more, readings));
  if (await print(lines)) {
    await poll(context, async () => {
      await findReadings(context, sources, readings);
      const pages = [...readings.values()].map((reading) => readOn(reading, part.start));
      return print(inOrder((await Promise.all(pages)).flat()));
    });
  }
  return { ...result, outcome: context.signal.aborted ? 'interrupted' : 'unchanged' };
}

/** Which lines are shown: the last ones, at most `limit`, and none before `start`. */
interface Part {
  readonly limit: number;
  /** Epoch milliseconds. */
  readonly start: number | undefined;
}

/** Lines that are shown where neither `--lines` nor `--since` is given. */
const LINES = 100;

function startOf(
  { lines, since }: Pick<ConfigOf<'logs'>, 'lines' | 'since'>,
  { aws }: Tools,
): Part {
  if (since === undefined) return { limit: lines ?? LINES, start: undefined };
  return { limit: lines ?? Infinity, start: Date.now() + aws.clock.offset - since };
}

/** The lines of one container of one task. */
interface Block {
  readonly reading: Reading;
  /** The oldest first. */
  readonly lines: readonly LogLine[];
}

/**
 * The last lines in the order of their times: those of the current revisions first, so that tasks that
 * are replaced do not crowd them out. Of a task that has stopped there are all lines or none, unless
 * there would be no line at all.
 */
function chooseLines(
  blocks: readonly Block[],
  limit: number,
  current: ReadonlySet<string>,
): readonly LogLine[] {
  const isCurrent = ({ reading }: Block) => current.has(reading.revision);
  const linesOf = (some: readonly Block[]) => inOrder(some.flatMap((block) => block.lines));
  const fresh = last(linesOf(blocks.filter(isCurrent)), limit);
  const older = linesOf(blocks.filter((block) => !isCurrent(block)));
  const chosen = new Set([...fresh, ...last(older, limit - fresh.length)]);
  const cut = blocks.filter(
    ({ reading, lines }) =>
      reading.isStopped &&
      lines.some((line) => chosen.has(line)) &&
      !(lines[0] !== undefined && chosen.has(lines[0])),
  );
  const remains = new Set(cut.flatMap(({ lines }) => lines));
  const whole = inOrder([...chosen].filter((line) => !remains.has(line)));
  return whole.length > 0 ? whole : inOrder([...chosen]);
}

/** The last items of a list; none for a count of 0. */
function last<T>(items: readonly T[], count: number): readonly T[] {
  return count <= 0 ? [] : items.slice(-count);
}

/** Adds the containers of new tasks, and notes which tasks have stopped. */
async function findReadings(
  context: Context<'logs'>,
  sources: readonly Source[],
  readings: Map<string, Reading>,
): Promise<void> {
  await Promise.all(
    sources.map(async ({ ecs, target, service }) => {
      const [running, stopped] = await Promise.all([
        allTasksOf(ecs, service, 'RUNNING'),
        allTasksOf(ecs, service, 'STOPPED'),
      ]);
      const isStopped = new Set(stopped.map(({ id }) => id));
      for (const reading of readings.values()) {
        if (isStopped.has(reading.task)) reading.isStopped = true;
      }
      const found = tasksNamed(context.config, target, [...stopped, ...running]);
      for (const [revision, tasks] of byRevision(found)) {
        const fresh = tasks.filter(
          ({ arn }) => ![...readings.keys()].some((key) => key.startsWith(`${arn}/`)),
        );
        if (fresh.length === 0) continue;
        const { definition } = await describeRevision(ecs, revision);
        const containers = containersOf(definition);
        checkContainers(
          target,
          containers.map(({ name }) => String(name)),
        );
        for (const container of containers) {
          const name = String(container['name']);
          if (target.container?.includes(name) === false) continue;
          const place = logPlaceOf(container);
          if (place !== undefined) {
            context.emit({
              kind: 'warning',
              message: `The log of container ${name} is not in CloudWatch Logs; it goes to ${place}.`,
            });
          }
          for (const { arn, id, containers: parts } of fresh) {
            const { runtimeId } = parts.find((part) => part.name === name) ?? {};
            const stream = logStreamOf(container, id, runtimeId);
            if (stream === undefined) continue;
            readings.set(`${arn}/${name}`, {
              task: id,
              revision,
              container: name,
              ecs,
              stream,
              isStopped: isStopped.has(id),
              next: undefined,
            });
          }
        }
      }
    }),
  );
}

/** The tasks that `--task` names by their ids, the begins of these or ARNs; all without it. */
function tasksNamed(
  { task: named }: Pick<ConfigOf<'logs'>, 'task'>,
  { service }: Target,
  tasks: readonly Task[],
): readonly Task[] {
  if (named === undefined) return tasks;
  const unknown = named.find((name) => !tasks.some((task) => isNamed(task, name)));
  if (unknown === undefined) {
    return tasks.filter((task) => named.some((name) => isNamed(task, name)));
  }
  throw new EcsDeployError({
    code: 'usage',
    message: `"${service}" has no task "${unknown}".`,
    hint: suggest(
      unknown,
      tasks.map(({ id }) => id),
      'tasks',
    ),
  });
}

const isNamed = ({ arn, id }: Task, name: string) => arn === name || id.startsWith(name);

function byRevision(tasks: readonly Task[]): Map<string, Task[]> {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const { taskDefinition: revision } = task;
    groups.set(revision, [...(groups.get(revision) ?? []), task]);
  }
  return groups;
}

function checkContainers({ container, service }: Target, known: readonly string[]): void {
  const unknown = container?.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new EcsDeployError({
    code: 'container-missing',
    message: `The tasks of "${service}" have no container "${unknown}".`,
    hint: suggest(unknown, known, 'containers'),
  });
}

/** Reads a part of a stream; `readOn` reads what follows. */
async function readBlock(
  { emit }: Context<'logs'>,
  reading: Reading,
  { limit, start }: Part,
): Promise<Block> {
  if (start !== undefined) return { reading, lines: await readOn(reading, start) };
  const page = await readLog(reading.ecs.aws, reading.stream, {
    // One more than are shown: it shows whether they are all.
    limit: Math.min(limit + 1, LINES_PER_CALL),
    startFromHead: false,
  });
  reading.next = page.next;
  if (page.missing === 'group') {
    emit({
      kind: 'warning',
      message: `The log group ${reading.stream.group} of container ${reading.container} does not exist.`,
    });
  }
  return { reading, lines: linesOf(reading, page) };
}

async function readOn(
  reading: Reading,
  startTime: number | undefined,
): Promise<readonly LogLine[]> {
  const page = await readLogFrom(reading.ecs.aws, reading.stream, reading.next, startTime);
  reading.next = page.next;
  return linesOf(reading, page);
}

function linesOf(
  { task, container, isStopped }: Reading,
  { events }: Pick<LogPage, 'events'>,
): LogLine[] {
  return events.map(({ timestamp, message }) => ({
    task,
    container,
    time: new Date(timestamp).toISOString(),
    message,
    stopped: isStopped,
  }));
}

function inOrder(lines: readonly LogLine[]): LogLine[] {
  return lines.toSorted((a, b) => a.time.localeCompare(b.time));
}

/** Lines for stdout, which name their container if several are shown. */
function outputOf(
  { timestamps }: Pick<ConfigOf<'logs'>, 'timestamps'>,
  lines: readonly LogLine[],
  readings: ReadonlyMap<string, Reading>,
): Output {
  const all = [...readings.values()];
  return {
    kind: 'logs',
    lines,
    withContainer: new Set(all.map(({ container }) => container)).size > 1,
    withTime: timestamps,
    tasks: [...new Set(all.map(({ task }) => task))],
  };
}
