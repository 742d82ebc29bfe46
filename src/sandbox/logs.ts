import type { Clock } from './clock.ts';
import { readPattern } from './log-pattern.ts';
import type { CallContext, Operation, Operations } from './wire.ts';
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
  /** The store of a region. */
  readonly in: (region: string) => LogStore;
}

/** The account that the groups belong to, and the region in which containers write. */
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
  /** Oldest first. */
  events: LogEvent[];
  /** Number of events that were dropped from the start: positions in tokens count them. */
  dropped: number;
}

interface Group {
  readonly name: string;
  readonly region: string;
  readonly createdAt: number;
  readonly streams: Map<string, Stream>;
  readonly logGroupClass: string;
  readonly kmsKeyId: string | undefined;
  tags: Readonly<Record<string, string>>;
  retentionInDays?: number;
}

const DEFAULT_PLACE: LogPlace = { account: '000000000000', region: 'us-east-1' };
/** Whatever runs for weeks of simulated time keeps the newest. */
const MOST_STREAMS = 2000;
const MOST_EVENTS = 20_000;
const DAY_MS = 86_400_000;
const LONGEST_EVENT = 1_048_576;
const LARGEST_BATCH = 1_048_576;
const RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
  3653,
];
/** PutLogEvents takes events of the last fourteen days and of the next two hours. */
const OLDEST_MS = 14 * DAY_MS;
const NEWEST_MS = 2 * 3_600_000;

