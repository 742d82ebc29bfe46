import type { HookAnswer } from '../aws/rollouts.ts';
import { checkInProgress, deploymentInProgress } from '../core/busy.ts';
import type { IfBusy } from '../core/busy.ts';
import { diffDefinitions } from '../core/changes.ts';
import type { Change } from '../core/changes.ts';
import {
  checkCapacity,
  checkContainerPorts,
  checkDefinition,
  checkExecutionRole,
  checkLatest,
  checkLaunchType,
  checkNetworkMode,
  checkPortNames,
  checkPorts,
  checkTaskSize,
  checkVolumes,
  logGroupsOf,
  ok,
  secretsOf,
  skip,
} from '../core/checks.ts';
import type { Answer } from '../core/checks.ts';
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
import { ecrRegistry, parseImageReference, platformOf } from '../core/image.ts';
import { targetGroupsOf } from '../core/load-balancer.ts';
import { sameDefinition } from '../core/normal-form.ts';
import { chosen, planSchedule } from '../core/scheduled.ts';
import type { ScheduleResult } from '../core/scheduled.ts';
import { placeNote } from '../core/service-name.ts';
import { chooseContainers, containersOf, placeOfArn, shortName } from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Config, Target } from '../settings/config.ts';
import { failures } from './findings.ts';
import type { Check, Part, PlanFinding } from './findings.ts';
import type { ObservedImage } from './image.ts';
import { skipUnused } from './lookups.ts';
import type { Lookup } from './lookups.ts';
import type { Observed, ObservedService, Way } from './observe.ts';
import { commitOf } from './older.ts';
import { attemptNow, valueOf } from './read.ts';
import { renderDefinition } from './render.ts';

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

/** How the task definition of a service names images. */
export interface ImageNames {
  /** Its own; undefined for a command without an image. */
  readonly image: string | undefined;
  readonly nameOf: (reference: string) => string;
}

/** What the findings about a service are grouped under. */
export function aboutOf({ service, cluster, place }: Target): string {
  return `service ${service} in ${shortName(cluster)}${placeNote(place)}`;
}

/** The settings that the plan of a service depends on. */
export type ServicePlanSettings = Pick<Config, 'skipCheck' | 'timeout'> &
  Partial<
    Pick<
      Config,
      'showValues' | 'ifBusy' | 'force' | 'ifOlder' | 'directory' | 'pin' | 'until' | 'noWait'
    >
  >;

/** What the plan of a service needs beside what was read of it. */
interface ServiceInput {
  /** Whether it is checked for problems that would make the deployment fail. */
  readonly checked: boolean;
  /** A time of the server's clock. */
  readonly now: Date;
  /** The image that its container gets; undefined for a command without one. */
  readonly image: ObservedImage | undefined;
}

/** Plans what happens to a service; pure. */
export function planService(
  check: Check,
  config: ServicePlanSettings,
  { target, read, readAt, schedules }: Observed,
  names: ImageNames,
  { checked, now, image }: ServiceInput,
): Part<ServicePlan> & { readonly lookups: readonly Lookup[] } {
  const { skipCheck, showValues = false, ifBusy = 'supersede' } = config;
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
        ...olderLookups(config, about, read.value, draft.containers, image),
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
  { force = false }: ServicePlanSettings,
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
  { ifOlder = 'deploy', directory }: ServicePlanSettings,
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

/** The definition that the next one starts from. */
export const sourceOf = ({ next }: ObservedService): JsonObject =>
  next.kind === 'render' ? next.source : next.revision.definition;
