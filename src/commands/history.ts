import { at } from '../aws/ecs.ts';
import { optional } from '../aws/optional.ts';
import { currentRecord, listRollouts } from '../aws/rollouts.ts';
import { asMoving } from '../core/code-deploy-record.ts';
import { pastDeployment, rollbackTarget } from '../core/history.ts';
import type { ServiceHistory } from '../core/history.ts';
import { nameOf } from '../core/service-name.ts';
import { serviceResult } from '../core/result.ts';
import { runningByRevision, servingRevision } from '../core/status.ts';
import { allOrRefuse } from '../errors.ts';
import { byContent } from '../plan/express-history.ts';
import { readShown } from '../plan/observe.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { readImages } from './images.ts';

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

async function readHistory(run: Tools, target: Target): Promise<ServiceHistory> {
  const tools = at(run, target);
  const { ecs } = tools;
  const service = await readShown(tools, target);
  const moving = asMoving(service);
  const [record, { rollouts: past, hasOlder }] = await allOrRefuse([
    currentRecord(tools, service),
    listRollouts(ecs, service, { all: true }),
  ]);
  const images = await readImages(
    tools,
    target,
    past.flatMap(({ taskDefinition }) => taskDefinition ?? []),
    new Map(),
  );
  const what = 'the contents of the revisions';
  const seen = (await optional(tools, what, byContent(ecs, { service: moving, past }))) ?? {
    service: moving,
    past,
  };
  const back = rollbackTarget(seen.service, record, seen.past);
  return {
    ...nameOf(service),
    desired: service.desired,
    running: service.running,
    taskDefinition: service.taskDefinition,
    serving: servingRevision(service, record),
    runningByRevision: runningByRevision(service),
    rollbackTo: back?.way === 'move' || back?.way === 'stop' ? back.revision : null,
    history: past.map((rollout) =>
      pastDeployment(rollout, images.get(rollout.taskDefinition ?? '')?.image),
    ),
    hasOlder,
  };
}
