import type { StoredImage } from '../aws/images.ts';
import type { HookAnswer } from '../aws/rollouts.ts';
import { isImmutable } from '../aws/repositories.ts';
import type { Repository } from '../aws/repositories.ts';
import { checkInProgress, deploymentInProgress } from '../core/busy.ts';
import type { IfBusy } from '../core/busy.ts';
import { diffDefinitions } from '../core/changes.ts';
import type { Change } from '../core/changes.ts';
import type { CheckName, SkippableCheck } from '../core/check-names.ts';
import {
  checkCapacity,
  checkContainerPorts,
  checkDefinition,
  checkExecutionRole,
  checkLatest,
  checkLaunchType,
  checkNetworkMode,
  checkPlatform,
  checkPortNames,
  checkPorts,
  checkTaskSize,
  checkVolumes,
  logGroupsOf,
  ok,
  secretsOf,
  skip,
} from '../core/checks.ts';
import type { Answer, Finding } from '../core/checks.ts';
import {
  checkExpressContainer,
  checkExpressDrift,
  checkManagedChanges,
  checkManagedEnd,
} from '../core/checks-express.ts';
import { checkActive, checkAppSpec, checkGroup } from '../core/checks-code-deploy.ts';
import type { CodeDeployUse } from '../core/code-deploy.ts';
import { asMoving } from '../core/code-deploy-record.ts';
import { checkSchedules } from '../core/checks-schedules.ts';
import { isFargate, lastGood, primaryOf } from '../core/ecs.ts';
import type { Deployment, RolloutRecord, Service } from '../core/ecs.ts';
import { isManaged } from '../core/express.ts';
import type { ExpressMove } from '../core/express.ts';
import { checkRolloutTime } from '../core/checks-strategy.ts';
import {
  CACHE_TAG,
  INPUTS_LABEL,
  DEFAULT_PLATFORM,
  ecrRegistry,
  likelyPlatform,
  parseImageReference,
  pinnedName,
  platformOf,
  platformsIn,
} from '../core/image.ts';
import type { TaskPlatform } from '../core/image.ts';
import { targetGroupsOf } from '../core/load-balancer.ts';
import { sameDefinition } from '../core/normal-form.ts';
import { chosen, planSchedule } from '../core/scheduled.ts';
import type { ScheduleResult } from '../core/scheduled.ts';
import { placeNote } from '../core/service-name.ts';
import { overridesOf } from '../core/start.ts';
import type { Overrides } from '../core/start.ts';
import { chooseContainers, containersOf, placeOfArn, shortName } from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import type { BuildKit } from '../docker/buildkit/builder.ts';
import type { Daemon } from '../docker/engine/daemon.ts';
import { EcsDeployError } from '../errors.ts';
import type { Config, Target } from '../settings/config.ts';
import type { ContextGaps } from './identity.ts';
import { isRebuild } from './image.ts';
import type { BuildPlace, Destination, GivenImage, ObservedImage, ReadImage } from './image.ts';
import { skipUnused } from './lookups.ts';
import type { Lookup } from './lookups.ts';
import type { Observed, ObservedService, Way } from './observe.ts';
import { commitOf } from './older.ts';
import { attemptNow, valueOf } from './read.ts';
import { renderDefinition } from './render.ts';

/** What happens to the image. */
export type ImagePlan =
  | {
      /** Nothing is built or pushed: the image is already in a registry. */
      readonly kind: 'use';
      readonly reference: string;
      readonly digest: string | null;
      readonly platform: string | null;
    }
  | {
      readonly kind: 'build' | 'push';
      /** `registry/repository:tag`; without a registry while the repository does not exist. */
      readonly reference: string;
      readonly platform: string;
    };

/** What happens to one service. */
export interface ServicePlan {
  readonly target: Target;
  readonly service: Service;
  /** The revision that it runs. */
  readonly running: Revision;
  readonly latest: Revision | undefined;
  readonly way: Way;
  /** The deployment in progress, where it was read. */
  readonly record: RolloutRecord | undefined;
  readonly answer: HookAnswer | undefined;
  /** ARN of the revision to move to; undefined when the definition has to be registered. */
  readonly revision: string | undefined;
  readonly definition: JsonObject;
  readonly changes: readonly Change[];
  /** Containers that get the image. */
  readonly containers: readonly string[];
  /** ARN of the revision to go back to. */
  readonly previous: string;
  /** The deployment in progress that this one would supersede or stop. */
  readonly busy: Deployment | undefined;
  /** `performance.now()` before the service was read. */
  readonly readAt: number | undefined;
  /** Of an Express service that moves. */
  readonly express: ExpressMove | undefined;
  /** What a success does to the scheduled tasks of the family. */
  readonly schedules: readonly ScheduleResult[];
}

/** What the containers that get the image start in place of what the image says. */
export function overridesIn({ services }: Pick<Plan, 'services'>): readonly Overrides[] {
  const all = services.flatMap(({ definition, containers }) => overridesOf(definition, containers));
  return [...new Map(all.map((item) => [JSON.stringify(item), item])).values()];
}

/** A finding, with the error of its failure if that is not made from the finding itself. */
export interface PlanFinding extends Finding {
  readonly error?: EcsDeployError;
}