/** Creates an empty log store. */
export function createLogs(clock: Clock, place: LogPlace = DEFAULT_PLACE): Logs {
  const { account, region: home } = place;
  const regions = new Map<string, Map<string, Group>>();
  const groupsIn = (region: string): Map<string, Group> => {
    const groups = regions.get(region) ?? new Map<string, Group>();
    regions.set(region, groups);
    return groups;
  };
  const nowMs = (): number => Math.round(clock.now() * 1000);
  const arn = ({ region, name }: Group): string =>
    `arn:aws:logs:${region}:${account}:log-group:${name}`;
  const create = (region: string, name: string, more: Partial<Group> = {}): Group => {
    const group: Group = {
      name,
      region,
      createdAt: nowMs(),
      streams: new Map(),
      logGroupClass: 'STANDARD',
      kmsKeyId: undefined,
      tags: {},
      ...more,
    };
    groupsIn(region).set(name, group);
    return group;
  };
  const createStream = (group: Group, name: string, createdAt: number): Stream => {
    const stream: Stream = { name, createdAt, events: [], dropped: 0 };
    group.streams.set(name, stream);
    const [oldest] = group.streams.keys();
    if (group.streams.size > MOST_STREAMS && oldest !== undefined) group.streams.delete(oldest);
    return stream;
  };
  const add = (stream: Stream, events: readonly LogEvent[]): void => {
    stream.events.push(...events);
    const excess = stream.events.length - MOST_EVENTS;
    if (excess <= 0) return;
    stream.events = stream.events.slice(excess);
    stream.dropped += excess;
  };
  const eventsOf = ({ retentionInDays }: Group, { events }: Stream): readonly LogEvent[] => {
    if (retentionInDays === undefined) return events;
    const horizon = nowMs() - retentionInDays * DAY_MS;
    return events.filter(({ timestamp }) => timestamp >= horizon);
  };
  const find = (input: Input, { region }: CallContext): Group => findGroup(groupsIn(region), input);
  const findStream = (group: Group, input: Input): Stream => {
    const stream = group.streams.get(String(input['logStreamName']));
    if (stream !== undefined) return stream;
    throw awsFault('ResourceNotFoundException', 'The specified log stream does not exist.');
  };
  const tagging =
    (change: (group: Group, input: Input) => Group['tags']): Operation =>
    (input, context) => {
      const group = find(input, context);
      group.tags = change(group, input);
      return {};
    };
  const tag = tagging(({ tags }, input) => ({ ...tags, ...(input['tags'] as Group['tags']) }));
  const untag = tagging(({ tags }, input) => {
    const keys = (input['tagKeys'] ?? input['tags'] ?? []) as readonly string[];
    return Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key)));
  });
  const listTags: Operation = (input, context) => ({ tags: find(input, context).tags });
  const describe = (group: Group) => ({
    logGroupName: group.name,
    creationTime: group.createdAt,
    retentionInDays: group.retentionInDays,
    metricFilterCount: 0,
    arn: `${arn(group)}:*`,
    logGroupArn: arn(group),
    storedBytes: 0,
    logGroupClass: group.logGroupClass,
    kmsKeyId: group.kmsKeyId,
  });

  const operations: Operations = {
    CreateLogGroup: (input, { region }) => {
      const name = String(input['logGroupName']);
      if (groupsIn(region).has(name)) {
        throw awsFault('ResourceAlreadyExistsException', 'The specified log group already exists');
      }
      const { kmsKeyId, logGroupClass = 'STANDARD', tags = {} } = input;
      create(region, name, { kmsKeyId, logGroupClass, tags });
    },

    DeleteLogGroup: (input, context) => {
      groupsIn(context.region).delete(find(input, context).name);
    },

    CreateLogStream: (input, context) => {
      const group = find(input, context);
      const name = String(input['logStreamName']);
      if (!/^[^:*]{1,512}$/.test(name)) throw invalid('Log stream name is invalid.');
      if (group.streams.has(name)) {
        throw awsFault('ResourceAlreadyExistsException', 'The specified log stream already exists');
      }
      createStream(group, name, nowMs());
    },

    DeleteLogStream: (input, context) => {
      const group = find(input, context);
      group.streams.delete(findStream(group, input).name);
    },

    PutRetentionPolicy: (input, context) => {
      const group = find(input, context);
      const days = Number(input['retentionInDays']);
      if (!RETENTIONS.includes(days)) {
        const member = `retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [${RETENTIONS.join(', ')}]`;
        throw invalid(`1 validation error detected: Value '${days}' at '${member}`);
      }
      group.retentionInDays = days;
    },

    DeleteRetentionPolicy: (input, context) => {
      delete find(input, context).retentionInDays;
    },

    PutLogEvents: (input, context) => {
      const group = find(input, context);
      const stream = findStream(group, input);
      const events = input['logEvents'] as readonly LogEvent[];
      checkBatch(events);
      const now = nowMs();
      const index = (test: (event: LogEvent) => boolean) => {
        const found = events.findLastIndex(test);
        return found === -1 ? undefined : found + 1;
      };
      const expired = now - (group.retentionInDays ?? Infinity) * DAY_MS;
      const rejected = {
        expiredLogEventEndIndex: index(({ timestamp }) => timestamp < expired),
        tooOldLogEventEndIndex: index(({ timestamp }) => timestamp < now - OLDEST_MS),
        tooNewLogEventStartIndex: indexFrom(events, ({ timestamp }) => timestamp > now + NEWEST_MS),
      };
      const from = Math.max(expired, now - OLDEST_MS);
      const taken = events.filter(
        ({ timestamp }) => timestamp >= from && timestamp <= now + NEWEST_MS,
      );
      add(
        stream,
        taken.map(({ timestamp, message }) => ({ timestamp, message, ingestionTime: now })),
      );
      const isWhole = taken.length === events.length;
      return {
        nextSequenceToken: position(stream.dropped + stream.events.length),
        ...(!isWhole && { rejectedLogEventsInfo: rejected }),
      };
    },

    TagLogGroup: tag,
    TagResource: tag,
    UntagLogGroup: untag,
    UntagResource: untag,
    ListTagsForResource: listTags,
    ListTagsLogGroup: listTags,

    DescribeLogGroups: (input, { region }) => {
      if (isGiven(input, 'logGroupNamePrefix', 'logGroupNamePattern')) {
        throw invalid(
          'LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.',
        );
      }
      const prefix = String(input['logGroupNamePrefix'] ?? '');
      const pattern = String(input['logGroupNamePattern'] ?? '').toLowerCase();
      const wanted: unknown = input['logGroupClass'];
      const found = sortedByName(groupsIn(region)).filter(
        ({ name, logGroupClass }) =>
          name.startsWith(prefix) &&
          name.toLowerCase().includes(pattern) &&
          (wanted === undefined || logGroupClass === wanted),
      );
      const { items, nextToken } = page(found, input, 50);
      return { logGroups: items.map(describe), nextToken };
    },

    ListLogGroups: (input, { region }) => {
      const pattern = String(input['logGroupNamePattern'] ?? '');
      const wanted: unknown = input['logGroupClass'];
      const found = sortedByName(groupsIn(region)).filter(
        ({ name, logGroupClass }) =>
          name.includes(pattern) && (wanted === undefined || logGroupClass === wanted),
      );
      const { items, nextToken } = page(found, input, 50);
      const logGroups = items.map((group) => ({
        logGroupName: group.name,
        logGroupArn: arn(group),
        logGroupClass: group.logGroupClass,
      }));
      return { logGroups, nextToken };
    },

    DescribeLogStreams: (input, context) => {
      const group = find(input, context);
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
        uploadSequenceToken: position(stream.dropped + stream.events.length),
        arn: `${arn(group)}:log-stream:${stream.name}`,
        storedBytes: 0,
      }));
      return { logStreams, nextToken };
    },

    GetLogEvents: (input, context) => {
      const group = find(input, context);
      const stream = findStream(group, input);
      const events = eventsOf(group, stream).filter(({ timestamp }) => isWithin(timestamp, input));
      const limit = Number(input['limit'] ?? 10_000);
      // Tokens count the events that were dropped.
      const [start, end] = window(events.length, stream.dropped, limit, input);
      return {
        events: events.slice(start, end),
        nextForwardToken: `f/${position(stream.dropped + end)}`,
        nextBackwardToken: `b/${position(stream.dropped + start)}`,
      };
    },

    FilterLogEvents: (input, context) => {
      const group = find(input, context);
      if (isGiven(input, 'logStreamNames', 'logStreamNamePrefix')) {
        throw invalid('Only one of logStreamNames and logStreamNamePrefix can be specified.');
      }
      const names: unknown = input['logStreamNames'];
      const prefix = String(input['logStreamNamePrefix'] ?? '');
      const matches = readPattern(String(input['filterPattern'] ?? ''));
      const found = sortedByName(group.streams)
        .filter(({ name }) =>
          Array.isArray(names) ? names.includes(name) : name.startsWith(prefix),
        )
        .flatMap((stream) =>
          eventsOf(group, stream).map((event, index) => ({
            logStreamName: stream.name,
            ...event,
            eventId: `${stream.createdAt}${position(stream.dropped + index)}`,
          })),
        )
        .filter(({ timestamp, message }) => isWithin(timestamp, input) && matches(message))
        .toSorted((one, other) => one.timestamp - other.timestamp);
      const { items, nextToken } = page(found, input, 10_000);
      return { events: items, searchedLogStreams: [], nextToken };
    },
  };

  const storeIn = (region: string): LogStore => ({
    createGroup: (name) => {
      if (!groupsIn(region).has(name)) create(region, name);
    },
    hasGroup: (name) => groupsIn(region).has(name),
    append: (groupName, streamName, message, time = clock.now()) => {
      const group = groupsIn(region).get(groupName);
      if (group === undefined) return;
      const timestamp = Math.round(time * 1000);
      const stream = group.streams.get(streamName) ?? createStream(group, streamName, timestamp);
      add(stream, [{ timestamp, ingestionTime: timestamp, message }]);
    },
  });
  return { operations, in: storeIn, ...storeIn(home) };
}

