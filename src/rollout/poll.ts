import { describeAgain } from '../aws/services.ts';
import { describeRecords, findRecord } from '../aws/rollouts.ts';
import { isDenied } from '../aws/optional.ts';
import type { CodeDeployRead } from '../core/code-deploy.ts';
import { toRecord } from '../core/code-deploy-record.ts';
import { CODE_DEPLOY, MISSING, primaryOf } from '../core/ecs.ts';
import type { RolloutRecord, Service } from '../core/ecs.ts';
import { FIRST_RECORD_POLL, RECORD_EVERY, RECORD_POLLS } from '../core/pacing.ts';
import type { Polled } from '../core/verdict.ts';
import type { WatchState } from '../core/watch.ts';
import type { RolloutTools } from './tools.ts';

type Tools = Pick<RolloutTools, 'ecs' | 'emit'>;

/** A deployment with what the last poll saw. */
export interface Polling {
  readonly state: Pick<WatchState, 'judged' | 'polled'>;
}

/** What is known of the service-deployment API. */
export interface RecordReads {
  /** It is denied or unknown: the list of deployments decides alone. */
  readonly isDenied: boolean;
  /** ARNs of records that had to be searched for, by deployment. */
  readonly found: ReadonlyMap<string, string>;
}

/**
 * Polls the deployments at one place: one DescribeServices per cluster and ten services, and one
 * DescribeServiceDeployments per twenty that need it. While a rolling deployment is in progress its
 * record says nothing more than the service; it is read once in a while, and in the poll in which the
 * service looks different. `number` counts the polls from 1.
 */
export async function poll<T extends Polling>(
  tools: Tools,
  watches: readonly T[],
  reads: RecordReads,
  number: number,
): Promise<readonly [readonly (readonly [T, Polled])[], RecordReads]> {
  const all = watches.map(({ state }) => ({ ...state.polled, deployment: state.judged.id }));
  const known = all.filter((item) => !isCodeDeploy(item));
  const isDue = (item: Known) => isRecordTurn(number, item) || !isInProgress(item, item.service);
  const reading = readRecords(tools, known.filter(isDue), reads, number);
  const [services, [early, next], ofCodeDeploy] = await Promise.all([
    readServices(tools, all),
    reading,
    readCodeDeploys(tools, all.filter(isCodeDeploy)),
  ]);
  const turned = known.filter(
    (item) => !isDue(item) && !isInProgress(item, services.get(item.service.arn)),
  );
  const [late, last] = await readRecords(tools, turned, next, number);
  const records = [...early, ...late];
  const polled = watches.map((watch) => {
    const { judged, polled: before } = watch.state;
    const { service } = before;
    const now = services.get(service.arn) ?? { ...service, status: MISSING };
    if (isCodeDeploy(before)) {
      const { codeDeploy, settings } = service;
      const current = { ...now, codeDeploy, settings };
      const read = ofCodeDeploy.get(judged.id);
      return [watch, { service: current, record: read && toRecord(read, current) }] as const;
    }
    const seen: Polled = {
      service: now,
      // What was read before the API was denied would never change again.
      record: last.isDenied
        ? undefined
        : (records.find(({ deployment }) => deployment === judged.id) ?? before.record),
    };
    return [watch, seen] as const;
  });
  return [polled, last];
}

type Known = Polled & { readonly deployment: string };

const isCodeDeploy = ({ service }: Polled): boolean => service.controller === CODE_DEPLOY;

/** The deployments as CodeDeploy returns them, by id; without those that it does not know yet. */
async function readCodeDeploys(
  { ecs }: Tools,
  watched: readonly Known[],
): Promise<ReadonlyMap<string, CodeDeployRead>> {
  if (watched.length === 0) return new Map();
  const { readCodeDeploy } = await import('../aws/code-deploy.ts');
  const found = await Promise.all(
    watched.map(async ({ service, deployment }) => {
      const read = await readCodeDeploy(ecs.aws, service, deployment);
      return read === undefined ? [] : [[deployment, read] as const];
    }),
  );
  return new Map(found.flat());
}

/** Whether a poll reads a record although the service gives no reason to. */
function isRecordTurn(number: number, { record }: Known): boolean {
  const isSearched = record === undefined && number >= FIRST_RECORD_POLL && number <= RECORD_POLLS;
  return isSearched || number % RECORD_EVERY === 0;
}

/** Whether nothing but the progress of a rolling deployment is to be seen in a service. */
function isInProgress({ deployment }: Known, service: Service | undefined): boolean {
  const primary = service && primaryOf(service);
  return (
    service?.status === 'ACTIVE' &&
    service.settings.strategy === 'ROLLING' &&
    primary?.id === deployment &&
    primary.rolloutState === 'IN_PROGRESS' &&
    primary.failed === 0
  );
}

async function readServices(
  { ecs }: Tools,
  watched: readonly Known[],
): Promise<ReadonlyMap<string, Service>> {
  const services = await describeAgain(
    ecs,
    watched.map(({ service }) => service),
  );
  return new Map(services.map((service) => [service.arn, service]));
}

async function readRecords(
  { ecs, emit }: Tools,
  watched: readonly Known[],
  reads: RecordReads,
  number: number,
): Promise<readonly [readonly RolloutRecord[], RecordReads]> {
  if (reads.isDenied || watched.length === 0) return [[], reads];
  try {
    const searches = number > 2 && number <= RECORD_POLLS && number % 2 === 1;
    const searched = searches
      ? watched.find(
          ({ record, deployment }) => record === undefined && !reads.found.has(deployment),
        )
      : undefined;
    if (searched !== undefined) {
      // In place of the read of the others, so that a poll stays two calls.
      const arn = await findRecord(ecs, searched.service, searched.deployment);
      if (arn === undefined) return [[], reads];
      return [[], { ...reads, found: new Map([...reads.found, [searched.deployment, arn]]) }];
    }
    const arns = watched.flatMap(
      ({ record, deployment, service }) =>
        record?.arn ?? reads.found.get(deployment) ?? service.currentRollout ?? [],
    );
    return [arns.length === 0 ? [] : await describeRecords(ecs, arns), reads];
  } catch (error) {
    if (!isDenied(error)) throw error;
    emit({
      kind: 'warning',
      message: `Continuing without service deployments: ${error.message}`,
      hint: error.hint,
    });
    return [[], { ...reads, isDenied: true }];
  }
}
