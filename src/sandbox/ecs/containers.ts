import type { PulledImage } from '../images.ts';
import type { Strike } from './faults.ts';
import type { Container, Simulation, Task } from './state.ts';
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
  const overrides = [...(definition.entryPoint ?? []), ...(definition.command ?? [])];
  const program =
    definition.entryPoint?.length || image.program.length === 0 ? overrides : image.program;
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

/** Writes a line of container output to the log stream of the container, if it has one. */
export function write(
  simulation: Simulation,
  task: Task,
  container: Container,
  line: string,
): void {
  const options = awslogsOptions(simulation, container);
  const group = options?.['awslogs-group'];
  if (group === undefined) return;
  const prefix = options?.['awslogs-stream-prefix'];
  const stream =
    prefix === undefined
      ? container.runtimeId
      : `${prefix}/${container.definition.name}/${task.id}`;
  simulation.logs.append(group, stream, line, simulation.now());
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
