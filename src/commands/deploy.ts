import { serverTime } from '../aws/client.ts';
import type { ImageResult } from '../core/result.ts';
import { serviceResult } from '../core/result.ts';
import { isManaged } from '../core/express.ts';
import { likelyPlatform } from '../core/image.ts';
import { sameDefinition } from '../core/normal-form.ts';
import { runningByRevision, servingRevision } from '../core/status.ts';
import { containersOf, replaceImage, shortName } from '../core/task-definition.ts';
import { allOrRefuse } from '../errors.ts';
import { secondsSince } from '../events.ts';
import { enforce } from '../plan/enforce.ts';
import { observeBuild, observeGiven } from '../plan/image.ts';
import type { GivenImage, ObservedImage } from '../plan/image.ts';
import { lookUp } from '../plan/lookups.ts';
import { observeServices, observeSource } from '../plan/observe.ts';
import type { Observed } from '../plan/observe.ts';
import { plan, taskPlatforms } from '../plan/plan.ts';
import type { ImagePlan, Plan } from '../plan/plan.ts';
import { registerDrafts } from '../rollout/register.ts';
import { followSchedules } from '../rollout/follow-schedules.ts';
import { rollOut } from '../rollout/move.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf } from '../settings/config.ts';
import { prepareOnceIdle } from './busy.ts';
import { confirmMoves, requireTerminal } from './confirm.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { checkOrder, namesBefore, rolloutResult } from './moves.ts';

/** Observes, plans and checks; then builds the image, registers a revision and rolls it out. */
export async function deploy(context: Context<'deploy'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service', ...(config.image ? [] : ['repository' as const])]);
  const tools = await connectTools(context);
  checkOrder(context, config);
  requireTerminal(context, config);
  const prepared = await prepareOnceIdle(tools, config, () => prepare(tools, config));
  const { observed, planned, checks } = prepared;
  const { image: source } = planned;
  if (source === undefined || observed.image === undefined) throw new Error('there is no image');
  if (config.dryRun) {
    const rest = await Promise.all([checks['before-move'], checks.late]);
    enforce(tools, rest.flat());
    tellPlan(tools, planned, source);
    return dryRun(config, planned, source);
  }
  tellPlan(tools, planned, source);
  await confirmMoves(context, config, 'Deploy');
  // These can only warn, so nothing waits for them.
  const warned = checks.late.then((findings) => enforce(tools, findings)).catch(() => undefined);

  const running = planned.services.flatMap((item) => imagesOf(item.running.definition));
  const { image, seconds } =
    observed.image.kind === 'given'
      ? { image: plannedImage(source), seconds: {} }
      : await (
          await import('../image/produce.ts')
        ).produceImage(tools, config, source, observed.image, running);
  const registerStart = performance.now();
  const drafts = planned.services.map((item) => ({
    ...item,
    definition: replaceImage(item.definition, source.reference, image.reference),
    origin: item.running,
    isManaged: item.service.isExpress && isManaged(item.service, item.definition),
  }));
  const [registrations, proven] = await allOrRefuse([
    registerDrafts(tools, drafts),
    checks['before-move'],
  ]);
  const register = secondsSince(registerStart);
  const made = registrations.flatMap(({ arn, registered }) => (registered ? shortName(arn) : []));
  enforce(
    tools,
    proven,
    made.length === 0 ? '' : ` ${made.join(', ')} was registered; no service was changed.`,
  );
  const moves = drafts.flatMap((item, index) => {
    const registration = registrations[index];
    return registration === undefined
      ? []
      : [
          {
            ...item,
            revision: registration.arn,
            registered: registration.registered,
            order: item.target.order,
          },
        ];
  });
  const rolloutStart = performance.now();
  const moved = await rollOut(tools, config, moves);
  const services = await followSchedules(tools, config, moves, moved);
  const results = services.map((service, index) => ({
    ...service,
    changes: moves[index]?.changes ?? [],
  }));
  await warned;
  const result = rolloutResult(config, results, rolloutStart);
  return { ...result, image, seconds: { ...seconds, register, ...result.seconds } };
}

