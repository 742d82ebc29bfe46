import { at } from '../aws/ecs.ts';
import { optional } from '../aws/optional.ts';
import { currentRecord } from '../aws/rollouts.ts';
import { readGroupHealth, readInstances } from '../aws/target-health.ts';
import { allTasksOf } from '../aws/tasks.ts';
import type {
  Deployment,
  ExpressConfiguration,
  RolloutRecord,
  Service,
  Task,
} from '../core/ecs.ts';
import { shownImage } from '../core/image.ts';
import { deploymentInProgress } from '../core/busy.ts';
import { namesOf } from '../core/code-deploy.ts';
import { nameOf, placeIn } from '../core/service-name.ts';
import { serviceResult } from '../core/result.ts';
import type { Output } from '../core/result.ts';
import { openHooks, pauseOf } from '../core/stages.ts';
import { runningByRevision, servingRevision, targetGroupStatus } from '../core/status.ts';
import type { DeploymentStatus, ExpressStatus, ServiceStatus, TaskStatus } from '../core/status.ts';
import { chosen, planSchedule } from '../core/scheduled.ts';
import type { ScheduleResult } from '../core/scheduled.ts';
import { familyOf, shortName } from '../core/task-definition.ts';
import { allOrRefuse } from '../errors.ts';
import { readExpress, readShown } from '../plan/observe.ts';
import { readSchedules } from '../plan/schedules.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { readImages } from './images.ts';
import type { RevisionImage } from './images.ts';
import { poll, refuseJson } from './poll.ts';

/** How many stopped tasks and events are shown. */
const STOPPED_SHOWN = 5;
const EVENTS_SHOWN = 5;

/** Shows services as they are: what runs, deployments, tasks, events; `--watch` keeps showing them. */
export async function status(context: Context<'status'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  if (config.watch) refuseJson(config, '--watch');
  const tools = await connectTools(context);
  let images: Images = new Map();
  const read = async () => {
    const ends = await allOrRefuse(
      config.targets.map((target) => readStatus(tools, target, images)),
    );
    images = new Map(ends.flatMap((end) => [...end.images]));
    return ends.map((end) => end.status);
  };
  const found = await read();
  if (config.watch) {
    if (await context.show(outputOf(tools, found)))
      await poll(context, async () => context.show(outputOf(tools, await read())));
    const outcome = context.signal.aborted ? 'interrupted' : 'unchanged';
    return { outcome, image: null, services: [], seconds: {} };
  }
  return {
    outcome: 'unchanged',
    image: null,
    services: found.map((shown) => {
      const { service, cluster, region, profile, taskDefinition, desired, running, serving } =
        shown;
      const { express, codeDeploy, deployments, tasks, targetGroups, events, schedules } = shown;
      return serviceResult({
        service,
        cluster,
        ...placeIn({ region, profile }),
        outcome: 'unchanged',
        taskDefinition,
        deployment: deployments[0]?.id ?? null,
        desired,
        running,
        serving,
        runningByRevision: shown.runningByRevision,
        paused: shown.paused,
        failedTasks: deployments[0]?.failedTasks ?? 0,
        express,
        ...(codeDeploy && { codeDeploy }),
        deployments,
        tasks,
        targetGroups,
        events,
        ...(schedules && { schedules }),
      });
    }),
    seconds: {},
    output: outputOf(tools, found),
  };
}

/** The deployments that ECS lists, with the one of CodeDeploy that has no task set yet. */
function deploymentsOf(service: Service): readonly Deployment[] {
  const active = service.codeDeploy && deploymentInProgress(service);
  if (active === undefined) return service.deployments;
  const { deployments } = service;
  return deployments.some(({ id }) => id === active.id)
    ? deployments.map((item) => (item.id === active.id ? { ...active, status: item.status } : item))
    : [active, ...deployments];
}

/** Images by the ARNs of their revisions. */
type Images = ReadonlyMap<string, RevisionImage>;

/** The clock of AWS says how old things are; in the sandbox it runs ahead of the answers' dates. */
function outputOf({ aws }: Tools, services: readonly ServiceStatus[]): Output {
  const seen = services
    .flatMap(({ deployments, tasks, events }) => [
      ...[...deployments, ...events].map(({ createdAt }) => createdAt),
      ...tasks.map(({ since }) => since),
    ])
    .map((iso) => (iso === null ? 0 : Date.parse(iso)));
  const now = Date.now() + aws.clock.offset;
  return { kind: 'status', services, at: new Date(Math.max(now, ...seen)) };
}

