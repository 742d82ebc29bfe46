import type { Ecs } from '../aws/ecs.ts';
import { updateExpress } from '../aws/express.ts';
import { describeRevision } from '../aws/revisions.ts';
import { updateService } from '../aws/services.ts';
import type { MoveAnswer } from '../aws/services.ts';
import { CODE_DEPLOY } from '../core/ecs.ts';
import type { Service } from '../core/ecs.ts';
import { isManaged, isThere, managedMembers } from '../core/express.ts';
import type { JsonObject } from '../core/task-definition.ts';
import type { WatchedMove } from '../core/watch.ts';

/** The call that moves a service, for messages. */
export const callOf = ({ isExpress, controller }: Service): string =>
  controller === CODE_DEPLOY
    ? 'CreateDeployment'
    : isExpress
      ? 'UpdateExpressGatewayService'
      : 'UpdateService';

/** The call that stops its deployment, for messages. */
export const stopCallOf = ({ controller }: Service): string =>
  controller === CODE_DEPLOY ? 'StopDeployment' : 'StopServiceDeployment';

/** Moves a service to its revision, with the call that its kind needs. Never throws. */
export function sendMove(
  ecs: Ecs,
  move: WatchedMove,
  { poll, force }: { readonly poll: number; readonly force: boolean },
): Promise<MoveAnswer> {
  const { service, revision, definition, express } = move;
  if (service.controller === CODE_DEPLOY) return sendCodeDeploy(ecs, service, { revision, poll });
  // A new deployment of what runs already changes nothing in Express Mode, which has no call for it.
  if (!service.isExpress || (force && isThere(move))) {
    return updateService(ecs, service, { taskDefinition: revision, force, poll });
  }
  const known = express?.configuration?.members ?? {};
  return sendExpress(ecs, service, { revision, definition, known, poll });
}

/** Moves a service back to a revision, whatever a move in between has changed. Never throws. */
export async function sendBack(
  ecs: Ecs,
  { express }: WatchedMove,
  service: Service,
  { revision, poll }: { readonly revision: string; readonly poll: number },
): Promise<MoveAnswer> {
  if (service.controller === CODE_DEPLOY) return sendCodeDeploy(ecs, service, { revision, poll });
  if (!service.isExpress) {
    return updateService(ecs, service, { taskDefinition: revision, force: false, poll });
  }
  const primaryContainer = express?.configuration?.members['primaryContainer'];
  try {
    const { definition } = await describeRevision(ecs, revision);
    const known = { ...(primaryContainer !== undefined && { primaryContainer }) };
    return await sendExpress(ecs, service, { revision, definition, known, poll });
  } catch (error) {
    // Nothing was sent: only the read of the revision throws.
    return { kind: 'not-moved', error };
  }
}

async function sendCodeDeploy(
  ecs: Ecs,
  service: Service,
  { revision, poll }: { readonly revision: string; readonly poll: number },
): Promise<MoveAnswer> {
  const { codeDeploy } = service;
  try {
    const { createDeployment } = await import('../aws/code-deploy.ts');
    const { appSpecFor } = await import('../core/app-spec.ts');
    if (codeDeploy === undefined) throw new Error('the deployment group was not read');
    const { group } = codeDeploy;
    const appSpec = appSpecFor(service, codeDeploy, revision);
    return await createDeployment(ecs.aws, service, {
      group,
      taskDefinition: revision,
      appSpec,
      poll,
    });
  } catch (error) {
    // Nothing was sent: only what comes before the call throws.
    return { kind: 'not-moved', error };
  }
}

function sendExpress(
  ecs: Ecs,
  service: Service,
  to: {
    readonly revision: string;
    readonly definition: JsonObject;
    /** The configuration of Express Mode, as far as it is certain. */
    readonly known: JsonObject;
    readonly poll: number;
  },
): Promise<MoveAnswer> {
  const { revision, definition, known, poll } = to;
  return isManaged(service, definition)
    ? updateExpress(ecs, service, {
        taskDefinition: undefined,
        definition,
        members: managedMembers(definition, known),
        poll,
      })
    : updateExpress(ecs, service, {
        taskDefinition: revision,
        definition,
        members: { taskDefinitionArn: revision },
        poll,
      });
}
