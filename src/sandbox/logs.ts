import type { Clock } from './clock.ts';
import type { Operations } from './wire.ts';
import { awsFault } from './wire.ts';

/** Where containers write their output. */
export interface LogStore {
  /** Writes a line at `time` (epoch seconds; default: now); drops it if the group does not exist. */
  readonly append: (group: string, stream: string, message: string, time?: number) => void;
  readonly createGroup: (name: string) => void;
  readonly hasGroup: (name: string) => boolean;
}

/** The sandbox's CloudWatch Logs: its API operations and the store behind them. */
export interface Logs extends LogStore {
  readonly operations: Operations;
}

/** The account and region that the groups belong to. */
export interface LogPlace {
  readonly account: string;
  readonly region: string;
}

interface LogEvent {
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly ingestionTime: number;
  readonly message: string;
}

interface Stream {
  readonly name: string;
  readonly createdAt: number;
  readonly events: LogEvent[];
}

interface Group {
  readonly name: string;
  readonly createdAt: number;
  readonly streams: Map<string, Stream>;
}

type Groups = ReadonlyMap<string, Group>;

const NO_GROUPS: Groups = new Map();

/** Creates an empty log store; with a place, the stores of all other regions stay empty. */
export function createLogs(clock: Clock, place?: LogPlace): Logs {
  const groups = new Map<string, Group>();
  const arn = (group: Group): string =>
    `arn:aws:logs:${place?.region ?? 'us-east-1'}:${place?.account ?? '000000000000'}:log-group:${group.name}`;
  const groupsOf = (region: string): Groups =>
    place === undefined || place.region === region ? groups : NO_GROUPS;

  const operations: Operations = {
    DescribeLogGroups: (input, { region }) => {
      if (isGiven(input, 'logGroupNamePrefix', 'logGroupNamePattern')) {
        throw invalid(
          'LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.',
        );
      }
      const prefix = String(input['logGroupNamePrefix'] ?? '');
      const found = sortedByName(groupsOf(region)).filter(({ name }) => name.startsWith(prefix));
      const { items, nextToken } = page(found, input, 50);
      const logGroups = items.map((group) => ({
        logGroupName: group.name,
        creationTime: group.createdAt,
        metricFilterCount: 0,
        arn: `${arn(group)}:*`,
        logGroupArn: arn(group),
        storedBytes: 0,
        logGroupClass: 'STANDARD',
      }));
      return { logGroups, nextToken };
    },

    DescribeLogStreams: (input, { region }) => {
      const group = findGroup(groupsOf(region), input);
      const prefix = String(input['logStreamNamePrefix'] ?? '');
      const found = sortedByName(group.streams).filter(({ name }) => name.startsWith(prefix));
      if (input['orderBy'] === 'LastEventTime') {
        if (prefix !== '') {
          throw invalid('Cannot order by LastEventTime with a logStreamNamePrefix.');
        }
        found.sort((one, other) => lastTimestamp(one) - lastTimestamp(other));
      }
      if (input['descending'] === true) found.reverse();
      const { items, nextToken } = page(found, input, 50);
      const logStreams = items.map((stream) => ({
        logStreamName: stream.name,
        creationTime: stream.createdAt,
        firstEventTimestamp: stream.events[0]?.timestamp,
        lastEventTimestamp: stream.events.at(-1)?.timestamp,
        lastIngestionTime: stream.events.at(-1)?.ingestionTime,
        arn: `${arn(group)}:log-stream:${stream.name}`,
        storedBytes: 0,
      }));
      return { logStreams, nextToken };
    },

    GetLogEvents: (input, { region }) => {
      const group = findGroup(groupsOf(region), input);
      const stream = group.streams.get(String(input['logStreamName']));
      if (stream === undefined) throw streamNotFound();
      const events = stream.events.filter(({ timestamp }) => isWithin(timestamp, input));
      const limit = Number(input['limit'] ?? 10_000);
      const [start, end] = window(events.length, limit, input);
      return {
        events: events.slice(start, end),
        nextForwardToken: `f/${position(end)}`,
        nextBackwardToken: `b/${position(start)}`,
      };
    },

    FilterLogEvents: (input, { region }) => {
      const group = findGroup(groupsOf(region), input);
      if (isGiven(input, 'logStreamNames', 'logStreamNamePrefix')) {
        throw invalid('Only one of logStreamNames and logStreamNamePrefix can be specified.');
      }
      const names: unknown = input['logStreamNames'];
      const prefix = String(input['logStreamNamePrefix'] ?? '');
      const matches = textFilter(String(input['filterPattern'] ?? ''));
      const found = sortedByName(group.streams)
        .filter(({ name }) =>
          Array.isArray(names) ? names.includes(name) : name.startsWith(prefix),
        )
        .flatMap((stream) =>
          stream.events.map((event, index) => ({
            logStreamName: stream.name,
            ...event,
            eventId: `${stream.createdAt}${position(index)}`,
          })),
        )
        .filter(({ timestamp, message }) => isWithin(timestamp, input) && matches(message))
        .toSorted((one, other) => one.timestamp - other.timestamp);
      const { items, nextToken } = page(found, input, 10_000);
      return { events: items, searchedLogStreams: [], nextToken };
    },
  };

  return {
    operations,
    createGroup: (name) => {
      if (groups.has(name)) return;
      groups.set(name, { name, createdAt: Math.round(clock.now() * 1000), streams: new Map() });
    },
    hasGroup: (name) => groups.has(name),
    append: (groupName, streamName, message, time = clock.now()) => {
      const group = groups.get(groupName);
      if (group === undefined) return;
      const timestamp = Math.round(time * 1000);
      const stream = group.streams.get(streamName) ?? {
        name: streamName,
        createdAt: timestamp,
        events: [],
      };
      group.streams.set(streamName, stream);
      stream.events.push({ timestamp, ingestionTime: timestamp, message });
    },
  };
}