/** An image of `images` in the config file, or the only one, whose name is undefined. */
export interface NamedImage<T> {
  readonly name: string | undefined;
  readonly image: T;
}

/** Everything that a command will do, as plain data. */
export interface Plan {
  /** Without those that cannot be planned. */
  readonly images: readonly NamedImage<ImagePlan>[];
  readonly services: readonly ServicePlan[];
  readonly findings: readonly PlanFinding[];
  /** Checks that need a read of their own. */
  readonly lookups: readonly Lookup[];
}

/** The input of a plan. */
export interface PlanInput {
  readonly services: readonly Observed[];
  /** Empty for a command without an image. */
  readonly images: readonly NamedImage<ObservedImage>[];
  /** The images of `containerImages`, for a command that checks them. */
  readonly containerImages?: readonly GivenImage[];
  /** Whether the services are checked for problems that would make the deployment fail. */
  readonly checked: boolean;
  /** A time of the server's clock. */
  readonly now?: Date;
}

type PlanSettings = Pick<Config, 'skipCheck' | 'timeout'> &
  Partial<
    Pick<
      Config,
      | 'platform'
      | 'images'
      | 'cache'
      | 'showValues'
      | 'rebuild'
      | 'noCache'
      | 'pull'
      | 'ifBusy'
      | 'force'
      | 'ifOlder'
      | 'directory'
      | 'pin'
      | 'fromCommit'
      | 'until'
      | 'noWait'
    >
  >;

/** Makes the plan of a command; pure. Problems are among its findings. */
export function plan(config: PlanSettings, input: PlanInput): Plan {
  const { services, images, containerImages = [] } = input;
  const check = checker(config.skipCheck);
  const planned = images.map(({ name, image }) => {
    const users = usersOf(name, services);
    const own = config.images?.find((item) => item.name === name) ?? config;
    const settings = { ...config, platform: own.platform, cache: own.cache };
    const part = planImage(check, image, settings, taskPlatforms(users));
    return { name, image: part.plan, findings: part.findings.map((item) => ofImage(item, name)) };
  });
  const parts = services.map((observed) => {
    const { imageName } = observed.target;
    const own = planned.find(({ name }) => name === imageName)?.image;
    const names = imageNames(config, own, containerImages);
    return planService(check, config, observed, names, input);
  });
  return {
    images: planned.flatMap(({ name, image }) => (image === undefined ? [] : { name, image })),
    services: parts.flatMap(({ plan: service }) => service ?? []),
    findings: [
      ...orderFindings(services),
      ...parts.flatMap(({ findings }) => findings),
      ...planned.flatMap(({ findings }) => findings),
      ...containerImages.flatMap((given) => {
        const users = services.filter(({ target }) =>
          Object.values(target.containerImages).includes(given.reference),
        );
        return planGiven(check, given, taskPlatforms(users)).findings;
      }),
    ],
    lookups: parts.flatMap(({ lookups }) => lookups),
  };
}

/** Which services start after others. */
function orderFindings(services: readonly Observed[]): PlanFinding[] {
  return services.flatMap(({ target: { order, service } }) => {
    const before = services.filter(({ target }) => order?.after.includes(target.order?.id ?? ''));
    const names = before.map(({ target }) => target.service).join(' and ');
    const message = `${service} starts after ${names}`;
    return names === '' ? [] : [{ check: 'order', about: 'services', ...ok(message) }];
  });
}

/** How the task definition of a service names images. */
interface ImageNames {
  /** Its own; undefined for a command without an image. */
  readonly image: string | undefined;
  readonly nameOf: (reference: string) => string;
}

function imageNames(
  { pin = 'digest' }: PlanSettings,
  image: ImagePlan | undefined,
  given: readonly GivenImage[],
): ImageNames {
  const digests = new Map(given.map(({ reference, read }) => [reference, digestIn(read)]));
  return {
    image: image && pinnedName(pin, { digest: null, ...image }),
    nameOf: (reference) => pinnedName(pin, { reference, digest: digests.get(reference) ?? null }),
  };
}

function digestIn(read: GivenImage['read']): string | null {
  const stored = valueOf(read)?.stored;
  return typeof stored === 'object' ? stored.digest : null;
}

/** The services whose containers get an image. */
export function usersOf<T extends { readonly target: Target }>(
  name: string | undefined,
  services: readonly T[],
): readonly T[] {
  return services.filter(({ target }) => target.imageName === name);
}

/** The images of all containers that run now, as far as they could be read. */
export function runningImages(services: readonly Observed[]): readonly string[] {
  return services.flatMap(({ read }) =>
    containersOf(valueOf(read)?.running.definition ?? {}).map(({ image }) => String(image)),
  );
}

/** A finding about one of several images, under its name. */
function ofImage(finding: PlanFinding, name: string | undefined): PlanFinding {
  return name === undefined ? finding : { ...finding, about: `${finding.about} ${name}` };
}

/** The platforms that the tasks of services run on, as far as they could be read. */
export function taskPlatforms(services: readonly Observed[]): readonly TaskPlatform[] {
  return services.flatMap(({ read }) => {
    const observed = valueOf(read);
    if (observed === undefined) return [];
    const { service } = observed;
    const platform = platformOf(sourceOf(observed), service);
    return [service.isExpress ? { ...platform, canSwitch: true } : platform];
  });
}

