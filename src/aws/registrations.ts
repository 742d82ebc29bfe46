import type { ListedRevision, Registration } from '../core/prune.ts';
import { familyOf } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { abort, sdk, whole } from './ecs.ts';
import type { Ecs } from './ecs.ts';

/** The revisions of a family in a state, the oldest first. */
export async function listRevisions(
  ecs: Ecs,
  familyPrefix: string,
  status: ListedRevision['status'],
): Promise<readonly ListedRevision[]> {
  const { ListTaskDefinitionsCommand } = await sdk();
  const found: ListedRevision[] = [];
  let nextToken: string | undefined;
  do {
    const page = await ecs.client.send(
      new ListTaskDefinitionsCommand({ familyPrefix, status, sort: 'ASC', nextToken }),
      abort(ecs),
    );
    const arns = whole(page.taskDefinitionArns, 'ecs:ListTaskDefinitions', 'taskDefinitionArns');
    // A revision of another family must never get among those that can go.
    const own = arns.filter((arn) => familyOf(arn) === familyPrefix);
    found.push(...own.map((arn) => ({ arn, status })));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return found;
}

/** When and by whom a revision was registered. */
export async function registrationOf(ecs: Ecs, taskDefinition: string): Promise<Registration> {
  const { DescribeTaskDefinitionCommand } = await sdk();
  const answer = await ecs.client.send(
    new DescribeTaskDefinitionCommand({ taskDefinition }),
    abort(ecs),
  );
  const action = 'ecs:DescribeTaskDefinition';
  const { registeredAt, registeredBy } = whole(answer.taskDefinition, action, 'taskDefinition');
  return { at: whole(registeredAt, action, 'registeredAt'), by: registeredBy };
}

/** Makes a revision INACTIVE: its running tasks keep running, and ECS starts no new ones. */
export async function deregisterRevision(ecs: Ecs, taskDefinition: string): Promise<void> {
  const { DeregisterTaskDefinitionCommand } = await sdk();
  const answer = await ecs.client.send(
    new DeregisterTaskDefinitionCommand({ taskDefinition }),
    abort(ecs),
  );
  whole(answer.taskDefinition, 'ecs:DeregisterTaskDefinition', 'taskDefinition');
}

/** DeleteTaskDefinitions' limit of revisions in one call. */
export const DELETIONS_PER_CALL = 10;

/** Deletes INACTIVE revisions for good; returns the errors of those that are refused, by ARN. */
export async function deleteRevisions(
  ecs: Ecs,
  taskDefinitions: readonly string[],
): Promise<ReadonlyMap<string, EcsDeployError>> {
  const { DeleteTaskDefinitionsCommand } = await sdk();
  const answer = await ecs.client.send(
    new DeleteTaskDefinitionsCommand({ taskDefinitions: [...taskDefinitions] }),
    abort(ecs),
  );
  const action = 'ecs:DeleteTaskDefinitions';
  const deleted = whole(answer.taskDefinitions, action, 'taskDefinitions');
  const done = new Set(deleted.map(({ taskDefinitionArn }) => taskDefinitionArn));
  return new Map(
    taskDefinitions
      .filter((arn) => !done.has(arn))
      .map((arn) => {
        const { reason = 'no reason is given', detail } =
          answer.failures?.find((failure) => failure.arn === arn) ?? {};
        const message = `AWS rejected ${action} of ${arn}: ${reason}${detail ? ` (${detail})` : ''}`;
        return [arn, new EcsDeployError({ code: 'aws-rejected', message })];
      }),
  );
}
