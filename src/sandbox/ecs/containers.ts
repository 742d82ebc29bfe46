import type { PulledImage } from '../images.ts';
import type { Strike } from './faults.ts';
import type { ContainerDefinition } from './definition.ts';
import type { Container, ContainerOverride, Simulation, Task } from './state.ts';
import { architectureOf } from './task-definitions.ts';

/** A successful pull. */
export type Found = Extract<PulledImage, { readonly kind: 'found' }>;
/** The result of a pull; `failed` if the registry cannot be reached. */
export type Pulled = PulledImage | { readonly kind: 'failed'; readonly error: unknown };

/** An image reference, its tag replaced by the digest that the deployment resolved, if any. */
export function pinned(image: string, digest: string | undefined): string {
  if (digest === undefined || image.includes('@')) return image;
  return `${image.replace(/:[^:/]+$/, '')}@${digest}`;
}

/** The `reason` of a container whose image cannot be pulled. */
export function pullFailure(image: string, pulled: Pulled, architecture: string): string {
  const retried = 'CannotPullContainerError: pull image manifest has been retried 7 time(s): ';
  if (pulled.kind === 'no-platform') {
    return `${retried}image Manifest does not contain descriptor matching platform 'linux/${architecture}'`;
  }
  const problem = pulled.kind === 'failed' ? String(pulled.error) : `${image}: not found`;
  return `${retried}failed to resolve ref ${image}: ${problem}`;
}

/** What a container's process logs, and when and how it exits by itself. */
export interface Course {
  readonly log: readonly string[];
  readonly exit?: { readonly seconds: number; readonly code: number; readonly reason?: string };
}

/** Seconds from the start of a program for the wrong architecture to its exit. */
const WRONG_ARCHITECTURE_SECONDS = 0.5;

/** The course of a container, which depends on the architecture of its image and on faults. */
export function courseOf(
  task: Task,
  { definition }: Container,
  image: Found,
  strike: Extract<Strike, { readonly at: 'run' }> | undefined,
): Course {
  const program = programOf(task, definition, image);
  if (image.architecture !== architectureOf(task.deployment.definition)) {
    return {
      log: [`exec ${program[0] ?? '/'}: exec format error`],
      exit: { seconds: WRONG_ARCHITECTURE_SECONDS, code: 1 },
    };
  }
  const starting = `Starting ${program.join(' ') || definition.name}`;
  if (strike !== undefined) {
    const { seconds, exitCode: code, reason, log } = strike;
    return { log: [starting, ...log], exit: { seconds, code, ...(reason && { reason }) } };
  }
  const port = definition.portMappings?.[0]?.containerPort;
  return { log: [starting, port === undefined ? 'Ready' : `Listening on port ${port}`] };
}

/** The words that a container runs. */
function programOf(task: Task, definition: ContainerDefinition, image: Found): readonly string[] {
  const override = overrideOf(task, definition.name)?.command;
  const own = [...(definition.entryPoint ?? []), ...(override ?? definition.command ?? [])];
  if (definition.entryPoint?.length || image.program.length === 0) return own;
  return override === undefined ? image.program : [...image.program, ...override];
}

/** Seconds that a command of a one-off task takes. */
const COMMAND_SECONDS = 4;

/** The course of a container whose command RunTask replaces: it ends by itself. */
export function courseOfCommand(
  task: Task,
  { definition }: Container,
  image: Found,
  strike: Extract<Strike, { readonly at: 'command' }> | undefined,
): Course {
  const words = programOf(task, definition, image);
  const running = `Running ${words.join(' ')}`;
  if (strike !== undefined) {
    const { seconds, exitCode: code, reason, log } = strike;
    return { log: [running, ...log], exit: { seconds, code, ...(reason && { reason }) } };
  }
  // Nothing is run, but a script can say how it ends.
  const code = Number(/\bexit (\d{1,3})$/.exec(words.at(-1) ?? '')?.[1] ?? 0);
  return {
    log: [running, code === 0 ? 'Done' : 'Failed'],
    exit: { seconds: COMMAND_SECONDS, code },
  };
}

/** What RunTask changes of a container. */
export function overrideOf({ oneOff }: Task, container: string): ContainerOverride | undefined {
  return oneOff?.overrides.containerOverrides?.find(({ name }) => name === container);
}

/** Writes a line of container output to the log stream of the container, if it has one. */
export function write(
  simulation: Simulation,
  task: Task,
  container: Container,
  line: string,
  time = simulation.now(),
): void {
  const options = awslogsOptions(simulation, container);
  const group = options?.['awslogs-group'];
  if (group === undefined) return;
  const prefix = options?.['awslogs-stream-prefix'];
  const stream =
    prefix === undefined
      ? container.runtimeId
      : `${prefix}/${container.definition.name}/${task.id}`;
  simulation.logs.append(group, stream, line, time);
}

/** Whether a container's log group is missing and the container does not create it. */
export function lacksLogGroup(simulation: Simulation, container: Container): boolean {
  const options = awslogsOptions(simulation, container);
  const group = options?.['awslogs-group'];
  if (group === undefined) return false;
  if (options?.['awslogs-create-group'] === 'true') simulation.logs.createGroup(group);
  return !simulation.logs.hasGroup(group);
}

/** The options of a container that logs to CloudWatch Logs in this region. */
function awslogsOptions(
  { region }: Simulation,
  { definition: { logConfiguration } }: Container,
): Readonly<Record<string, string>> | undefined {
  const { logDriver, options } = logConfiguration ?? {};
  return logDriver === 'awslogs' && options?.['awslogs-region'] === region ? options : undefined;
}
