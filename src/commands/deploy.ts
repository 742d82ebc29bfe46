import { serverTime } from '../aws/client.ts';
import { diffDefinitions } from '../core/changes.ts';
import { imagesOf, outcomeOfError, outcomeOfTask, serviceResult } from '../core/result.ts';
import type { ImageResult, NamedImageResult } from '../core/result.ts';
import { isManaged } from '../core/express.ts';
import { likelyPlatform, pinnedName } from '../core/image.ts';
import { sameDefinition } from '../core/normal-form.ts';
import { nameOf } from '../core/service-name.ts';
import { runningByRevision, servingRevision } from '../core/status.ts';
import { shortName, withImage } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import { secondsSince } from '../events.ts';
import { enforce } from '../plan/enforce.ts';
import { observeBuild, observeGiven, shareReads } from '../plan/image.ts';
import type { GivenImage, ObservedImage } from '../plan/image.ts';
import { lookUp } from '../plan/lookups.ts';
import { observeServices, observeSource, readController } from '../plan/observe.ts';
import type { Observed } from '../plan/observe.ts';
import { plan, runningImages, taskPlatforms, usersOf } from '../plan/plan.ts';
import type { NamedImage, Plan, PlanInput } from '../plan/plan.ts';
import type { ImagePlan } from '../plan/plan-image.ts';
import type { ServicePlan } from '../plan/plan-service.ts';
import { planReleases, tellReleases } from '../plan/release.ts';
import { registerDrafts } from '../rollout/register.ts';
import type { Draft } from '../rollout/register.ts';
import { followSchedules } from '../rollout/follow-schedules.ts';
import { rollOut } from '../rollout/move.ts';
import type { Move } from '../rollout/move.ts';
import type { OneOffEnd } from '../rollout/one-off.ts';
import { runReleases } from '../rollout/release.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf } from '../settings/config.ts';
import { askStop } from './ask-stop.ts';
import { prepareOnceIdle } from './busy.ts';
import { checkRollout } from './check.ts';
import { confirmMoves, requireTerminal } from './confirm.ts';
import { askPause } from './ask-pause.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { checkOrder, namesBefore, rolloutResult, waitsOf } from './moves.ts';

/** Observes, plans and checks; then builds the image, registers a revision and rolls it out. */
export async function deploy(context: Context<'deploy'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service', ...(config.image ? [] : ['repository' as const])]);
  if (config.fromCommit === undefined) return deployImage(context);
  const { withCheckout } = await import('../plan/checkout.ts');
  return withCheckout(context, config, (moved) => deployImage({ ...context, config: moved }));
}

