import { optional } from '../aws/optional.ts';
import { chunks } from '../aws/ecs.ts';
import { describeRevision } from '../aws/revisions.ts';
import { currentRecord, pastRollouts } from '../aws/rollouts.ts';
import { describeService } from '../aws/services.ts';
import { pastDeployment, rollbackTarget } from '../core/history.ts';
import type { ServiceHistory } from '../core/history.ts';
import { serviceResult } from '../core/result.ts';
import { runningByRevision, servingRevision } from '../core/status.ts';
import { containersOf, shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';

/** Shows the deployments of services that ECS keeps; changes nothing. */
export async function history(context: Context<'history'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  const tools = await connectTools(context);
  const found = await allOrRefuse(config.targets.map((target) => readHistory(tools, target)));
  return {
    outcome: 'unchanged',
    image: null,
    services: found.map((shown) => serviceResult({ outcome: 'unchanged', ...shown })),
    seconds: {},
    output: { kind: 'history', services: found },
  };
}

async function readHistory(tools: Tools, target: Target): Promise<ServiceHistory> {
  const { ecs } = tools;
  const service = await describeService(ecs, target);
  const [record, past] = await allOrRefuse([
    currentRecord(tools, service),
    pastRollouts(ecs, service, { all: true }),
  ]);
  const images = await readImages(
    tools,
    target,
    past.flatMap(({ taskDefinition }) => taskDefinition ?? []),
  );
  const back = rollbackTarget(service, record, past);
  return {
    service: service.name,
    cluster: shortName(service.cluster),
    desired: service.desired,
    running: service.running,
    taskDefinition: service.taskDefinition,
    serving: servingRevision(service, record),
    runningByRevision: runningByRevision(service),
    rollbackTo: back?.way === 'move' || back?.way === 'stop' ? back.revision : null,
    history: past.map((rollout) =>
      pastDeployment(rollout, images.get(rollout.taskDefinition ?? '')),
    ),
  };
}

/** Revisions that are read in parallel: ECS throttles bursts. */
const READS_AT_ONCE = 10;

/** The images of revisions by their ARNs, without those that cannot be read. */
async function readImages(
  tools: Tools,
  target: Target,
  revisions: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const images = new Map<string, string>();
  for (const part of chunks([...new Set(revisions)], READS_AT_ONCE)) {
    const readings = part.map(async (arn) => {
      const image = imageOf(target, (await describeRevision(tools.ecs, arn)).definition);
      if (image !== undefined) images.set(arn, image);
    });
    const read = allOrRefuse(readings.map((reading) => reading.catch(ignoreDeleted)));
    // If one read is denied, all are.
    if ((await optional(tools, 'ecs:DescribeTaskDefinition', read)) === undefined) break;
  }
  return images;
}

/** Passes on every error except that a revision was deleted. */
function ignoreDeleted(error: unknown): void {
  if (error instanceof EcsDeployError && error.code === 'task-definition-missing') return;
  throw error;
}

/** The image of the configured container, else of the first one. */
function imageOf({ container }: Target, definition: JsonObject): string | undefined {
  const containers = containersOf(definition);
  const named = containers.find(({ name }) => container?.includes(String(name)));
  const image = (named ?? containers[0])?.['image'];
  return typeof image === 'string' ? image : undefined;
}
