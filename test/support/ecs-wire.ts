import type { JsonObject } from '../../src/core/task-definition.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

/** What DescribeTaskDefinition answers. */
export interface Described {
  readonly taskDefinition: JsonObject & { readonly containerDefinitions: readonly JsonObject[] };
  readonly tags?: readonly JsonObject[];
}

/** Calls ECS without an SDK: every member goes over the wire as it stands. */
export async function callEcs(
  { url }: Pick<Sandbox, 'url'>,
  operation: 'RegisterTaskDefinition' | 'DescribeTaskDefinition',
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

/** A revision as ECS describes it, tags included. */
export function describeDefinition(
  sandbox: Pick<Sandbox, 'url'>,
  taskDefinition: string,
): Promise<Described> {
  return callEcs(sandbox, 'DescribeTaskDefinition', { taskDefinition, include: ['TAGS'] });
}