async function deployImage(context: Context<'deploy'>): Promise<CommandResult> {
  const { config } = context;
  const tools = await connectTools(context);
  checkOrder(context, config);
  requireTerminal(context, config);
  const prepared = await prepareOnceIdle(tools, config, () => prepare(tools, config));
  const { observed, planned, releases, checks } = prepared;
  if (planned.images.length === 0) throw new Error('there is no image');
  if (config.dryRun) {
    const rest = await Promise.all([checks['before-move'], checks.late]);
    enforce(tools, rest.flat());
    tellPlan(tools, planned, true);
    tellReleases(tools, releases);
    tools.emit({ kind: 'dry-run-ended' });
    return dryRun(config, planned);
  }
  tellPlan(tools, planned, false);
  tellReleases(tools, releases);
  await confirmMoves(context, config, 'Deploy');
  // These can only warn, so nothing waits for them.
  const warned = checks.late.then((findings) => enforce(tools, findings)).catch(() => undefined);

  const { images, seconds } = observed.images.every(({ image }) => image.kind === 'given')
    ? { images: planned.images.map(plannedImage), seconds: {} }
    : await produce(tools, config, observed, planned);
  const registerStart = performance.now();
  const drafts = planned.services.map((item) =>
    draftOf(
      config,
      item,
      images.find(({ name }) => name === item.target.imageName),
    ),
  );
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
  const releaseStart = performance.now();
  const { ends, failed } = await runReleases(
    { ...tools, onLines: () => undefined, isPrinted: false, askStop: askStop(context) },
    config,
    releases.plans,
    moves,
  );
  const tasks = ends.length === 0 ? {} : { tasks: ends.map((end) => end.result) };
  const release = ends.length === 0 ? {} : { release: secondsSince(releaseStart) };
  const stayed = () => ({
    ...tasks,
    ...imagesOf(images),
    services: moves.map(untouched),
    seconds: { ...seconds, register, ...release },
  });
  if (failed?.error !== undefined) {
    await warned;
    return { ...notReleased(tools, failed, failed.error, made), ...stayed() };
  }
  const rolloutStart = performance.now();
  const services = await rollOut(
    { ...tools, askPause: askPause(context, config) },
    config,
    moves,
  ).catch((error: unknown) => {
    // No service has moved, but the release tasks have run: the result names them.
    if (ends.length > 0 && error instanceof EcsDeployError && error.code !== 'interrupted') {
      return error;
    }
    throw error;
  });
  if (services instanceof EcsDeployError) {
    tools.emit({ kind: 'error', error: services });
    const { code, message, hint = null, status } = services;
    return {
      outcome: outcomeOfError(status),
      status,
      error: { code, message, hint },
      ...stayed(),
    };
  }
  const results = services.map((service, index) => ({
    ...service,
    changes: moves[index]?.changes ?? [],
  }));
  await warned;
  const result = rolloutResult(config, results, rolloutStart);
  const checked = await checkRollout(context, tools, 'deploy', {
    ...result,
    ...tasks,
    ...imagesOf(images),
    seconds: { ...seconds, register, ...release, ...result.seconds },
  });
  // They follow what has proven itself.
  return { ...checked, services: await followSchedules(tools, config, moves, checked.services) };
}

/** How a deploy ends whose release task failed: no service was changed. */
function notReleased(
  { emit }: Tools,
  { result }: OneOffEnd,
  { code, message, hint, status }: EcsDeployError,
  made: readonly string[],
): Pick<CommandResult, 'outcome' | 'status' | 'error'> {
  const left = made.length === 0 ? '' : ` ${made.join(', ')} was registered.`;
  emit({
    kind: 'warning',
    message: `No service was changed.${left}`,
    hint: 'once the cause is fixed, run ecsdeploy deploy again: it runs the release tasks again',
  });
  return {
    outcome: outcomeOfTask(result, code),
    status,
    error: { code, message: `${message} No service was changed.${left}`, hint: hint ?? null },
  };
}

/** The result of a service that did not move, because a release task failed or AWS refused. */
function untouched({ service, running, registered, changes }: ServicePlan & Move) {
  return serviceResult({
    ...nameOf(service),
    outcome: 'skipped',
    previousTaskDefinition: running.arn,
    serving: servingRevision(service, undefined),
    runningByRevision: runningByRevision(service),
    registered,
    desired: service.desired,
    running: service.running,
    changes,
  });
}

/** Builds and pushes the images; what runs now can give layers to them. */
async function produce(
  tools: Tools,
  config: ConfigOf<'deploy'>,
  { services, images: observed }: Pick<PlanInput, 'services' | 'images'>,
  { images: planned, services: plans }: Plan,
) {
  const { produceImages } = await import('../image/produce-all.ts');
  return produceImages(tools, config, {
    observed,
    planned,
    running: runningImages(services),
    services: plans,
    use: { pin: config.pin, isDeployed: true },
  });
}

/** Observes and plans, and refuses what cannot work. */
async function prepare(tools: Tools, config: ConfigOf<'deploy'>) {
  const observed = await observeDeploy(tools, config);
  const planned = plan(config, { ...observed, checked: true, now: serverTime(tools.aws) });
  const checks = startLookups(tools, planned);
  const releases = await planReleases(
    tools,
    config.noRelease ? { ...config, release: [] } : config,
    planned.services,
  );
  enforce(tools, [...planned.findings, ...releases.findings, ...(await checks['before-write'])]);
  return { observed, planned, releases, checks };
}

