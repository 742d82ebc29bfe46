import { parse } from 'yaml';
import { failure } from './failure.ts';

/** Lifecycle events that can have a hook, in order. */
export const HOOK_EVENTS = [
  'BeforeInstall',
  'AfterInstall',
  'AfterAllowTestTraffic',
  'BeforeAllowTraffic',
  'AfterAllowTraffic',
] as const;

export type HookEvent = (typeof HOOK_EVENTS)[number];

/** An AppSpec of the compute platform ECS. */
export interface AppSpec {
  readonly taskDefinition: string;
  readonly containerName: string;
  readonly containerPort: number;
  /** Members of the task set that differ from the service, as ECS names them. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Lambda function by lifecycle event. */
  readonly hooks: ReadonlyMap<string, string>;
}

/** Reads YAML or JSON; throws the failure of a deployment whose AppSpec is invalid. */
export function readAppSpec(content: string): AppSpec {
  const document = lowerKeys(parseDocument(content));
  const [resource] = asList(member(document, 'resources'));
  const target = Object.values(asObject(resource))[0];
  if (member(target, 'type') !== 'AWS::ECS::Service') {
    throw invalid('The AppSpec must have one resource of the type AWS::ECS::Service.');
  }
  const properties = member(target, 'properties');
  const balancer = member(properties, 'loadbalancerinfo');
  const platformVersion = member(properties, 'platformversion');
  const network = member(member(properties, 'networkconfiguration'), 'awsvpcconfiguration');
  const strategy = member(properties, 'capacityproviderstrategy');
  return {
    taskDefinition: text(properties, 'taskdefinition', 'TaskDefinition'),
    containerName: text(balancer, 'containername', 'ContainerName'),
    containerPort: Number(text(balancer, 'containerport', 'ContainerPort')),
    settings: {
      ...(platformVersion !== undefined && { platformVersion }),
      ...(network !== undefined && {
        networkConfiguration: {
          awsvpcConfiguration: {
            subnets: member(network, 'subnets'),
            securityGroups: member(network, 'securitygroups'),
            assignPublicIp: member(network, 'assignpublicip'),
          },
        },
      }),
      ...(strategy !== undefined && {
        launchType: undefined,
        capacityProviderStrategy: asList(strategy).map((item) => ({
          capacityProvider: member(item, 'capacityprovider'),
          base: member(item, 'base') ?? 0,
          weight: member(item, 'weight') ?? 0,
        })),
      }),
    },
    hooks: new Map(asList(member(document, 'hooks')).flatMap(readHook)),
  };
}

function readHook(item: unknown): readonly (readonly [string, string])[] {
  return Object.entries(asObject(item)).map(([key, name]) => {
    const event = HOOK_EVENTS.find((candidate) => candidate.toLowerCase() === key);
    if (event === undefined) throw invalid(`The hook ${key} is not valid.`);
    return [event, String(name)] as const;
  });
}

function parseDocument(content: string): unknown {
  try {
    return parse(content);
  } catch {
    throw invalid(
      'The input AppSpec file is a not well-formed yaml. The template cannot be parsed.',
    );
  }
}

/** CodeDeploy ignores the case of keys. */
function lowerKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.toLowerCase(), lowerKeys(item)]),
  );
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function member(value: unknown, key: string): unknown {
  return asObject(value)[key] ?? undefined;
}

function text(value: unknown, key: string, name: string): string {
  const found = member(value, key);
  if (typeof found === 'string' || typeof found === 'number') return String(found);
  throw invalid(`The property ${name} is required.`);
}

function invalid(why: string): Error {
  return failure(
    'INVALID_REVISION',
    'The deployment failed because the AppSpec file that specifies the deployment configuration is ' +
      `missing or has an invalid configuration. ${why}`,
  );
}
