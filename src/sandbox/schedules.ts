import type { Clock } from './clock.ts';
import { awsFault } from './wire.ts';
import type { Operations } from './wire.ts';

type Document = Readonly<Record<string, unknown>>;

/** What the simulated EventBridge Scheduler needs. */
export interface SchedulesOptions {
  readonly account: string;
  readonly clock: Clock;
}

const DEFAULT_GROUP = 'default';
const SCHEDULES_PER_PAGE = 100;

/** Creates the operations of an EventBridge Scheduler without schedules; no task is ever started. */
export function createSchedules({ account, clock }: SchedulesOptions): Operations {
  const regions = new Map<string, Map<string, Document>>();
  const schedulesIn = (region: string): Map<string, Document> => {
    const schedules = regions.get(region) ?? new Map<string, Document>();
    regions.set(region, schedules);
    return schedules;
  };
  const keyOf = ({ GroupName = DEFAULT_GROUP, Name }: Document) =>
    `${String(GroupName)}/${String(Name)}`;
  const find = (region: string, input: Document): Document => {
    const found = schedulesIn(region).get(keyOf(input));
    if (found !== undefined) return found;
    throw awsFault(
      'ResourceNotFoundException',
      `Schedule ${String(input['Name'])} does not exist.`,
      404,
    );
  };
  /** Writes a whole schedule: whatever is left out has its default. */
  const put = (region: string, input: Document, created: unknown): Document => {
    const { ClientToken: _, ...given } = input;
    if (given['ScheduleExpression'] === undefined) {
      throw awsFault('ValidationException', 'ScheduleExpression is required.');
    }
    if (given['FlexibleTimeWindow'] === undefined) {
      throw awsFault('ValidationException', 'FlexibleTimeWindow is required.');
    }
    const target = given['Target'] as Document | undefined;
    if (target?.['Arn'] === undefined || target['RoleArn'] === undefined) {
      throw awsFault('ValidationException', 'Target is required, with Arn and RoleArn.');
    }
    const document = {
      GroupName: DEFAULT_GROUP,
      ScheduleExpressionTimezone: 'UTC',
      State: 'ENABLED',
      ActionAfterCompletion: 'NONE',
      ...given,
    };
    const schedule = {
      ...document,
      Arn: `arn:aws:scheduler:${region}:${account}:schedule/${keyOf(document)}`,
      CreationDate: created,
      LastModificationDate: clock.now(),
    };
    schedulesIn(region).set(keyOf(document), schedule);
    return schedule;
  };
  return {
    ListSchedules: (input, { region }) => {
      const { ScheduleGroup, NamePrefix = '', State, MaxResults, NextToken } = input;
      const found = [...schedulesIn(region).values()].filter(
        ({ Name, GroupName, State: state }) =>
          (ScheduleGroup ?? GroupName) === GroupName &&
          (State ?? state) === state &&
          String(Name).startsWith(String(NamePrefix)),
      );
      const start = Number(NextToken ?? 0);
      const end = start + Number(MaxResults ?? SCHEDULES_PER_PAGE);
      return {
        Schedules: found
          .slice(start, end)
          .map(({ Name, GroupName, Arn, State: state, ...more }) => ({
            Name,
            GroupName,
            Arn,
            State: state,
            CreationDate: more['CreationDate'],
            LastModificationDate: more['LastModificationDate'],
            Target: { Arn: (more['Target'] as Document)['Arn'] },
          })),
        ...(end < found.length && { NextToken: String(end) }),
      };
    },
    GetSchedule: (input, { region }) => find(region, input),
    CreateSchedule: (input, { region }) => {
      if (schedulesIn(region).has(keyOf(input))) {
        throw awsFault(
          'ConflictException',
          `Schedule ${String(input['Name'])} already exists.`,
          409,
        );
      }
      return { ScheduleArn: put(region, input, clock.now())['Arn'] };
    },
    UpdateSchedule: (input, { region }) => ({
      ScheduleArn: put(region, input, find(region, input)['CreationDate'])['Arn'],
    }),
    DeleteSchedule: (input, { region }) => {
      find(region, input);
      schedulesIn(region).delete(keyOf(input));
      return {};
    },
  };
}