async function readStatus(
  run: Tools,
  target: Target,
  known: Images,
): Promise<{ readonly status: ServiceStatus; readonly images: Images }> {
  const tools = at(run, target);
  const { ecs } = tools;
  const service = await readShown(tools, target);
  const [record, express, schedules, running = [], stopped = [], health] = await Promise.all([
    currentRecord(tools, service),
    readExpress(tools, service),
    target.schedules === false ? undefined : scheduledOf(tools, target, service),
    optional(tools, 'ecs:ListTasks', allTasksOf(ecs, service, 'RUNNING')),
    optional(tools, 'ecs:ListTasks', allTasksOf(ecs, service, 'STOPPED')),
    readGroupHealth(tools, service),
  ]);
  const tasks = [...running, ...stopped];
  const groups = (health ?? [])
    .filter(({ targets }) => targets.some(({ state }) => state !== 'healthy'))
    .map(({ group }) => group);
  const instances = await readInstances(tools, service, tasks, { groups });
  const revisions = service.deployments.map(({ taskDefinition }) => taskDefinition);
  const images = await readImages(tools, target, revisions, known);
  const newest = (tasks: readonly Task[]) =>
    tasks.toSorted((a, b) => b.since.getTime() - a.since.getTime());
  const shown: ServiceStatus = {
    ...nameOf(service),
    status: service.status,
    desired: service.desired,
    running: service.running,
    pending: service.pending,
    taskDefinition: service.taskDefinition,
    serving: servingRevision(service, record),
    runningByRevision: runningByRevision(service),
    express: service.isExpress ? expressStatus(express) : null,
    paused: pauseOf(record),
    codeDeploy: service.codeDeploy && namesOf(service.codeDeploy),
    deployments: deploymentsOf(service).map((deployment) =>
      deploymentStatus(
        deployment,
        record?.deployment === deployment.id ? record : undefined,
        images.get(deployment.taskDefinition),
        running,
      ),
    ),
    tasks: [...newest(running), ...newest(stopped).slice(0, STOPPED_SHOWN)].map(taskStatus),
    targetGroups:
      health?.map((group) => targetGroupStatus(group, tasks, service, instances)) ?? null,
    events: service.events
      .slice(0, EVENTS_SHOWN)
      .toReversed()
      .map(({ createdAt, message }) => ({ createdAt: createdAt?.toISOString() ?? null, message })),
    ...(schedules && { schedules }),
  };
  return { status: shown, images };
}

async function scheduledOf(
  tools: Tools,
  { schedules }: Target,
  { cluster, taskDefinition: current }: Service,
): Promise<readonly ScheduleResult[]> {
  const { tasks } = await readSchedules(tools, cluster, new Set([familyOf(current)]));
  return chosen(tasks, schedules).map((task) => planSchedule(task, task.taskDefinition));
}

function expressStatus(configuration: ExpressConfiguration | undefined): ExpressStatus {
  const { endpoint, taskDefinition = null } = configuration ?? {};
  const url = endpoint?.includes('://') === false ? `https://${endpoint}/` : endpoint;
  return { endpoint: url ?? null, taskDefinition };
}

function deploymentStatus(
  deployment: Deployment,
  record: RolloutRecord | undefined,
  revisionImage: RevisionImage | undefined,
  tasks: readonly Task[],
): DeploymentStatus {
  const { id, status, taskDefinition, rolloutState, desired, running, pending } = deployment;
  const { image, container } = revisionImage ?? {};
  const digests = tasks
    .filter((task) => task.startedBy === id)
    .flatMap(({ containers }) => containers.filter(({ name }) => name === container))
    .flatMap(({ imageDigest }) => imageDigest ?? []);
  return {
    id,
    status,
    taskDefinition: shortName(taskDefinition),
    rolloutState: rolloutState ?? null,
    desired,
    running,
    pending,
    failedTasks: deployment.failed,
    createdAt: deployment.createdAt.toISOString(),
    ...shownImage(image),
    digests: [...new Set(digests)],
    serviceDeployment:
      record === undefined
        ? null
        : {
            status: record.status,
            stage: record.stage ?? null,
            failures: record.breaker?.failures ?? null,
            threshold: record.breaker?.threshold ?? null,
            traffic: record.traffic ?? null,
            testTraffic: record.testTraffic ?? null,
            oldTestTraffic: record.oldTestTraffic ?? null,
            pausedBy: pauseOf(record)?.hook ?? null,
            hooks: openHooks(record),
            alarms: { armed: record.armedAlarms, fired: record.alarms },
          },
  };
}

function taskStatus({
  id,
  taskDefinition,
  lastStatus,
  health,
  since,
  stoppedReason,
}: Task): TaskStatus {
  return {
    id,
    taskDefinition: shortName(taskDefinition),
    lastStatus,
    health,
    since: since.toISOString(),
    stoppedReason: stoppedReason ?? null,
  };
}
