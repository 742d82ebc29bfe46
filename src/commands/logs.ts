import { setTimeout as sleep } from 'node:timers/promises';
import type { Ecs } from '../aws/ecs.ts';
import { awsErrorText, isPassing } from '../aws/errors.ts';
import { logStreamOf, readLog } from '../aws/logs.ts';
import type { LogPage, LogStream } from '../aws/logs.ts';
import { describeRevision } from '../aws/revisions.ts';
import { describeService } from '../aws/services.ts';
import { allTasksOf } from '../aws/tasks.ts';
import type { Service, Task } from '../core/ecs.ts';
import { logPlaceOf } from '../core/log-place.ts';
import { suggest } from '../core/nearest.ts';
import { serviceResult } from '../core/result.ts';
import type { LogLine, Output } from '../core/result.ts';
import { containersOf, shortName } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';

/** A service whose logs are read. */
interface Source {
  readonly target: Target;
  readonly service: Service;
}

/** The log of one container of one task. */
interface Reading {
  readonly task: string;
  readonly container: string;
  readonly stream: LogStream;
  /** Token of the next read; undefined at the beginning of the stream. */
  next: string | undefined;
}

/** Prints the container logs of the tasks, the oldest line first; `--follow` keeps printing. */
export async function logs(context: Context<'logs'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  if (config.follow && config.json) {
    throw new EcsDeployError({
      code: 'usage',
      message: '--follow and --json cannot be combined: --json prints one document at the end.',
      hint: 'omit one of them',
    });
  }
  const { ecs } = await connectTools(context);
  const sources = await allOrRefuse(
    config.targets.map(async (target) => ({
      target,
      service: await describeService(ecs, target),
    })),
  );
  const readings = new Map<string, Reading>();
  await findReadings(context, ecs, sources, readings);
  const pages = await Promise.all(
    [...readings.values()].map((reading) => readEnd(context, ecs, reading)),
  );
  const lines = inOrder(pages.flat()).slice(-config.lines);
  const result = {
    image: null,
    services: sources.map(({ target, service }) =>
      serviceResult({
        cluster: shortName(service.cluster),
        service: target.service,
        outcome: 'unchanged',
        desired: service.desired,
        running: service.running,
      }),
    ),
    seconds: {},
  };
  if (!config.follow) {
    if (lines.length === 0) context.emit({ kind: 'log-empty' });
    const output = lines.length === 0 ? undefined : outputOf(lines, readings);
    return { ...result, outcome: 'unchanged', logs: lines, output };
  }
  const isRead = lines.length === 0 || (await context.print(outputOf(lines, readings)));
  if (isRead) await follow(context, ecs, sources, readings);
  return { ...result, outcome: context.signal.aborted ? 'interrupted' : 'unchanged' };
}

/** Prints new lines until the user interrupts it or stdout is no longer read. */
async function follow(
  context: Context<'logs'>,
  ecs: Ecs,
  sources: readonly Source[],
  readings: Map<string, Reading>,
): Promise<void> {
  const { config, signal, print, emit } = context;
  for (let isTroubled = false; ;) {
    try {
      await sleep(config.poll, undefined, { signal });
      await findReadings(context, ecs, sources, readings);
      const pages = await Promise.all(
        [...readings.values()].map((reading) => readOn(ecs, reading)),
      );
      const lines = inOrder(pages.flat());
      if (lines.length > 0 && !(await print(outputOf(lines, readings)))) return;
      isTroubled = false;
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      if (!isTroubled)
        emit({ kind: 'warning', message: `Cannot reach AWS (${awsErrorText(error)}); retrying` });
      isTroubled = true;
    }
  }
}

/** Adds the containers of new tasks. */
async function findReadings(
  context: Context<'logs'>,
  ecs: Ecs,
  sources: readonly Source[],
  readings: Map<string, Reading>,
): Promise<void> {
  await Promise.all(
    sources.map(async ({ target, service }) => {
      const [running, stopped] = await Promise.all([
        allTasksOf(ecs, service, 'RUNNING'),
        allTasksOf(ecs, service, 'STOPPED'),
      ]);
      for (const [revision, tasks] of byRevision([...stopped, ...running])) {
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
            readings.set(`${arn}/${name}`, { task: id, container: name, stream, next: undefined });
          }
        }
      }
    }),
  );
}

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

/** Reads the last lines of a stream; `readOn` reads those that follow. */
async function readEnd(
  { config, emit }: Context<'logs'>,
  ecs: Ecs,
  reading: Reading,
): Promise<readonly LogLine[]> {
  const page = await readLog(ecs.aws, reading.stream, {
    limit: config.lines,
    startFromHead: false,
  });
  reading.next = page.next;
  if (page.missing === 'group') {
    emit({
      kind: 'warning',
      message: `The log group ${reading.stream.group} of container ${reading.container} does not exist.`,
    });
  }
  return linesOf(reading, page);
}

async function readOn(ecs: Ecs, reading: Reading): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  for (;;) {
    const { next } = reading;
    const page = await readLog(ecs.aws, reading.stream, { startFromHead: true, nextToken: next });
    reading.next = page.next;
    lines.push(...linesOf(reading, page));
    // At the end of the stream, the token stays the same.
    if (page.next === next || page.events.length === 0) return lines;
  }
}

function linesOf({ task, container }: Reading, { events }: LogPage): LogLine[] {
  return events.map(({ timestamp, message }) => ({
    task,
    container,
    time: new Date(timestamp).toISOString(),
    message,
  }));
}

function inOrder(lines: readonly LogLine[]): LogLine[] {
  return lines.toSorted((a, b) => a.time.localeCompare(b.time));
}

/** Lines for stdout, which name their container if several are shown. */
function outputOf(lines: readonly LogLine[], readings: ReadonlyMap<string, Reading>): Output {
  const containers = new Set([...readings.values()].map(({ container }) => container));
  return { kind: 'logs', lines, withContainer: containers.size > 1 };
}
