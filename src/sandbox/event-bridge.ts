import { awsFault } from './wire.ts';
import type { Operations } from './wire.ts';

/** A target as PutTargets takes it, members that no SDK knows included. */
type Target = Readonly<Record<string, unknown>> & { readonly Id: string; readonly Arn: string };

interface Rule {
  readonly name: string;
  readonly bus: string;
  /** Members of PutRule: schedule, pattern, state. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly managedBy: string | undefined;
  readonly targets: Map<string, Target>;
}

/** What the simulated EventBridge needs. */
export interface EventBridgeOptions {
  readonly account: string;
  /** PutTargets calls whose entries fail because the rule is being changed. */
  readonly busyTargets?: number | undefined;
}

/** A simulated EventBridge: rules and their targets; no event is ever sent. */
export interface EventBridge {
  readonly operations: Operations;
  /** Creates a rule with its targets; only AWS itself creates managed ones. */
  readonly createRule: (
    region: string,
    name: string,
    settings: Readonly<Record<string, unknown>>,
    targets: readonly Target[],
    managedBy?: string,
  ) => void;
}

const DEFAULT_BUS = 'default';
/** Quotas of EventBridge. */
const TARGETS_PER_RULE = 5;
const TARGETS_PER_CALL = 10;
const RULES_PER_PAGE = 100;

/** Creates an EventBridge without rules; every region has its own. */
export function createEventBridge({ account, busyTargets = 0 }: EventBridgeOptions): EventBridge {
  const regions = new Map<string, Map<string, Rule>>();
  const buses = new Map<string, Set<string>>();
  let busy = busyTargets;

  const rulesIn = (region: string): Map<string, Rule> => {
    const rules = regions.get(region) ?? new Map<string, Rule>();
    regions.set(region, rules);
    return rules;
  };
  const arnOf = (region: string, { bus, name }: Rule) =>
    `arn:aws:events:${region}:${account}:rule/${bus === DEFAULT_BUS ? '' : `${bus}/`}${name}`;
  /** A bus by its name or its ARN. */
  const busOf = (name: unknown): string =>
    typeof name === 'string' ? name.replace(/^arn:.*event-bus\//, '') : DEFAULT_BUS;
  const find = (region: string, name: unknown, busName: unknown): Rule => {
    const bus = busOf(busName);
    const rule = rulesIn(region).get(`${bus}/${String(name)}`);
    if (rule !== undefined) return rule;
    throw awsFault(
      'ResourceNotFoundException',
      `Rule ${String(name)} does not exist on EventBus ${bus}.`,
    );
  };
  const refuseManaged = ({ name, managedBy }: Rule) => {
    if (managedBy === undefined) return;
    throw awsFault(
      'ManagedRuleException',
      `Rule ${name} is managed by ${managedBy} and cannot be changed.`,
    );
  };
  const describe = (region: string, rule: Rule) => ({
    State: 'ENABLED',
    ...rule.settings,
    Name: rule.name,
    Arn: arnOf(region, rule),
    EventBusName: rule.bus,
    ...(rule.managedBy && { ManagedBy: rule.managedBy }),
  });
  const rulesOn = (region: string, bus: string) =>
    [...rulesIn(region).values()].filter((rule) => rule.bus === bus);
  const putRule: EventBridge['createRule'] = (region, name, settings, targets, managedBy) => {
    const { EventBusName, ...rest } = settings;
    const bus = busOf(EventBusName);
    const known = rulesIn(region).get(`${bus}/${name}`);
    rulesIn(region).set(`${bus}/${name}`, {
      name,
      bus,
      settings: rest,
      managedBy,
      targets: known?.targets ?? new Map(targets.map((target) => [target.Id, target])),
    });
  };

  return {
    createRule: putRule,
    operations: {
      ListEventBuses: (_, { region }) => ({
        EventBuses: [DEFAULT_BUS, ...(buses.get(region) ?? [])].map((Name) => ({
          Name,
          Arn: `arn:aws:events:${region}:${account}:event-bus/${Name}`,
        })),
      }),
      CreateEventBus: ({ Name }, { region }) => {
        buses.set(region, new Set([...(buses.get(region) ?? []), String(Name)]));
        return { EventBusArn: `arn:aws:events:${region}:${account}:event-bus/${String(Name)}` };
      },
      PutRule: ({ Name, ...settings }, { region }) => {
        putRule(region, String(Name), settings, []);
        return { RuleArn: arnOf(region, find(region, Name, settings['EventBusName'])) };
      },
      DescribeRule: ({ Name, EventBusName }, { region }) =>
        describe(region, find(region, Name, EventBusName)),
      ListRules: ({ EventBusName, NamePrefix = '' }, { region }) => ({
        Rules: rulesOn(region, busOf(EventBusName))
          .filter(({ name }) => name.startsWith(String(NamePrefix)))
          .map((rule) => describe(region, rule)),
      }),
      ListRuleNamesByTarget: (input, { region }) => {
        const { TargetArn, EventBusName, Limit = RULES_PER_PAGE, NextToken } = input;
        const names = rulesOn(region, busOf(EventBusName))
          .filter(({ targets }) => [...targets.values()].some(({ Arn }) => Arn === TargetArn))
          .map(({ name }) => name)
          .toSorted();
        const start = Number(NextToken ?? 0);
        const end = start + Number(Limit);
        return {
          RuleNames: names.slice(start, end),
          ...(end < names.length && { NextToken: String(end) }),
        };
      },
      ListTargetsByRule: ({ Rule: name, EventBusName }, { region }) => ({
        Targets: [...find(region, name, EventBusName).targets.values()],
      }),
      PutTargets: ({ Rule: name, EventBusName, Targets }, { region }) => {
        const rule = find(region, name, EventBusName);
        refuseManaged(rule);
        const targets = Targets as readonly Target[];
        for (const target of targets) validateTarget(target);
        if (targets.length > TARGETS_PER_CALL) {
          throw awsFault('ValidationException', 'Targets cannot contain more than 10 elements.');
        }
        if (busy > 0) {
          busy -= 1;
          return {
            FailedEntryCount: targets.length,
            FailedEntries: targets.map(({ Id }) => ({
              TargetId: Id,
              ErrorCode: 'ConcurrentModificationException',
              ErrorMessage: `Rule ${rule.name} was modified concurrently.`,
            })),
          };
        }
        const ids = new Set([...rule.targets.keys(), ...targets.map(({ Id }) => Id)]);
        if (ids.size > TARGETS_PER_RULE) {
          throw awsFault(
            'LimitExceededException',
            'The requested resource exceeds the maximum number allowed.',
          );
        }
        // A target is replaced as a whole: members that are left out are gone.
        for (const target of targets) rule.targets.set(target.Id, target);
        return { FailedEntryCount: 0, FailedEntries: [] };
      },
      RemoveTargets: ({ Rule: name, EventBusName, Ids }, { region }) => {
        const rule = find(region, name, EventBusName);
        refuseManaged(rule);
        for (const id of Ids as readonly string[]) rule.targets.delete(id);
        return { FailedEntryCount: 0, FailedEntries: [] };
      },
    },
  };
}

function validateTarget({ Arn, RoleArn, EcsParameters }: Target): void {
  if (!Arn.includes(':ecs:')) return;
  if (RoleArn === undefined) {
    throw awsFault('ValidationException', `RoleArn is required for target ${Arn}.`);
  }
  const { TaskDefinitionArn } = (EcsParameters ?? {}) as { TaskDefinitionArn?: string };
  if (!TaskDefinitionArn) {
    throw awsFault('ValidationException', `EcsParameters are required for target ${Arn}.`);
  }
}
