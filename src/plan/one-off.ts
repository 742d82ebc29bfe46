import { checkTaskReads, readServiceDocument } from '../aws/one-off.ts';
import { describeRevision } from '../aws/revisions.ts';
import { ok } from '../core/checks.ts';
import type { Service } from '../core/ecs.ts';
import { checkCommand, chooseCommandContainer, commandText, taskRequest } from '../core/one-off.ts';
import type { Command } from '../core/one-off.ts';
import { familyOf, isDefinitionFile, revisionName, shortName } from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import { checkPlace } from './observe.ts';
import type { ObservedService, ObserveTools } from './observe.ts';
import { failures } from './findings.ts';
import type { PlanFinding } from './findings.ts';
import { attemptNow } from './read.ts';

/** A service that a one-off task takes its place from. */
export interface Launch {
  readonly service: Service;
  /** The service, as DescribeServices answers it. */
  readonly document: JsonObject;
}

/** Reads what a one-off task takes from a service; throws where its task could not be followed. */
export async function observeLaunch(
  { ecs }: Pick<ObserveTools, 'ecs'>,
  service: Service,
): Promise<Launch> {
  const [document] = await allOrRefuse([
    readServiceDocument(ecs, service),
    checkTaskReads(ecs, service.cluster),
  ]);
  return { service, document };
}

/** The revision that a command runs in: the named one, or the one that the service runs. */
export async function observeCommand(
  { ecs }: Pick<ObserveTools, 'ecs'>,
  { image, named }: { readonly image: string | undefined; readonly named: string | undefined },
  reading: Promise<Service>,
): Promise<ObservedService> {
  const service = await reading;
  checkPlace(service, named);
  const source = named === undefined ? service.taskDefinition : nameOf(named, service);
  const revision = await describeRevision(ecs, source);
  return {
    service,
    running: revision,
    latest: undefined,
    next:
      image === undefined
        ? { kind: 'revision', revision, way: 'stay' }
        : { kind: 'render', source: revision.definition },
  };
}

/** A family, for its latest revision, or a revision. Throws `usage` for a file. */
function nameOf(named: string, { taskDefinition }: Service): string {
  if (isDefinitionFile(named)) {
    throw new EcsDeployError({
      code: 'usage',
      message: `run takes a revision that is registered, not the file ${named}.`,
      hint: `register it first: ecsdeploy run --task-definition "$(ecsdeploy register ${named})" -- COMMAND`,
    });
  }
  return /^\d+$/.test(named) ? revisionName(named, familyOf(taskDefinition)) : named;
}

/** A command with the place that it runs in. */
export interface CommandPlan {
  readonly command: Command;
  /** The input of RunTask without revision, `startedBy` and client token. */
  readonly request: JsonObject;
}

/** What is known of a command before its container is chosen. */
export type CommandRequest = Omit<Command, 'container'> & {
  /** The only containers that can run it; all when undefined. */
  readonly container: readonly string[] | undefined;
};

/** Plans a one-off task of a definition; pure. Problems are among its findings. */
export function planCommand(
  about: string,
  { container: named, ...rest }: CommandRequest,
  { service, document }: Launch,
  definition: JsonObject,
): { readonly plan: CommandPlan | undefined; readonly findings: readonly PlanFinding[] } {
  const chosen = attemptNow(() => chooseCommandContainer(definition, named));
  if ('error' in chosen) {
    return { plan: undefined, findings: failures('release', about, chosen.error) };
  }
  const command: Command = { ...rest, container: chosen.value };
  const request = taskRequest(document, service, definition, command);
  const problem = checkCommand(definition, service, command, request);
  const text = `${commandText(command.words)} in container ${command.container} of ${service.name}`;
  const finding = { check: 'release', about, ...(problem ?? ok(text)) } as const;
  return { plan: problem === undefined ? { command, request } : undefined, findings: [finding] };
}

/** The finding for a revision that RunTask refuses. */
export function checkActive(about: string, { arn, family, status }: Revision): PlanFinding[] {
  if (status === 'ACTIVE') return [];
  return [
    {
      check: 'release',
      about,
      status: 'fail',
      code: 'revision-inactive',
      message: `The revision ${shortName(arn)} is ${status}: ECS does not start new tasks of it.`,
      hint: `choose an active one: ecsdeploy run --task-definition ${family} -- COMMAND`,
    },
  ];
}