/** Observes and plans, and refuses what cannot work. */
async function prepare(tools: Tools, config: ConfigOf<'deploy'>) {
  const observed = await observeDeploy(tools, config);
  const planned = plan(config, { ...observed, checked: true, now: serverTime(tools.aws) });
  const checks = startLookups(tools, planned);
  enforce(tools, [...planned.findings, ...(await checks['before-write'])]);
  return { observed, planned, checks };
}

/** The settings that a deploy is planned from. */
type DeploySettings = ConfigOf<'deploy' | 'verify'>;

/** Reads the services and the image in parallel. */
export async function observeDeploy(
  tools: Tools,
  config: DeploySettings,
): Promise<{
  readonly services: readonly Observed[];
  /** Undefined if the config names none. */
  readonly image: ObservedImage | undefined;
  readonly containerImages: readonly GivenImage[];
}> {
  const observing = observeServices(tools, config, (target, service) =>
    observeSource(tools, config, target, service),
  );
  const sidecars = config.targets.flatMap(({ containerImages }) => Object.values(containerImages));
  const [services, image, containerImages] = await Promise.all([
    observing,
    observeImage(tools, config, observing),
    Promise.all([...new Set(sidecars)].map((named) => observeGiven(tools, config, named))),
  ]);
  return { services, image, containerImages };
}

async function observeImage(
  tools: Tools,
  config: DeploySettings,
  observing: Promise<readonly Observed[]>,
): Promise<ObservedImage | undefined> {
  if (config.image !== undefined) return observeGiven(tools, config, config.image);
  if (config.repository === undefined) return undefined;
  const platform =
    config.platform ?? observing.then((services) => likelyPlatform(taskPlatforms(services)));
  return observeBuild(tools, config, Promise.resolve(platform));
}

/** Starts the look-ups of a plan; each group is awaited when it is needed. */
function startLookups(tools: Tools, { lookups }: Plan) {
  const group = (by: (typeof lookups)[number]['by']) => {
    const findings = lookUp(
      tools,
      lookups.filter((lookup) => lookup.by === by),
    );
    // They are awaited later; until then, Node must not report a failure as unhandled.
    findings.catch(() => undefined);
    return findings;
  };
  return {
    'before-write': group('before-write'),
    'before-move': group('before-move'),
    late: group('late'),
  };
}

function tellPlan({ emit }: Tools, planned: Plan, image: ImagePlan): void {
  emit({
    kind: 'plan',
    image: image.reference,
    builds: image.kind === 'build',
    services: planned.services.map(({ target, service, running, changes, schedules }) => ({
      cluster: shortName(target.cluster),
      service: target.service,
      from: shortName(running.arn),
      to: undefined,
      isExpress: service.isExpress,
      changes,
      after: namesBefore(planned, target),
      schedules,
    })),
  });
}

function imagesOf(definition: Parameters<typeof containersOf>[0]): string[] {
  return containersOf(definition).map(({ image }) => String(image));
}

function dryRun(
  { showValues }: ConfigOf<'deploy'>,
  planned: Plan,
  image: ImagePlan,
): CommandResult {
  return {
    outcome: 'planned',
    image: plannedImage(image),
    services: planned.services.map((item) => {
      const { target, service, running, definition, changes, schedules } = item;
      const after = namesBefore(planned, target);
      return serviceResult({
        cluster: shortName(target.cluster),
        service: target.service,
        outcome: 'planned',
        taskDefinition: sameDefinition(definition, running.definition) ? running.arn : null,
        previousTaskDefinition: running.arn,
        serving: servingRevision(service, undefined),
        runningByRevision: runningByRevision(service),
        desired: service.desired,
        running: service.running,
        changes,
        ...(after.length > 0 && { after }),
        ...(target.schedules !== false && { schedules }),
        ...(showValues && { definition }),
      });
    }),
    seconds: {},
  };
}

function plannedImage(image: ImagePlan): ImageResult {
  const { reference, platform } = image;
  const digest = image.kind === 'use' ? image.digest : null;
  return { reference, digest, platform, built: false, pushed: false };
}