type Input = Readonly<Record<string, unknown>>;

const invalid = (message: string): Error => awsFault('InvalidParameterException', message);

/** Whether an input has all of the members. */
const isGiven = (input: Input, ...members: readonly string[]): boolean =>
  members.every((member) => input[member] !== undefined);

function findGroup(groups: Groups, input: Input): Group {
  const { logGroupName, logGroupIdentifier } = input;
  if ((logGroupName === undefined) === (logGroupIdentifier === undefined)) {
    throw invalid('Exactly one of logGroupName and logGroupIdentifier must be specified.');
  }
  const identifier = String(logGroupName ?? logGroupIdentifier);
  const group = groups.get(/:log-group:([^:]+)/.exec(identifier)?.[1] ?? identifier);
  if (group === undefined) {
    throw awsFault('ResourceNotFoundException', 'The specified log group does not exist.');
  }
  return group;
}

function streamNotFound(): Error {
  return awsFault('ResourceNotFoundException', 'The specified log stream does not exist.');
}

function sortedByName<T extends { readonly name: string }>(items: ReadonlyMap<string, T>): T[] {
  return [...items.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function lastTimestamp(stream: Stream): number {
  return stream.events.at(-1)?.timestamp ?? stream.createdAt;
}

function isWithin(timestamp: number, input: Input): boolean {
  const start = Number(input['startTime'] ?? 0);
  const end = Number(input['endTime'] ?? Number.POSITIVE_INFINITY);
  return timestamp >= start && timestamp < end;
}

/** The page of a stream that GetLogEvents returns: from the token, else from the head or the tail. */
function window(length: number, limit: number, input: Input): [number, number] {
  const { nextToken } = input;
  const token = typeof nextToken === 'string' ? /^([fb])\/(\d+)$/.exec(nextToken) : null;
  const at = Math.min(Number(token?.[2] ?? length), length);
  if (nextToken !== undefined && token === null) {
    throw invalid('The specified nextToken is invalid.');
  }
  if (token?.[1] === 'f') return [at, Math.min(at + limit, length)];
  if (token === null && input['startFromHead'] === true) return [0, Math.min(limit, length)];
  return [Math.max(0, at - limit), at];
}

function position(index: number): string {
  return String(index).padStart(20, '0');
}

function page<T>(
  items: readonly T[],
  input: Input,
  most: number,
): { items: readonly T[]; nextToken: string | undefined } {
  const start = Number(input['nextToken'] ?? 0);
  if (!Number.isInteger(start) || start < 0) throw invalid('The specified nextToken is invalid.');
  const end = start + Number(input['limit'] ?? most);
  return {
    items: items.slice(start, end),
    nextToken: end < items.length ? String(end) : undefined,
  };
}

/** A predicate from a filter pattern of plain or quoted terms; a message must contain all of them. */
function textFilter(pattern: string): (message: string) => boolean {
  const terms = [...pattern.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare);
  return (message) => terms.every((term) => message.includes(term ?? ''));
}