const sourceOf = ({ next }: ObservedService): JsonObject =>
  next.kind === 'render' ? next.source : next.revision.definition;

/** Makes one finding, unless the user skips the check. */
type Check = (name: SkippableCheck, about: string, answer: () => Answer) => PlanFinding;

function checker(skipCheck: readonly SkippableCheck[]): Check {
  return (name, about, answer) => ({
    check: name,
    about,
    ...(skipCheck.includes(name) ? skip(`skipped (--skip-check ${name})`) : answer()),
  });
}

/** What the findings about a service are grouped under. */
export function aboutOf({ service, cluster, place }: Target): string {
  return `service ${service} in ${shortName(cluster)}${placeNote(place)}`;
}

/** The findings of an error, one per problem. */
export function failures(check: CheckName, about: string, error: EcsDeployError): PlanFinding[] {
  const problems = error.problems.length > 0 ? error.problems : [error];
  return problems.map((problem) => ({
    check,
    about,
    status: 'fail',
    message: problem.message,
    hint: problem.hint,
    error: problem,
  }));
}

interface Part<T> {
  readonly plan: T | undefined;
  readonly findings: readonly PlanFinding[];
}

function planService(
  check: Check,
  config: PlanSettings,
  { target, read, readAt, schedules }: Observed,
  names: ImageNames,
  { checked, now = new Date(0), images }: PlanInput,
): Part<ServicePlan> & { readonly lookups: readonly Lookup[] } {
  const { skipCheck, showValues = false, ifBusy = 'supersede' } = config;
  const observedImage = images.find(({ name }) => name === target.imageName)?.image;
  const about = aboutOf(target);
  if ('error' in read) {
    return { plan: undefined, findings: failures('service', about, read.error), lookups: [] };
  }
  const { service, running, latest, next } = read.value;
  const findings: PlanFinding[] = [
    {
      check: 'service',
      about,
      ...ok(
        `ACTIVE${service.isExpress ? ', an Express service' : ''}, runs ${shortName(running.arn)} with ${service.running} of ${service.desired} tasks`,
      ),
    },
  ];
  const drafted = attemptNow(() => draftOf(target, next, names));
  if ('error' in drafted) findings.push(...failures('containers', about, drafted.error));
  const draft = valueOf(drafted) ?? { definition: sourceOf(read.value), containers: [] };
  const { definition } = draft;
  if ('value' in drafted && next.kind === 'render') {
    const all = containersOf(definition).map(({ name }) => String(name));
    findings.push({ check: 'containers', about, ...ok(all.join(', ')) });
  }
  const isJoined = joins(config, read.value, definition);
  const way = next.kind === 'render' ? 'move' : next.way;
  if (service.codeDeploy !== undefined && way === 'move') {
    findings.push(...checkCodeDeploy(check, about, service, service.codeDeploy, { ifBusy, now }));
  } else if (checked || ifBusy !== 'supersede') {
    // `rollback` is there to stop a deployment in progress: that alone needs no warning.
    const busy = { ifBusy, isJoined, now, record: read.value.completed };
    findings.push(check('deployment-in-progress', about, () => checkInProgress(service, busy)));
  }
  const changes = diffDefinitions(running.definition, definition, { showValues });
  if (checked || (next.kind === 'revision' && next.way === 'move')) {
    findings.push(check('rollout-time', about, () => checkRolloutTime(service, config)));
  }
  if (checked) findings.push(...checkService(check, about, read.value, definition));
  if (service.isExpress && (checked || next.kind === 'revision'))
    findings.push(...checkExpress(check, about, read.value, definition, changes));
  if (checked && target.place !== undefined && names.image !== undefined) {
    findings.push(...pullFindings(check, about, names.image, service));
  }
  const ends = wayOf(read.value);
  const goal = goalOf(read.value, ends, definition);
  if (checked && schedules !== undefined) {
    const subject = { ...schedules, ...target, running, definition, revision: goal };
    findings.push(
      ...checkSchedules(subject).map((answer) => check('schedules', about, () => answer)),
    );
  }
  const lookups = checked
    ? [
        ...serviceLookups(about, target, read.value, definition, findings),
        ...olderLookups(config, about, read.value, draft.containers, observedImage),
      ]
    : imageLookups(about, read.value);
  return {
    plan: {
      target,
      service,
      running,
      latest,
      way,
      record: next.kind === 'render' ? read.value.completed : (next.record ?? read.value.completed),
      answer: next.kind === 'render' ? undefined : next.answer,
      ...ends,
      definition,
      changes,
      express:
        service.isExpress && way === 'move'
          ? { running: running.definition, configuration: read.value.express }
          : undefined,
      containers: draft.containers,
      busy: isJoined ? undefined : deploymentInProgress(service, read.value.completed),
      readAt,
      schedules: chosen(schedules?.tasks ?? [], target.schedules).map((task) =>
        planSchedule(task, goal),
      ),
    },
    findings,
    lookups: lookups
      .filter((lookup) => !(skipCheck as readonly string[]).includes(lookup.check))
      .map((lookup) => ({ ...lookup, place: target.place })),
  };
}

