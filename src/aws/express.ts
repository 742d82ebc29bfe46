import { primaryOf } from '../core/ecs.ts';
import type { Deployment, ExpressConfiguration, Service } from '../core/ecs.ts';
import { isSameContainer } from '../core/express.ts';
import { shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { abort, sdk, whole } from './ecs.ts';
import type { Ecs } from './ecs.ts';
import { captureBody, replaceBody } from './raw.ts';
import { describeRevision } from './revisions.ts';
import { movedTo, moveService } from './services.ts';
import type { MoveAnswer } from './services.ts';

const DESCRIBE = 'ecs:DescribeExpressGatewayService';

/** What the answer's own JSON has; the SDK drops members that it does not know. */
interface Described {
  readonly service?: {
    readonly activeConfigurations?: readonly (JsonObject & {
      readonly taskDefinitionArn?: string;
      readonly ingressPaths?: readonly {
        readonly accessType?: string;
        readonly endpoint?: string;
      }[];
    })[];
  };
}

/** The configuration that Express Mode was given last. */
export async function describeExpress(
  ecs: Ecs,
  { arn }: Pick<Service, 'arn'>,
): Promise<ExpressConfiguration> {
  const { DescribeExpressGatewayServiceCommand } = await sdk();
  const command = new DescribeExpressGatewayServiceCommand({ serviceArn: arn });
  const raw = captureBody(command);
  await ecs.client.send(command, abort(ecs));
  const { service } = JSON.parse(raw() || '{}') as Described;
  const members = whole(service?.activeConfigurations?.[0], DESCRIBE, 'activeConfigurations');
  const { taskDefinitionArn, ingressPaths = [] } = members;
  const path = ingressPaths.find(({ accessType }) => accessType === 'PUBLIC') ?? ingressPaths[0];
  return {
    taskDefinition: whole(taskDefinitionArn, DESCRIBE, 'taskDefinitionArn'),
    members,
    endpoint: path?.endpoint,
  };
}

/** What an Express service is moved to. */
export interface ExpressRequest {
  /** ARN of a revision that someone else than Express Mode registered; undefined for the other kind. */
  readonly taskDefinition: string | undefined;
  readonly definition: JsonObject;
  /** The members of the request besides the ARN of the service. */
  readonly members: JsonObject;
  /** Milliseconds, as for UpdateService. */
  readonly poll: number;
}

/**
 * Moves an Express service with UpdateExpressGatewayService: UpdateService would be undone by the next
 * change in Express Mode. Lost answers are handled as those of UpdateService. Never throws.
 */
export function updateExpress(
  ecs: Ecs,
  before: Service,
  request: ExpressRequest,
): Promise<MoveAnswer> {
  const { poll, taskDefinition } = request;
  return moveService(
    ecs,
    before,
    { poll, force: false },
    {
      name: 'UpdateExpressGatewayService',
      send: () => sendUpdate(ecs, before, request),
      recognise: async (now) =>
        taskDefinition === undefined
          ? recogniseManaged(ecs, now, request)
          : movedTo(before, now, { taskDefinition, force: false }),
    },
  );
}

async function sendUpdate(
  ecs: Ecs,
  before: Service,
  { taskDefinition, members }: ExpressRequest,
): Promise<MoveAnswer | undefined> {
  const { UpdateExpressGatewayServiceCommand } = await sdk();
  const command = new UpdateExpressGatewayServiceCommand({ serviceArn: before.arn });
  replaceBody(command, JSON.stringify({ serviceArn: before.arn, ...members }));
  // Not abortable: whoever interrupts must know whether the service was moved.
  const { service } = await ecs.once.send(command);
  const target = service?.targetConfiguration;
  const { taskDefinitionArn, serviceRevisionArn, createdAt = service?.updatedAt } = target ?? {};
  if (service?.serviceArn !== before.arn) return undefined;
  if (taskDefinitionArn === undefined || serviceRevisionArn === undefined) return undefined;
  if (createdAt === undefined) return undefined;
  if (taskDefinition !== undefined && taskDefinition !== taskDefinitionArn) return undefined;
  const primary: Deployment = {
    // Deployment and service revision end in the same number.
    id: `ecs-svc/${shortName(serviceRevisionArn)}`,
    status: 'PRIMARY',
    taskDefinition: taskDefinitionArn,
    rolloutState: 'IN_PROGRESS',
    reason: '',
    desired: before.desired,
    running: 0,
    pending: 0,
    failed: 0,
    createdAt,
  };
  return { kind: 'moved', service: before, primary };
}

/** Express Mode registers the revision itself: its content shows whether it is the one asked for. */
async function recogniseManaged(
  ecs: Ecs,
  now: Service,
  { definition }: ExpressRequest,
): Promise<MoveAnswer | undefined> {
  const primary = primaryOf(now);
  if (primary === undefined) return undefined;
  const revision = await describeRevision(ecs, primary.taskDefinition);
  return isSameContainer(definition, revision.definition)
    ? { kind: 'moved', service: now, primary }
    : undefined;
}
