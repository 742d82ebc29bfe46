import type { JsonObject } from '../../src/core/task-definition.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

type Place = Pick<Sandbox, 'url'>;

const scopeOf = (service: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20261123/ap-northeast-2/${service}/aws4_request`,
});

async function send(url: string, request: RequestInit): Promise<JsonObject> {
  const response = await fetch(url, request);
  const answer = (await response.json()) as JsonObject;
  if (!response.ok) throw new Error(`${url}: ${JSON.stringify(answer)}`);
  return answer;
}

/** Calls EventBridge without an SDK, which would drop unknown members. */
export function callEvents(
  { url }: Place,
  operation: string,
  input: JsonObject,
): Promise<JsonObject> {
  const headers = { 'x-amz-target': `AWSEvents.${operation}`, ...scopeOf('events') };
  return send(url, { method: 'POST', headers, body: JSON.stringify(input) });
}

/** Calls EventBridge Scheduler in the same way: one schedule, or with a query the list of them. */
export function callScheduler(
  { url }: Place,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: JsonObject,
): Promise<JsonObject> {
  const headers = scopeOf('scheduler');
  return send(`${url}/schedules${path}`, {
    method,
    headers,
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** Every target of a rule on the cluster, and every schedule, as AWS holds them, by their names. */
export async function scheduledDocuments(place: Place): Promise<Record<string, JsonObject>> {
  const { RuleNames } = await callEvents(place, 'ListRuleNamesByTarget', {
    TargetArn: 'arn:aws:ecs:ap-northeast-2:111122223333:cluster/backend',
  });
  const documents: Record<string, JsonObject> = {};
  for (const name of RuleNames as string[]) {
    const { Targets } = await callEvents(place, 'ListTargetsByRule', { Rule: name });
    for (const target of Targets as JsonObject[]) {
      documents[`${name}/${String(target['Id'])}`] = target;
    }
  }
  const { Schedules } = await callScheduler(place, 'GET', '');
  for (const { Name, GroupName } of Schedules as { Name: string; GroupName: string }[]) {
    const path = `/${encodeURIComponent(Name)}?groupName=${GroupName}`;
    documents[`${GroupName}:${Name}`] = await callScheduler(place, 'GET', path);
  }
  return documents;
}
