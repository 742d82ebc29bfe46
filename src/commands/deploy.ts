import type { Aws } from '../aws/client.ts';
import { lastGood, openEcs } from '../aws/ecs.ts';
import { requireSettings } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import { diffDefinitions } from '../core/changes.ts';
import type { Change } from '../core/changes.ts';
import { sameDefinition } from '../core/normal-form.ts';
import { serviceResult } from '../core/result.ts';
import type { ImageResult } from '../core/result.ts';
import { chooseContainers, containersOf, shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError, refuse } from '../errors.ts';
import { aboutService, enforce, examine, serviceChecks } from '../plan/checks.ts';
import { observeTarget, platformOfDefinition, renderTarget } from '../plan/observe.ts';
import type { Observed } from '../plan/observe.ts';
import { findGivenImage, planImage } from '../plan/image.ts';
import type { GivenImage, ImagePlan } from '../plan/image.ts';
import { checkPlatform, platformsOf } from '../plan/platform.ts';
import { produceImage } from '../image/produce.ts';
import type { Produced } from '../image/produce.ts';
import { registerDrafts } from '../rollout/register.ts';
import { rollOut } from '../rollout/move.ts';
import { connectAws, since } from '../aws/optional.ts';
import { rolloutResult } from './rollout.ts';

/** The whole path: read everything, plan, refuse what cannot work, then image, revision, rollout. */
export async function deploy(context: Context): Promise<CommandResult> {
  const { config, emit } = context;
  requireSettings(config, [
    'cluster',
    'service',
    ...(config.image === undefined ? (['repository'] as const) : []),
  ]);
  const aws = await connectAws(context);
  const ecs = await openEcs(aws);
  const observing = config.targets.map((target) => observeTarget(context, ecs, target));
  const examining = observing.map(async (read) => {
    const item = await read;
    // All but the image is known already.
    const checks = serviceChecks(aws, ecs, item, renderTarget(context, item, undefined));
    return examine(context, aboutService(item.service), checks);
  });
  const [source, observed, findings] = await allOrRefuse([
    planSource(context, aws, platformsOf(observing)),
    allOrRefuse(observing),
    allOrRefuse(examining),
  ]);
  const planned = planDefinitions(context, source, observed);
  const { scan } = source;
  const scanned = await examine(
    context,
    '',
    scan === undefined ? {} : { 'image-scan': () => scan },
  );
  enforce(context, [...findings.flat(), ...scanned]);
  const changes = observed.map(({ running }, index) =>
    diffDefinitions(running.definition, planned[index] ?? {}, config),
  );
  emit({
    kind: 'plan',
    image: source.reference,
    builds: builds(source),
    services: observed.map(({ target, running }, index) => ({
      cluster: shortName(target.cluster),
      service: target.service,
      from: shortName(running.arn),
      changes: changes[index] ?? [],
    })),
  });
  if (config.dryRun) return dryRun(context, source, observed, planned, changes);

  const { image, seconds } = await takeImage(context, aws, source, observed);
  const registerStart = performance.now();
  const drafts = observed.map((item) => ({
    definition: renderTarget(context, item, image.reference),
    origin: item.running,
  }));
  const registrations = await registerDrafts(context, ecs, drafts);
  const register = since(registerStart);
  const rolloutStart = performance.now();
  const services = await rollOut(
    context,
    ecs,
    observed.map(({ service, source: definition, target }, index) => ({
      service,
      taskDefinition: registrations[index]?.arn ?? '',
      previous: lastGood(service),
      definition: drafts[index]?.definition ?? {},
      registered: registrations[index]?.registered ?? false,
      containers: chooseContainers(definition, target.container),
    })),
  );
  const changed = services.map((service, index) => ({ ...service, changes: changes[index] ?? [] }));
  const result = rolloutResult(context, changed, rolloutStart);
  return { ...result, image, seconds: { ...seconds, register, ...result.seconds } };
}

/** An image to build or to find built, or one that the user named. */
type Source = ImagePlan | GivenImage;

const builds = (source: Source) => 'tag' in source && source.existing === undefined;

function planSource(
  context: Context,
  aws: Aws,
  tasks: Promise<readonly string[]>,
): Promise<Source> {
  const { image } = context.config;
  return image === undefined ? planImage(context, aws, tasks) : findGivenImage(context, aws, image);
}

/**
 * The definitions to register; refuses, before anything is written and all at once, what ECS would
 * not take and what it would take and the tasks would die of.
 */
function planDefinitions(
  context: Context,
  source: Source,
  observed: readonly Observed[],
): readonly JsonObject[] {
  const problems: EcsDeployError[] = [];
  const definitions = observed.map((item) => {
    try {
      const wanted = platformOfDefinition(item.source);
      const hint = `build it with --platform ${wanted}, or set runtimePlatform in the task definition`;
      checkPlatform(context, {
        ...('tag' in source
          ? { what: 'The image would be built', platforms: [source.platform] }
          : { what: `${source.reference} is built`, platforms: source.stored?.platforms }),
        wanted,
        hint,
      });
      return renderTarget(context, item, source.reference);
    } catch (error) {
      if (!(error instanceof EcsDeployError)) throw error;
      problems.push(error);
      return {};
    }
  });
  refuse(problems);
  return definitions;
}

async function takeImage(
  context: Context,
  aws: Aws,
  source: Source,
  observed: readonly Observed[],
): Promise<Produced> {
  const running = observed.flatMap(({ running: { definition } }) =>
    containersOf(definition).map(({ image }) => String(image)),
  );
  if ('tag' in source) return produceImage(context, aws, source, [...new Set(running)]);
  return { image: imageResult(source), seconds: {} };
}

function imageResult(source: Source): ImageResult {
  const stored = 'tag' in source ? source.existing : source.stored;
  return {
    reference: source.reference,
    digest: stored?.digest ?? null,
    platform: 'tag' in source ? source.platform : (stored?.platforms?.[0] ?? null),
    built: false,
    pushed: false,
  };
}

function dryRun(
  { config }: Context,
  source: Source,
  observed: readonly Observed[],
  planned: readonly JsonObject[],
  changes: readonly (readonly Change[])[],
): CommandResult {
  return {
    outcome: 'planned',
    image: imageResult(source),
    services: observed.map(({ target, service, running }, index) =>
      serviceResult({
        cluster: shortName(target.cluster),
        service: target.service,
        outcome: 'planned',
        taskDefinition: sameDefinition(planned[index] ?? {}, running.definition)
          ? running.arn
          : null,
        previousTaskDefinition: running.arn,
        desired: service.desiredCount ?? 0,
        running: service.runningCount ?? 0,
        changes: changes[index] ?? [],
        ...(config.showValues && { definition: planned[index] ?? {} }),
      }),
    ),
    seconds: {},
  };
}