/** How a service that is elsewhere gets the image of the run. */
function pullFindings(
  check: Check,
  about: string,
  image: string,
  { arn }: Service,
): readonly PlanFinding[] {
  const from = ecrRegistry(parseImageReference(image).registry ?? '');
  const to = placeOfArn(arn);
  if (from === undefined || to === undefined) return [];
  const answers: Answer[] = [];
  if (from.region !== to.region) {
    answers.push(ok(`ECS pulls the image across regions, from ${from.region} to ${to.region}`));
  }
  if (from.account !== to.account) {
    const note = `the image is in account ${from.account}, the service in ${to.account}`;
    answers.push(skip(`${note}: whether the policy of the repository allows the pull`));
  }
  return answers.map((answer) => check('image-exists', about, () => answer));
}

/** Whether the deployment in progress already deploys the definition, so that none is started. */
function joins(
  { force = false }: PlanSettings,
  { service, running, next }: ObservedService,
  definition: JsonObject,
): boolean {
  if (next.kind === 'revision' && next.way !== 'move') return next.way !== 'stop';
  // What CodeDeploy has in progress is never what runs.
  if (service.codeDeploy !== undefined) return false;
  if (next.kind === 'render') return !force && sameDefinition(definition, running.definition);
  return !force && next.revision.arn === service.taskDefinition;
}

/** The next definition and the containers that get the image; throws if it cannot run. */
function draftOf(target: Target, next: ObservedService['next'], { image, nameOf }: ImageNames) {
  if (next.kind === 'render') {
    const containerImages = Object.fromEntries(
      Object.entries(target.containerImages).map(([name, other]) => [name, nameOf(other)]),
    );
    return {
      definition: renderDefinition({ ...target, containerImages }, next.source, image),
      containers: chooseContainers(next.source, target.container),
    };
  }
  const { revision, way } = next;
  if (revision.status !== 'ACTIVE' && (way === 'move' || way === 'stop')) {
    throw new EcsDeployError({
      code: 'revision-inactive',
      message: `The revision ${shortName(revision.arn)} is ${revision.status}: ECS does not start new tasks of it.`,
      hint: `choose an active one: aws ecs list-task-definitions --family-prefix ${revision.family}`,
    });
  }
  return { definition: revision.definition, containers: [] };
}

/** The revision that a service moves to, and the one that it can go back to. */
function wayOf({ service, running, next }: ObservedService) {
  const before = lastGood(asMoving(service));
  if (next.kind === 'render') return { revision: undefined, previous: before };
  // A stopped deployment belongs to the running revision; ECS goes back to the other one.
  if (next.way === 'stop') return { revision: running.arn, previous: next.revision.arn };
  return {
    revision: next.revision.arn,
    previous: before === next.revision.arn ? running.arn : before,
  };
}

/** ARN of the revision that the service is on after a success; undefined while it is not registered. */
function goalOf(
  { running, next }: ObservedService,
  { revision, previous }: ReturnType<typeof wayOf>,
  definition: JsonObject,
): string | undefined {
  if (next.kind === 'revision') return next.way === 'stop' ? previous : revision;
  return sameDefinition(definition, running.definition) ? running.arn : undefined;
}

/** Whether CodeDeploy can start a deployment, and what it starts from. */
function checkCodeDeploy(
  check: Check,
  about: string,
  service: Service,
  use: CodeDeployUse,
  { ifBusy, now }: { readonly ifBusy: IfBusy; readonly now: Date },
): PlanFinding[] {
  const active = checkActive(service, { isAwaited: ifBusy === 'wait', now });
  const lock = { check: 'deployment-in-progress', about, ...active } as const;
  return [
    check('code-deploy', about, () => checkGroup(service, use)),
    check('app-spec', about, () => checkAppSpec(use)),
    // It cannot be skipped: CodeDeploy has this lock itself, and would refuse after the push.
    active.status === 'fail'
      ? { ...lock, error: new EcsDeployError({ code: 'service-busy', ...active }) }
      : lock,
  ];
}

/** The checks of a service and a definition that need no further read. */
function checkService(
  check: Check,
  about: string,
  { service, running, latest, next }: ObservedService,
  definition: JsonObject,
): PlanFinding[] {
  const onFargate = isFargate(service, definition);
  return [
    check('deployment-percent', about, () => checkCapacity(service)),
    // ECS has registered a revision that exists.
    check('definition', about, () =>
      next.kind === 'render'
        ? checkDefinition(definition, running.definition)
        : skip('the revision exists'),
    ),
    check('container-port', about, () => checkContainerPorts(service, definition)),
    check('port-names', about, () => checkPortNames(service, definition)),
    check('network-mode', about, () => checkNetworkMode(service, definition)),
    check('launch-type', about, () => checkLaunchType(service, definition)),
    check('volumes', about, () => checkVolumes(service, definition)),
    check('task-size', about, () =>
      onFargate ? checkTaskSize(definition) : skip('not on Fargate'),
    ),
    check('port-mappings', about, () => checkPorts(definition)),
    check('execution-role', about, () => checkExecutionRole(definition, onFargate, service)),
    ...(next.kind === 'render'
      ? [check('latest-revision', about, () => checkLatest(running.arn, latest?.arn))]
      : []),
  ];
}

