import type { JsonObject } from '../../src/core/task-definition.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

/** The response of DescribeTaskDefinition. */
export interface Described {
  readonly taskDefinition: JsonObject & { readonly containerDefinitions: readonly JsonObject[] };
  readonly tags?: readonly JsonObject[];
}

/** Calls ECS without an SDK, which would drop unknown members. */
export async function callEcs(
  { url }: Pick<Sandbox, 'url'>,
  operation: 'RegisterTaskDefinition' | 'DescribeTaskDefinition' | 'UpdateService',
  input: JsonObject,
): Promise<Described> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'x-amz-target': `AmazonEC2ContainerServiceV20141113.${operation}`,
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20261123/ap-northeast-2/ecs/aws4_request',
    },
    body: JSON.stringify(input),
  });
  const answer = (await response.json()) as Described;
  if (!response.ok) throw new Error(`${operation}: ${JSON.stringify(answer)}`);
  return answer;
}

/** A revision with its tags, as ECS describes it. */
export function describeDefinition(
  sandbox: Pick<Sandbox, 'url'>,
  taskDefinition: string,
): Promise<Described> {
  return callEcs(sandbox, 'DescribeTaskDefinition', { taskDefinition, include: ['TAGS'] });
}