type Input = Readonly<Record<string, unknown>>;

const invalid = (message: string): Error => awsFault('InvalidParameterException', message);

/** Whether an input has all of the members. */
const isGiven = (input: Input, ...members: readonly string[]): boolean =>
  members.every((member) => input[member] !== undefined);

function findGroup(groups: ReadonlyMap<string, Group>, input: Input): Group {
  const { logGroupName, logGroupIdentifier, resourceArn } = input;
  const [identifier, other] = [logGroupName, logGroupIdentifier, resourceArn].filter(
    (name) => name !== undefined,
  ) as string[];
  if (identifier === undefined || other !== undefined) {
    throw invalid('Exactly one of logGroupName and logGroupIdentifier must be specified.');
  }
  const group = groups.get(/:log-group:([^:]+)/.exec(identifier)?.[1] ?? identifier);
  if (group === undefined) {
    throw awsFault('ResourceNotFoundException', 'The specified log group does not exist.');
  }
  return group;
}

/** Throws what PutLogEvents refuses as a whole. */
function checkBatch(events: readonly LogEvent[]): void {
  const sizes = events.map(({ message }) => Buffer.byteLength(message));
  if (sizes.some((size) => size > LONGEST_EVENT)) {
    throw invalid(`Log event too large: larger than ${LONGEST_EVENT} bytes.`);
  }
  // Each event counts 26 bytes more.
  const total = sizes.reduce((sum, size) => sum + size + 26, 0);
  if (total > LARGEST_BATCH) {
    throw invalid(`Upload too large: ${total} bytes exceeds limit of ${LARGEST_BATCH}`);
  }
  const times = events.map(({ timestamp }) => timestamp);
  if (times.some((time, index) => time < (times[index - 1] ?? 0))) {
    throw invalid('Log events in a single PutLogEvents request must be in chronological order.');
  }
  if ((times.at(-1) ?? 0) - (times[0] ?? 0) > DAY_MS) {
    throw invalid(
      'The batch of log events in a single PutLogEvents request cannot span more than 24 hours.',
    );
  }
}

function indexFrom(
  events: readonly LogEvent[],
  test: (event: LogEvent) => boolean,
): number | undefined {
  const found = events.findIndex(test);
  return found === -1 ? undefined : found;
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
function window(length: number, dropped: number, limit: number, input: Input): [number, number] {
  const { nextToken } = input;
  const token = typeof nextToken === 'string' ? /^([fb])\/(\d+)$/.exec(nextToken) : null;
  const wanted = token === null ? length : Number(token[2]) - dropped;
  const at = Math.min(Math.max(0, wanted), length);
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