/** What Express Mode allows, and what it will do. */
function checkExpress(
  check: Check,
  about: string,
  { service, running, next, express }: ObservedService,
  definition: JsonObject,
  changes: readonly Change[],
): PlanFinding[] {
  if (next.kind === 'revision' && next.way !== 'move') return [];
  const container = check('express', about, () => checkExpressContainer(definition));
  if (next.kind === 'revision') return [container];
  const drift = check('express', about, () => checkExpressDrift(service, express));
  if (!isManaged(service, running.definition)) return [container, drift];
  // To skip it would leave out what was asked for.
  const name = { check: 'containers', about } as const;
  const change = isManaged(service, definition)
    ? { ...name, ...checkManagedChanges(service, changes) }
    : check('express', about, () => checkManagedEnd(service, definition));
  return [container, drift, change];
}

/** The look-ups for a definition; adds a skipped finding for each kind that it does not use. */
function serviceLookups(
  about: string,
  { container }: Target,
  { service, running }: ObservedService,
  definition: JsonObject,
  findings: PlanFinding[],
): Lookup[] {
  const isServing = primaryOf(service)?.rolloutState === 'COMPLETED' && service.running > 0;
  const by = (keys: readonly string[], known: readonly string[]): Lookup['by'] =>
    isServing && keys.every((key) => known.includes(key)) ? 'before-move' : 'before-write';
  const lookups: Lookup[] = [];
  const groups = logGroupsOf(definition);
  const groupKeys = (item: JsonObject) =>
    logGroupsOf(item).map(({ group, region }) => `${region} ${group}`);
  if (groups.length === 0) findings.push(skipUnused('log-groups', about));
  else {
    const known = groupKeys(running.definition);
    lookups.push({ check: 'log-groups', about, groups, by: by(groupKeys(definition), known) });
  }
  const references = secretsOf(definition);
  const sources = (item: JsonObject) => secretsOf(item).map(({ valueFrom }) => valueFrom);
  if (references.length === 0) findings.push(skipUnused('secrets', about));
  else {
    const known = sources(running.definition);
    const account = placeOfArn(service.arn)?.account;
    const first = by(sources(definition), known);
    lookups.push({ check: 'secrets', about, references, account, by: first });
  }
  const good = lastGood(service);
  lookups.push({
    check: 'rollback-target',
    about,
    by: 'late',
    service,
    revision: good === running.arn ? running : good,
    containers: container,
  });
  if (targetGroupsOf(service).length > 0) {
    lookups.push({ check: 'load-balancer', about, by: 'late', service, definition });
  }
  for (const balancer of service.loadBalancers) {
    if (balancer.shift?.productionRule === undefined) continue;
    lookups.push({ check: 'listener-rule', about, by: 'late', service, balancer });
  }
  return lookups;
}

/** The look-up that compares the commit of the image with the one that runs. */
function olderLookups(
  { ifOlder = 'deploy', directory }: PlanSettings,
  about: string,
  { service, running }: ObservedService,
  containers: readonly string[],
  image: ObservedImage | undefined,
): Lookup[] {
  const commit = image && commitOf(image);
  const own = containersOf(running.definition).find(({ name }) => name === containers[0]);
  if (ifOlder === 'deploy' || commit === undefined || directory === undefined || own === undefined)
    return [];
  return [
    {
      check: 'older-commit',
      about,
      // A warning must not delay the deployment.
      by: ifOlder === 'refuse' ? 'before-write' : 'late',
      service: service.name,
      image: String(own['image']),
      platform: platformOf(running.definition, service).platform,
      commit,
      ifOlder,
      directory,
    },
  ];
}

/** The look-ups for a revision that exists: its images must still exist, too. */
function imageLookups(about: string, { next }: ObservedService): Lookup[] {
  if (next.kind === 'render' || !['move', 'stop'].includes(next.way)) return [];
  return [{ check: 'image-exists', about, by: 'before-write', revision: next.revision }];
}

function planImage(
  check: Check,
  image: ObservedImage,
  config: PlanSettings,
  tasks: readonly TaskPlatform[],
): Part<ImagePlan> {
  if (image.kind === 'given') return planGiven(check, image, tasks);
  const chosen = attemptNow(() => choosePlatform(config.platform, tasks));
  const platform = valueOf(chosen)?.platform;
  const choice =
    'error' in chosen
      ? failures('image-platform', 'image', chosen.error)
      : checkTasks(check, {
          what: 'The image would be built',
          platforms: platformsIn(chosen.value.platform),
          tasks: tasks.length === 0 ? eachPlatform(chosen.value) : tasks,
          hint: buildHint,
        });
  const gaps = valueOf(image.destination)?.gaps;
  const building =
    image.kind === 'built' && image.build !== undefined
      ? checkBuild(check, image.build, platform, gaps && checkGaps(gaps, config))
      : [];
  if ('error' in image.destination) {
    const missing = failures('repository', 'image', image.destination.error);
    return { plan: undefined, findings: [...choice, ...missing, ...building] };
  }
  const destination = image.destination.value;
  const { reference } = destination;
  const { stored } = destination.present;
  const extras = checkExtras(destination);
  if (image.kind === 'local') {
    if ('error' in image.local) {
      const missing = failures('docker', 'build', image.local.error);
      return { plan: undefined, findings: [...extras, ...missing] };
    }
    const local = image.local.value;
    if (typeof stored === 'object' && [stored.config, stored.digest].includes(local.id)) {
      return { plan: useOf(reference, stored, platform ?? null), findings: extras };
    }
    return {
      plan:
        platform === undefined
          ? undefined
          : { kind: 'push', reference, platform: platformsIn(platform)[0] },
      findings: [...('error' in chosen ? choice : []), ...extras, ...checkImmutable(destination)],
    };
  }
  if (typeof stored === 'object' && !isRebuild(config)) {
    return {
      plan: useOf(reference, stored, platform ?? null),
      findings: [
        ...checkInputs(destination, stored),
        ...building.filter(({ check: name }) => name === 'docker'),
        ...('error' in chosen
          ? choice
          : checkTasks(check, {
              what: `${reference} is already in ECR, built`,
              platforms: stored.platforms,
              tasks: eachPlatform(chosen.value),
              hint: (wanted) => `build it under another tag: --platform ${wanted} --tag TAG`,
            })),
        note('repository', `${reference} exists and is not built again`),
        ...extras,
        ...checkPresent(check, destination.present, destination.repository?.name, reference),
      ],
    };
  }
  return {
    plan: platform === undefined ? undefined : { kind: 'build', reference, platform },
    findings: [
      ...choice,
      ...checkBuildable(platform),
      note('repository', `${reference} will be built`),
      ...(typeof stored === 'object' && isSame(destination, stored)
        ? []
        : checkImmutable(destination)),
      ...checkCache(config, destination),
      ...extras,
      ...building,
    ],
  };
}