/** The definition with the image that was pushed, whose digest was not known to the plan. */
function draftOf(
  { pin, showValues }: ConfigOf<'deploy'>,
  item: ServicePlan,
  image: ImageResult | undefined,
): ServicePlan & Draft & { readonly isManaged: boolean } {
  const { running, containers } = item;
  const definition =
    image === undefined
      ? item.definition
      : withImage(item.definition, containers, pinnedName(pin, image));
  const changes = diffDefinitions(running.definition, definition, { showValues });
  const managed = item.service.isExpress && isManaged(item.service, definition);
  const { place } = item.target;
  return { ...item, definition, changes, origin: running, isManaged: managed, place };
}

/** The settings that a deploy is planned from. */
type DeploySettings = ConfigOf<'deploy' | 'verify'>;

/** Reads the services and the image in parallel. */
export async function observeDeploy(
  tools: Tools,
  config: DeploySettings,
): Promise<{
  readonly services: readonly Observed[];
  /** Empty if the config names none. */
  readonly images: readonly NamedImage<ObservedImage>[];
  readonly containerImages: readonly GivenImage[];
}> {
  const observing = observeServices(tools, config, (there, target, service) =>
    observeSource(there, config, target, readController(there, target, service)),
  );
  const sidecars = config.targets.flatMap(({ containerImages }) => Object.values(containerImages));
  const [services, images, containerImages] = await Promise.all([
    observing,
    observeImages(tools, config, observing),
    Promise.all([...new Set(sidecars)].map((named) => observeGiven(tools, config, named))),
  ]);
  return { services, images, containerImages };
}

async function observeImages(
  tools: Tools,
  config: DeploySettings,
  observing: Promise<readonly Observed[]>,
): Promise<readonly NamedImage<ObservedImage>[]> {
  if (config.image !== undefined) {
    // Several images refuse --image.
    const name = config.images[0]?.name;
    return [{ name, image: await observeGiven(tools, config, config.image) }];
  }
  return observeBuilds(tools, config, observing);
}

/** Reads the images that are built, in parallel; one without a repository is left out. */
export function observeBuilds(
  tools: Tools,
  config: ConfigOf<'push' | 'deploy' | 'verify'>,
  observing: Promise<readonly Observed[]>,
): Promise<readonly NamedImage<ObservedImage>[]> {
  const shared = shareReads(tools, config);
  const built = config.images.filter(({ repository }) => repository !== undefined);
  return Promise.all(
    built.map(async ({ name, ...own }) => {
      const platform =
        own.platform ??
        observing.then((services) => likelyPlatform(taskPlatforms(usersOf(name, services))));
      const settings = { ...config, ...own };
      const image = await observeBuild(tools, settings, Promise.resolve(platform), shared);
      return { name, image };
    }),
  );
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

function tellPlan({ emit }: Tools, planned: Plan, isDryRun: boolean): void {
  const { images } = planned;
  const [only] = images.length === 1 ? images : [];
  emit({
    kind: 'plan',
    isDryRun,
    image: only?.image.reference,
    builds: only?.image.kind === 'build',
    ...(only === undefined && {
      images: images.map(({ name = '', image }) => ({
        name,
        reference: image.reference,
        builds: image.kind === 'build',
      })),
    }),
    services: planned.services.map(({ target, service, running, changes, schedules }) => ({
      ...nameOf(service),
      from: shortName(running.arn),
      to: undefined,
      isExpress: service.isExpress,
      changes,
      after: namesBefore(planned, target),
      ...waitsOf(service),
      schedules,
    })),
  });
}

function dryRun({ showValues }: ConfigOf<'deploy'>, planned: Plan): CommandResult {
  return {
    outcome: 'planned',
    ...imagesOf(planned.images.map(plannedImage)),
    services: planned.services.map((item) => {
      const { target, service, running, definition, changes, schedules } = item;
      const after = namesBefore(planned, target);
      return serviceResult({
        ...nameOf(service),
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

function plannedImage({ name, image }: NamedImage<ImagePlan>): NamedImageResult {
  const { reference, platform } = image;
  const digest = image.kind === 'use' ? image.digest : null;
  return { name, reference, digest, platform, built: false, pushed: false };
}
