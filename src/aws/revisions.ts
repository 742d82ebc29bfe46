import { setTimeout as sleep } from 'node:timers/promises';
import { suggest } from '../core/nearest.ts';
import { familyOf, shortName, toRegistrable } from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { abort, checkAccount, checkRegion, namesOf, sdk, where, whole } from './ecs.ts';
import type { Ecs } from './ecs.ts';
import { awsErrorText, isThrottling } from './errors.ts';
import { captureBody, replaceBody } from './raw.ts';
import { share } from './share.ts';

/**
 * A revision with its tags, every member as ECS sent it: the SDK drops the ones it does not know,
 * so the answer's own JSON is read
 * (docs/explanation/how-ecs-behaves.md#fields-that-the-sdk-does-not-know). Throws
 * `task-definition-missing` and `arn-elsewhere`.
 */
export function describeRevision(ecs: Ecs, taskDefinition: string): Promise<Revision> {
  return share(ecs, `revision ${taskDefinition}`, () => readRevision(ecs, taskDefinition));
}

async function readRevision(ecs: Ecs, taskDefinition: string): Promise<Revision> {
  const { DescribeTaskDefinitionCommand } = await sdk();
  await checkRegion(ecs, [taskDefinition]);
  const command = new DescribeTaskDefinitionCommand({ taskDefinition, include: ['TAGS'] });
  const raw = captureBody(command);
  await ecs.client.send(command, abort(ecs)).catch(async (error: unknown) => {
    if (!/Unable to describe task definition|not found/i.test(awsErrorText(error))) throw error;
    const family = familyOf(taskDefinition);
    const families = await listFamilies(ecs);
    throw new EcsDeployError({
      code: 'task-definition-missing',
      message: `There is no task definition "${shortName(taskDefinition)}"${await where(ecs)}.`,
      hint: families?.includes(family)
        ? `its revisions: aws ecs list-task-definitions --family-prefix ${family}`
        : suggest(family, families, 'families'),
      cause: error,
    });
  });
  const revision = toRevision(raw(), 'ecs:DescribeTaskDefinition');
  checkAccount([taskDefinition], revision.arn);
  return revision;
}

function toRevision(body: string, action: string): Revision {
  // The SDK takes an empty body for an answer without members.
  const { taskDefinition, tags } = ((body === '' ? undefined : JSON.parse(body)) ?? {}) as {
    taskDefinition?: JsonObject;
    tags?: unknown;
  };
  const described = whole(taskDefinition, action, 'taskDefinition');
  return {
    arn: String(whole(described['taskDefinitionArn'], action, 'taskDefinitionArn')),
    family: String(whole(described['family'], action, 'family')),
    revision: Number(described['revision']),
    status: String(described['status']),
    definition: toRegistrable(described, tags),
  };
}

async function listFamilies(ecs: Ecs): Promise<readonly string[] | undefined> {
  const { ListTaskDefinitionFamiliesCommand } = await sdk();
  const command = new ListTaskDefinitionFamiliesCommand({ status: 'ACTIVE', maxResults: 100 });
  return namesOf(ecs.client.send(command, abort(ecs)), ({ families }) => families);
}

/**
 * Registration attempts while somebody else registers in the same family, or AWS throttles: many
 * families at once exceed its rate (docs/explanation/how-ecs-behaves.md#request-limits).
 */
const REGISTER_ATTEMPTS = 8;

/**
 * Registers a definition as it stands, members unknown to the SDK included, and returns the revision.
 *
 * `onRetry` is called when another registration in the family is in the way.
 */
export async function registerDefinition(
  ecs: Ecs,
  definition: JsonObject,
  onRetry: () => void,
): Promise<Revision> {
  const { RegisterTaskDefinitionCommand } = await sdk();
  for (let attempt = 1; ; attempt += 1) {
    const command = new RegisterTaskDefinitionCommand({
      family: String(definition['family']),
      containerDefinitions: [],
    });
    replaceBody(command, JSON.stringify(definition));
    const raw = captureBody(command);
    try {
      await ecs.client.send(command, abort(ecs));
      return toRevision(raw(), 'ecs:RegisterTaskDefinition');
    } catch (error) {
      const busy = /Too many concurrent attempts/.test(awsErrorText(error));
      const mayPass = busy || isThrottling(error);
      if (!mayPass || attempt === REGISTER_ATTEMPTS) throw error;
      if (busy) onRetry();
      await sleep(2 ** attempt * 50 + Math.random() * 200, undefined, {
        signal: ecs.aws.options.signal,
      });
    }
  }
}