/** Whether an image was built from the inputs that a build would have now. */
const isSame = ({ labels }: Destination, stored: StoredImage): boolean =>
  stored.labels?.[INPUTS_LABEL] === labels[INPUTS_LABEL];

/** Whether the image that has the tag is the one that would be built. */
function checkInputs(destination: Destination, stored: StoredImage): PlanFinding[] {
  const { reference, repository, tag } = destination;
  if (isSame(destination, stored)) return [];
  const isFixed = repository !== undefined && isImmutable(repository, tag);
  const again = isFixed ? '' : 'to build it again: --rebuild; ';
  const name = { check: 'image-tag', about: 'image' } as const;
  if (stored.labels?.[INPUTS_LABEL] === undefined) {
    const reason =
      stored.labels === undefined
        ? 'the labels of the image cannot be read'
        : `the image has no label ${INPUTS_LABEL}, so another tool built it`;
    const message = `${reference} is used without a comparison of its build inputs: ${reason}.`;
    return [{ ...name, status: 'warn', message, hint: `${again}to choose another tag: --tag TAG` }];
  }
  return [
    {
      ...name,
      status: 'fail',
      code: 'tag-taken',
      message: `${reference} exists, but was built from other inputs: another commit, other files or other build settings.`,
      hint: `${again}to choose another tag: --tag TAG; to deploy it as it is: ecsdeploy deploy --image ${reference}`,
    },
  ];
}

const note = (check: CheckName, message: string): PlanFinding => ({
  check,
  about: 'image',
  ...ok(message),
});

const useOf = (reference: string, { digest }: StoredImage, platform: string | null): ImagePlan => ({
  kind: 'use',
  reference,
  digest,
  platform,
});

function planGiven(
  check: Check,
  { reference, read }: GivenImage,
  tasks: readonly TaskPlatform[],
): Part<ImagePlan> {
  if ('error' in read) {
    return { plan: undefined, findings: failures('image-exists', 'image', read.error) };
  }
  const { stored } = read.value;
  const unknown: ImagePlan = { kind: 'use', reference, digest: null, platform: null };
  if (stored === undefined) {
    const isShort = parseImageReference(reference).registry === undefined;
    const answer = (): Answer =>
      isShort
        ? {
            status: 'warn',
            message: `${reference} names no registry: ECS pulls it from Docker Hub, where it cannot be checked.`,
            hint: 'for an image in ECR, use its full name: REGISTRY/REPOSITORY:TAG',
          }
        : skip(`${reference} could not be checked: ECR does not hold it`);
    return { plan: unknown, findings: [check('image-exists', 'image', answer)] };
  }
  if (stored === 'missing-repository') {
    const answer = (): Answer => ({
      status: 'warn',
      message: `ECR has no repository for ${reference}: the image could not be checked.`,
      hint: 'a pull-through cache or a creation template creates it at the first pull; otherwise check the name',
    });
    return { plan: unknown, findings: [check('image-exists', 'image', answer)] };
  }
  if (stored === 'missing') {
    const answer = (): Answer => ({
      status: 'fail',
      code: 'image-missing',
      message: `ECR has no image ${reference}.`,
      hint: 'push it first (ecsdeploy push), or name an existing one',
    });
    return { plan: unknown, findings: [check('image-exists', 'image', answer)] };
  }
  const found = stored.platforms?.join(', ') ?? 'an unknown platform';
  return {
    plan: useOf(reference, stored, stored.platforms?.[0] ?? null),
    findings: [
      check('image-exists', 'image', () => ok(`${reference} exists, for ${found}`)),
      ...checkTasks(check, {
        what: `${reference} is built`,
        platforms: stored.platforms,
        tasks,
        hint: buildHint,
      }),
      ...checkPresent(check, read.value, undefined, reference),
    ],
  };
}

