import { setTimeout as sleep } from 'node:timers/promises';
import type { Service, Task } from '@aws-sdk/client-ecs';
import { allTasksOf, describeRevision, describeService, openEcs } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { awsErrorText, isPassing } from '../aws/errors.ts';
import { logStreamOf, readLog } from '../aws/logs.ts';
import type { LogPage, LogStream } from '../aws/logs.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import { logPlaceOf } from '../core/log-place.ts';
import { suggest } from '../core/nearest.ts';
import { serviceResult } from '../core/result.ts';
import type { LogLine } from '../core/result.ts';
import { containersOf, shortName } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import { connectAws } from '../aws/optional.ts';

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
  /** Where the next look begins; undefined at the beginning of the stream. */
  next: string | undefined;
}

/** Prints the container logs of the services' tasks, the oldest line first; `--follow` goes on. */
export async function logs(context: Context): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  if (config.follow && config.json) {
    throw new EcsDeployError({
      code: 'usage',
      message: '--follow and --json contradict each other: the one document comes at the end.',
      hint: 'leave one of them out',
    });
  }
  const ecs = await openEcs(await connectAws(context));
  const sources = await allOrRefuse(
    config.targets.map(async (target) => ({
      target,
      service: await describeService(ecs, target.cluster, target.service),
    })),
  );
  const readings = new Map<string, Reading>();
  await findReadings(context, ecs, sources, readings);
  const pages = await Promise.all(
    [...readings.values()].map((reading) => readEnd(context, ecs, reading)),
  );
  const lines = inOrder(pages.flat()).slice(-config.lines);
  const form = (line: LogLine) => formatLine(line, readings);
  const result = {
    image: null,
    services: sources.map(({ target, service }) =>
      serviceResult({
        cluster: shortName(service.clusterArn ?? ''),
        service: target.service,
        outcome: 'unchanged',
        desired: service.desiredCount ?? 0,
        running: service.runningCount ?? 0,
      }),
    ),
    seconds: {},
  };
  if (!config.follow) {
    if (lines.length === 0) context.emit({ kind: 'log-empty' });
    const output = lines.length === 0 ? undefined : lines.map(form).join('\n');
    return { ...result, outcome: 'unchanged', logs: lines, output };
  }
  const isRead = lines.every((line) => context.print(form(line)));
  if (isRead) await follow(context, ecs, sources, readings, form);
  return { ...result, outcome: context.signal.aborted ? 'interrupted' : 'unchanged' };
}

/** Prints what is written until the user or the reader has enough. */
async function follow(
  context: Context,
  ecs: Ecs,
  sources: readonly Source[],
  readings: Map<string, Reading>,
  form: (line: LogLine) => string,
): Promise<void> {
  const { config, signal, print, emit } = context;
  for (let isTroubled = false; ;) {
    try {
      await sleep(config.poll, undefined, { signal });
      await findReadings(context, ecs, sources, readings);
      const pages = await Promise.all(
        [...readings.values()].map((reading) => readOn(ecs, reading)),
      );
      for (const line of inOrder(pages.flat())) if (!print(form(line))) return;
      isTroubled = false;
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      if (!isTroubled)
        emit({
          kind: 'warning',
          message: `AWS does not answer (${awsErrorText(error)}); trying on`,
        });
      isTroubled = true;
    }
  }
}

/** Adds the containers of tasks that were not known yet. */
async function findReadings(
  context: Context,
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
          ({ taskArn }) => ![...readings.keys()].some((key) => key.startsWith(`${taskArn}/`)),
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
              message: `The log of container ${name} goes to ${place}: AWS cannot show it.`,
            });
          }
          for (const { taskArn = '', containers: parts = [] } of fresh) {
            const { runtimeId } = parts.find((part) => part.name === name) ?? {};
            const stream = logStreamOf(container, shortName(taskArn), runtimeId);
            if (stream === undefined) continue;
            readings.set(`${taskArn}/${name}`, {
              task: shortName(taskArn),
              container: name,
              stream,
              next: undefined,
            });
          }
        }
      }
    }),
  );
}

function byRevision(tasks: readonly Task[]): Map<string, Task[]> {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const revision = task.taskDefinitionArn ?? '';
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

/** The last lines of a stream; those that come later are left to `readOn`. */
async function readEnd(
  { config, emit }: Context,
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
      message: `There is no log group ${reading.stream.group}, which container ${reading.container} should write to.`,
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
    // A token that repeats itself is the end of the stream.
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

/** The task's id in short, the container where there are several, and the line as it was written. */
function formatLine(
  { task, container, message }: LogLine,
  readings: ReadonlyMap<string, Reading>,
): string {
  const containers = new Set([...readings.values()].map((reading) => reading.container));
  const who = containers.size > 1 ? `${task.slice(0, 8)} ${container}` : task.slice(0, 8);
  return `${who}  ${message}`;
}
