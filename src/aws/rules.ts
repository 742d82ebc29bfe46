import { definitionOf, isOf } from '../core/scheduled.ts';
import type { ScheduledTask, ScheduleName } from '../core/scheduled.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { eventsClient } from './client.ts';
import type { Aws } from './client.ts';
import { abort, chunks, whole } from './ecs.ts';
import { captureBody, replaceBody } from './raw.ts';

/** The event bus of schedules. */
const DEFAULT_BUS = 'default';

const sdk = () => import('./sdk/events.ts');

/**
 * Targets of EventBridge rules that start tasks of these families in a cluster (its ARN), on these
 * event buses; ListRules has no targets, so the rules are found by the cluster.
 */
export async function rulesOf(
  aws: Aws,
  cluster: string,
  families: ReadonlySet<string>,
  buses: readonly string[] = [DEFAULT_BUS],
): Promise<readonly ScheduledTask[]> {
  const found: ScheduledTask[] = [];
  for (const bus of buses) {
    for (const names of chunks(await ruleNames(aws, cluster, bus), READS_AT_ONCE)) {
      const read = names.map((name) => readRule(aws, { cluster, families, bus, name }));
      found.push(...(await Promise.all(read)).flat());
    }
  }
  return found;
}

/** Rules that are read in parallel. */
const READS_AT_ONCE = 10;

async function readRule(
  aws: Aws,
  {
    cluster,
    families,
    bus,
    name,
  }: {
    readonly cluster: string;
    readonly families: ReadonlySet<string>;
    readonly bus: string;
    readonly name: string;
  },
): Promise<readonly ScheduledTask[]> {
  const targets = (await targetsOf(aws, name, bus)).flatMap((document) => {
    const named = definitionOf(document, new Set([cluster]));
    return named !== undefined && isOf(named.taskDefinition, families)
      ? { document, ...named, ...partsOf(document) }
      : [];
  });
  if (targets.length === 0) return [];
  const rule = await describeRule(aws, name, bus);
  return targets.map((target) => ({ ...rule, ...target }));
}

/** The event buses of the region. */
export async function eventBuses(aws: Aws): Promise<readonly string[]> {
  const [{ ListEventBusesCommand }, client] = await Promise.all([sdk(), eventsClient(aws)]);
  const names: string[] = [];
  let NextToken: string | undefined;
  do {
    const answer = await client.send(new ListEventBusesCommand({ NextToken }), abort({ aws }));
    const buses = whole(answer.EventBuses, 'events:ListEventBuses', 'EventBuses');
    names.push(...buses.flatMap(({ Name }) => Name ?? []));
    NextToken = answer.NextToken;
  } while (NextToken !== undefined);
  return names;
}

async function ruleNames(aws: Aws, TargetArn: string, EventBusName: string): Promise<string[]> {
  const [{ ListRuleNamesByTargetCommand }, client] = await Promise.all([sdk(), eventsClient(aws)]);
  const names: string[] = [];
  let NextToken: string | undefined;
  do {
    const answer = await client.send(
      new ListRuleNamesByTargetCommand({ TargetArn, EventBusName, NextToken }),
      abort({ aws }),
    );
    names.push(...whole(answer.RuleNames, 'events:ListRuleNamesByTarget', 'RuleNames'));
    NextToken = answer.NextToken;
  } while (NextToken !== undefined);
  return names;
}

/** The targets of a rule, every member as EventBridge sent it. */
async function targetsOf(aws: Aws, Rule: string, EventBusName: string): Promise<JsonObject[]> {
  const [{ ListTargetsByRuleCommand }, client] = await Promise.all([sdk(), eventsClient(aws)]);
  const targets: JsonObject[] = [];
  let NextToken: string | undefined;
  do {
    const command = new ListTargetsByRuleCommand({ Rule, EventBusName, NextToken });
    const raw = captureBody(command);
    const answer = await client.send(command, abort({ aws }));
    whole(answer.Targets, 'events:ListTargetsByRule', 'Targets');
    targets.push(...(JSON.parse(raw()) as { readonly Targets: JsonObject[] }).Targets);
    NextToken = answer.NextToken;
  } while (NextToken !== undefined);
  return targets;
}

async function describeRule(aws: Aws, name: string, group: string) {
  const [{ DescribeRuleCommand }, client] = await Promise.all([sdk(), eventsClient(aws)]);
  const command = new DescribeRuleCommand({ Name: name, EventBusName: group });
  const { State, ScheduleExpression, ManagedBy } = await client.send(command, abort({ aws }));
  return {
    kind: 'rule' as const,
    name,
    group,
    expression: ScheduleExpression,
    isEnabled: whole(State, 'events:DescribeRule', 'State') !== 'DISABLED',
    managedBy: ManagedBy,
  };
}

function partsOf({ Id, RoleArn }: JsonObject) {
  return { target: String(Id), role: typeof RoleArn === 'string' ? RoleArn : undefined };
}

/** The target of a rule as it is now; undefined where it no longer exists. */
export async function readTarget(
  aws: Aws,
  { name, group, target }: ScheduleName,
): Promise<JsonObject | undefined> {
  return (await targetsOf(aws, name, group)).find(({ Id }) => Id === target);
}

/**
 * Replaces a target of a rule as a whole. Throws also where EventBridge refuses the target within an
 * answer of success; the name of its error is then that of the refusal.
 */
export async function putTarget(
  aws: Aws,
  { name, group }: ScheduleName,
  document: JsonObject,
): Promise<void> {
  const [{ PutTargetsCommand }, client] = await Promise.all([sdk(), eventsClient(aws)]);
  const command = new PutTargetsCommand({ Rule: name, Targets: [] });
  replaceBody(command, JSON.stringify({ Rule: name, EventBusName: group, Targets: [document] }));
  const { FailedEntryCount, FailedEntries = [] } = await client.send(command, abort({ aws }));
  if (whole(FailedEntryCount, 'events:PutTargets', 'FailedEntryCount') === 0) return;
  const { ErrorCode = 'Unknown', ErrorMessage = 'no reason is given' } = FailedEntries[0] ?? {};
  throw new EcsDeployError({
    code: 'aws-rejected',
    message: `AWS rejected events:PutTargets: ${ErrorMessage} (${ErrorCode})`,
    cause: Object.assign(new Error(ErrorMessage), { name: ErrorCode }),
  });
}