/** The platform to build for: the named one, else the one that all tasks run on. */
function choosePlatform(named: string | undefined, tasks: readonly TaskPlatform[]): TaskPlatform {
  const certain = tasks.filter(({ isAssumed }) => !isAssumed);
  const platforms = [...new Set(certain.map(({ platform }) => platform))];
  if (named === undefined && platforms.length > 1) {
    throw new EcsDeployError({
      code: 'image-platform',
      message: `The services run on ${platforms.join(' and ')}: one image cannot be built for both.`,
      hint: `build it for both: --platform ${platforms.join(',')}; or deploy the services of one platform at a time with --service NAME`,
    });
  }
  return {
    platform: named ?? likelyPlatform(tasks) ?? DEFAULT_PLATFORM,
    isAssumed: named === undefined && tasks.length > 0 && certain.length === 0,
  };
}

const eachPlatform = ({ platform, ...task }: TaskPlatform): TaskPlatform[] =>
  platformsIn(platform).map((one) => ({ ...task, platform: one }));

const buildHint = (wanted: string): string =>
  wanted.startsWith('windows/')
    ? 'use an image for Windows, or set runtimePlatform in the task definition'
    : `build it with --platform ${wanted}, or set runtimePlatform in the task definition`;

/** Windows images are built by daemons on Windows, without BuildKit. */
function checkBuildable(platform: string | undefined): PlanFinding[] {
  if (platform?.startsWith('windows/') !== true) return [];
  const error = new EcsDeployError({
    code: 'image-platform',
    message: `The tasks run on ${platform}, but ecsdeploy builds images for Linux only.`,
    hint: 'build and push the image on Windows, and deploy it with --image REFERENCE; if the tasks run on Linux: --platform linux/amd64',
  });
  return failures('image-platform', 'image', error);
}

function checkTasks(
  check: Check,
  image: {
    readonly what: string;
    readonly platforms: readonly string[] | undefined;
    readonly tasks: readonly TaskPlatform[];
    readonly hint: (wanted: string) => string;
  },
): PlanFinding[] {
  const { what, platforms, tasks, hint } = image;
  const byPlatform = new Map(tasks.map((task) => [JSON.stringify(task), task]));
  return [...byPlatform.values()].map(({ platform: wanted, isAssumed, canSwitch }) =>
    check('image-platform', 'image', () =>
      checkPlatform({ what, platforms, wanted, isAssumed, canSwitch, hint: hint(wanted) }),
    ),
  );
}

/** Severities of an ECR scan that cause a warning. */
const GRAVE = ['CRITICAL', 'HIGH'];

/** Whether tasks can pull an image in ECR, and the findings of its scan. */
function checkPresent(
  check: Check,
  { stored, detail }: ReadImage,
  repository: string | undefined,
  reference: string,
): PlanFinding[] {
  if (typeof stored !== 'object') return [];
  const name = repository ?? nameOf(reference);
  const id = `--repository-name ${name} --image-id imageDigest=${stored.digest}`;
  const archived = (): Answer => ({
    status: 'fail',
    code: 'image-archived',
    message: `${reference} is archived in ECR: tasks cannot pull it.`,
    hint: `restore it: aws ecr update-image-storage-class ${id} --target-storage-class STANDARD`,
  });
  const scan = (): Answer => {
    if (detail?.findings === undefined) return skip('it was not scanned');
    const { findings } = detail;
    const grave = GRAVE.filter((severity) => (findings[severity] ?? 0) > 0);
    if (grave.length === 0) return ok('no critical or high findings');
    const counts = grave.map((severity) => `${findings[severity]} ${severity}`).join(' and ');
    return {
      status: 'warn',
      message: `The scan of ${reference} found ${counts}.`,
      hint: `see the findings: aws ecr describe-image-scan-findings ${id}`,
    };
  };
  return [
    ...(detail?.archived === true ? [check('image-exists', 'image', archived)] : []),
    check('image-scan', 'image', scan),
  ];
}

function nameOf(reference: string): string {
  return reference.slice(reference.indexOf('/') + 1).replace(/[:@].*$/, '');
}

/** The finding for a tag that exists and is immutable. */
function checkImmutable({ repository, tag, reference, present }: Destination): PlanFinding[] {
  const { stored } = present;
  if (repository === undefined || typeof stored !== 'object') return [];
  if (!isImmutable(repository, tag)) return [];
  return [immutable(reference, stored, 'choose another tag with --tag')];
}

/** A build cache that could not be replaced is not written at all. */
function checkCache({ cache = false }: PlanSettings, { repository }: Destination): PlanFinding[] {
  if (!cache || repository === undefined || !isImmutable(repository, CACHE_TAG)) return [];
  return [
    {
      check: 'image-tag',
      about: 'image',
      status: 'warn',
      message: `The build cache ${repository.uri}:${CACHE_TAG} is not written: the tags of its repository are immutable, so it could not be replaced.`,
      hint: `exclude its tag: ${excludeTag(repository, CACHE_TAG)}`,
    },
  ];
}

const excludeTag = ({ name }: Repository, tag: string): string =>
  `aws ecr put-image-tag-mutability --repository-name ${name} --image-tag-mutability IMMUTABLE_WITH_EXCLUSION --image-tag-mutability-exclusion-filters filterType=WILDCARD,filter=${tag}`;

function checkExtras({ repository, extras, present }: Destination): PlanFinding[] {
  if (repository === undefined) return [];
  if (repository.isCreatedOnPush === true) {
    return [
      {
        check: 'repository',
        about: 'image',
        status: 'warn',
        message: `ECR has no repository "${repository.name}": a creation template creates it at the push.`,
        hint: 'otherwise check the name',
      },
    ];
  }
  const own = typeof present.stored === 'object' ? present.stored.digest : undefined;
  return extras.flatMap(({ tag, stored }) => {
    if (stored === undefined || stored.digest === own || !isImmutable(repository, tag)) return [];
    const hint = `leave out --extra-tag ${tag}, or exclude it from the immutable tags: ${excludeTag(repository, tag)}`;
    return [immutable(`${repository.uri}:${tag}`, stored, hint)];
  });
}

function immutable(reference: string, { digest }: StoredImage, hint: string): PlanFinding {
  return {
    check: 'image-tag',
    about: 'image',
    status: 'fail',
    code: 'tag-immutable',
    message: `${reference} already names another image (${digest}), and the tags of its repository are immutable.`,
    hint,
  };
}

/** Whether this machine can build the image. */
function checkBuild(
  check: Check,
  place: BuildPlace,
  platform: string | undefined,
  gaps: readonly Answer[] = [],
): PlanFinding[] {
  const { machine, files } = place;
  const about = 'build';
  return [
    ...('error' in machine
      ? failures('docker', about, machine.error)
      : [{ check: 'docker', about, ...ok(describeMachine(machine.value)) } as const]),
    ...('error' in files
      ? failures('files', about, files.error)
      : [{ check: 'files', about, ...ok(place.dockerfile) } as const]),
    ...('value' in machine && platform !== undefined
      ? platformsIn(platform).map((one) =>
          check('emulation', about, () => checkEmulation(place, machine.value, one)),
        )
      : []),
    ...gaps.map((answer) => check('build-context', about, () => answer)),
    ...('value' in files ? [check('build-context', about, () => checkIgnoreFile(place))] : []),
  ];
}

/** What a complete checkout would have in the build context. */
function checkGaps({ submodules, pointers }: ContextGaps, { fromCommit }: PlanSettings): Answer[] {
  const isOwn = fromCommit === undefined;
  const answers: Answer[] = [];
  if (submodules.length > 0) {
    answers.push({
      status: 'fail',
      message: `The build context has submodules that are not checked out, as empty folders: ${submodules.join(', ')}.`,
      hint: `${isOwn ? 'check them out: git submodule update --init --recursive' : '--from-commit leaves out submodules: build from a clone with them'}; or add them to .dockerignore`,
    });
  }
  if (pointers.length > 0) {
    const [first, ...others] = pointers;
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    answers.push({
      status: 'warn',
      message: `The build context has pointers of Git LFS in place of files: ${first}${more}.`,
      hint: isOwn
        ? 'download the files: git lfs pull'
        : 'a checkout has the files where Git LFS is installed: git lfs install',
    });
  }
  return answers;
}

function describeMachine(machine: Daemon | BuildKit): string {
  if ('connect' in machine) return machine.name;
  const { address, version, standIn } = machine;
  const { host, source } = address;
  return standIn ? `the sandbox's stand-in at ${host}` : `${version} at ${host} (${source})`;
}

/** Whether steps can run for the platform; only the build shows whether they have to. */
function checkEmulation(
  { hasRun, runnable }: BuildPlace,
  machine: Daemon | BuildKit,
  platform: string,
): Answer {
  if (!hasRun) return skip('no step runs a program');
  if (runnable === undefined) return skip('the daemon does not report its platforms');
  const isBuilder = 'connect' in machine;
  const native = isBuilder ? machine.platforms[0] : `linux/${machine.architecture}`;
  if (platform === native) return ok(platform);
  const who = isBuilder
    ? `${machine.name[0]?.toUpperCase()}${machine.name.slice(1)}`
    : 'This Docker daemon';
  const cross = 'use FROM --platform=$BUILDPLATFORM in that stage and cross-compile';
  const elsewhere = 'build on a machine with that CPU (--docker-host ssh://HOST)';
  if (runnable.includes(platform)) {
    return {
      status: 'warn',
      message: `${who} emulates ${platform}: RUN steps take several times as long.`,
      hint: `for faster builds, ${cross}, or ${elsewhere}`,
    };
  }
  return {
    status: 'warn',
    message: `${who} runs programs for ${runnable.join(' and ')} only: a RUN step for ${platform} will fail with "exec format error".`,
    hint: `set up emulation (docker run --privileged --rm tonistiigi/binfmt --install ${platform.replace('linux/', '')}), ${elsewhere}, or ${cross}`,
  };
}

/** Whether a .dockerignore keeps history and dependencies out of the build context. */
function checkIgnoreFile({ ignoreFile, hasIgnoreFile, heavy }: BuildPlace): Answer {
  if (hasIgnoreFile) return ok('there is a .dockerignore');
  if (heavy.length === 0) return ok('no .dockerignore is needed');
  return {
    status: 'warn',
    message: `There is no .dockerignore: COPY . includes ${heavy.join(' and ')} in the image.`,
    hint: `list ${heavy.length === 1 ? 'it' : 'them'} in ${ignoreFile}`,
  };
}
