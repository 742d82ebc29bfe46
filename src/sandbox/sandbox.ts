import { randomBytes } from 'node:crypto';
import { startClock } from './clock.ts';
import { createCodeDeploy } from './code-deploy/index.ts';
import { createEcr } from './ecr.ts';
import { createEcs } from './ecs/index.ts';
import { createEventBridge } from './event-bridge.ts';
import type { Fault } from './ecs/faults.ts';
import { makeTargetGroup } from './ecs/target-group.ts';
import { createElb } from './elb.ts';
import { createLogs } from './logs.ts';
import { createImagePuller, createRegistryClient } from './registry-client.ts';
import { buildOwnWorld, targetGroupArn, targetTypeOf } from './own-world.ts';
import type { OwnWorld } from './own-world.ts';
import { createRegistry } from './registry.ts';
import { combine } from './scenarios.ts';
import type { Scene } from './scenarios.ts';
import { createSchedules } from './schedules.ts';
import { createSecrets } from './secrets.ts';
import { createStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { serve } from './server.ts';
import type { Gap } from './server.ts';
import { createSts } from './sts.ts';
import type { ApiCall, AwsFault, HttpHandler, Operations } from './wire.ts';
import {
  ACCOUNT,
  buildWorld,
  CLUSTER_NAME,
  GREEN_TARGET_GROUP,
  LISTENER,
  LOAD_BALANCER,
  PRODUCTION_RULE,
  REGION,
  REPOSITORY_NAME,
  SERVICE_NAME,
  TARGET_GROUP,
  TEST_HOST,
  TEST_LISTENER,
  TEST_LISTENER_RULE,
  TEST_RULE,
} from './world.ts';

export interface SandboxOptions {
  /** Simulated seconds per second of the wall clock. */
  readonly speed: number;
  /** The scenarios to play, combined. */
  readonly scenarios?: readonly Scene[];
  /** Port to listen on; a free one if undefined. */
  readonly port?: number | undefined;
  /** The registry (OCI distribution) behind ECR; the built-in one if undefined. */
  readonly registry?: { readonly host: string; readonly password: string } | undefined;
  /** What there is at the start in place of the start world; `{}` for nothing. */
  readonly world?: OwnWorld | undefined;
  /** Takes what a call asks for and the sandbox does not model. */
  readonly onGap?: ((gap: Gap) => void) | undefined;
}

/** Number of API calls that are remembered. */
const CALLS_KEPT = 20_000;

/** A running sandbox. */
export interface Sandbox {
  /** `http://127.0.0.1:PORT`: all AWS APIs and the built-in registry. */
  readonly url: string;
  /** `host:port` of the registry behind ECR. */
  readonly registryHost: string;
  /** Password of the user `AWS` in that registry. */
  readonly registryPassword: string;
  /** What there is at the start. */
  readonly contents: {
    readonly region: string;
    readonly clusters: readonly string[];
    readonly services: readonly string[];
    readonly repositories: readonly string[];
  };
  /** Environment variables that point the AWS CLI, an SDK or ecsdeploy to the sandbox. */
  readonly environment: Readonly<Record<string, string>>;
  /** The API calls so far, the newest last. */
  readonly calls: readonly ApiCall[];
  /** Fails the next calls of an action (`ecs:ListTasks`); all of them without `times`. */
  readonly fail: (action: string, fault: AwsFault, times?: number) => void;
  /** Carries out all further calls of an action, but closes their connections instead of responding. */
  readonly loseAnswers: (action: string) => void;
  /** Leaves all further calls of an action without a response. */
  readonly hold: (action: string) => void;
  /** Adds a fault to those of the scenarios. */
  readonly arm: (fault: Fault) => void;
  readonly close: () => Promise<void>;
}

/** Starts the local AWS with the start world. The state is kept in memory only. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const clock = startClock(options.speed);
  const services: Record<string, Operations> = {};
  const handlers: HttpHandler[] = [];
  const calls: ApiCall[] = [];
  const failures = new Map<string, { readonly fault: AwsFault; left: number }>();
  const held = new Set<string>();
  const scene = combine(options.scenarios ?? []);
  const lost = new Set(scene.lostAnswers);
  const hasTestListener = scene.codeDeploy?.hasTestTraffic === true;
  const { world } = options;
  const { account = ACCOUNT, region = REGION } = world ?? {};
  let stage: Stage | undefined;
  const gate = async (action: string): Promise<void> => {
    stage?.gate(action);
    if (held.has(action)) await new Promise(() => undefined);
    const failure = failures.get(action);
    if (failure === undefined || failure.left === 0) return;
    failure.left -= 1;
    throw failure.fault;
  };
  const { server, port } = await serve({
    services,
    handlers,
    gate,
    now: clock.now,
    losesAnswer: (action) => lost.has(action),
    onCall: (call) => {
      calls.push(call);
      if (calls.length > CALLS_KEPT) calls.splice(0, CALLS_KEPT / 2);
    },
    onGap: (gap) => options.onGap?.(gap),
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  const url = `http://127.0.0.1:${port}`;
  const registryHost = options.registry?.host ?? `127.0.0.1:${port}`;
  const registryPassword = options.registry?.password ?? randomBytes(24).toString('hex');
  const access = { host: registryHost, username: 'AWS', password: registryPassword };
  const registry = createRegistryClient(access);
  const ecr = createEcr({
    account,
    region,
    clock,
    registry,
    registryHost,
    password: registryPassword,
    findings: scene.scanFindings,
    endpoint: url,
  });
  const embedded = createRegistry({
    account,
    password: registryPassword,
    repositoryExists: ecr.repositoryExists,
    canOverwrite: ecr.canOverwrite,
    canMount: ecr.canMount,
    onPush: ecr.notePush,
    gate,
  });
  const logs = createLogs(clock, { account, region });
  const targetGroups = new Map(
    (world === undefined
      ? [TARGET_GROUP, GREEN_TARGET_GROUP].map((arn) => makeTargetGroup(arn, scene.targetGroup))
      : (world.targetGroups ?? []).map((name) =>
          makeTargetGroup(targetGroupArn(account, region, name), {
            targetType: targetTypeOf(world, name),
          }),
        )
    ).map((group) => [group.arn, group]),
  );
  const ecs = createEcs({
    account,
    region,
    clock,
    pullImage: createImagePuller(access),
    logs,
    faults: scene.faults ?? [],
    targetGroups,
    weightLag: scene.weightLag,
    quickStages: scene.quickStages,
    completesEarly: scene.completesEarly,
  });
  handlers.push(embedded.handle, ecr.handle);
  const {
    service = {},
    definition = {},
    container = {},
    hasFailed = false,
    oldRevisions = 0,
    express,
  } = scene;
  const codeDeploy = createCodeDeploy(ecs, {
    ...scene.codeDeploy,
    liveTargetGroup: scene.productionGroup,
  });
  const secrets = createSecrets(account);
  const events = createEventBridge({ account, busyTargets: scene.busyTargets });
  const schedules = createSchedules({ account, clock });
  const parts = { account, region, ecs, ecr, logs, secrets, registry, registryHost };
  if (world === undefined) {
    await buildWorld({
      ...parts,
      events,
      schedules,
      service,
      definition,
      container,
      hasFailed,
      express,
      oldRevisions,
    });
  } else await buildOwnWorld(parts, world);
  if (scene.codeDeploy !== undefined) {
    codeDeploy.createGroup({
      ...scene.codeDeploy,
      cluster: CLUSTER_NAME,
      service: SERVICE_NAME,
      listener: LISTENER,
      testListener: hasTestListener ? TEST_LISTENER : undefined,
      targetGroups: [TARGET_GROUP, GREEN_TARGET_GROUP],
    });
  }
  stage = createStage(scene, {
    clock,
    ecs,
    ecr: ecr.operations,
    codeDeploy: codeDeploy.operations,
  });
  Object.assign(services, {
    ecs: stage.operations,
    codedeploy: stage.codeDeploy,
    ecr: ecr.operations,
    logs: logs.operations,
    secretsmanager: secrets.secretsmanager,
    ssm: secrets.ssm,
    elasticloadbalancing: createElb({
      ecs,
      region,
      loadBalancer: LOAD_BALANCER,
      targetGroups,
      ...(world === undefined ? listenersOf(scene) : NO_LISTENERS),
    }),
    events: events.operations,
    scheduler: schedules,
    sts: createSts(account),
  });
  await stage.open();
  return {
    url,
    registryHost,
    registryPassword,
    contents: {
      region,
      clusters: world === undefined ? [CLUSTER_NAME] : (world.clusters ?? []),
      services:
        world === undefined ? [SERVICE_NAME] : (world.services ?? []).map((item) => item.service),
      repositories:
        world === undefined
          ? [REPOSITORY_NAME]
          : (world.repositories ?? []).map(({ repository }) => repository),
    },
    environment: {
      AWS_ENDPOINT_URL: url,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: 'AKIASANDBOX',
      AWS_SECRET_ACCESS_KEY: 'sandbox',
    },
    calls,
    fail: (action, fault, times = Infinity) => void failures.set(action, { fault, left: times }),
    loseAnswers: (action) => void lost.add(action),
    hold: (action) => void held.add(action),
    arm: ecs.arm,
    close: () => {
      clock.stop();
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

const NO_LISTENERS = { listeners: [], rules: [] };

/** The listeners of the start world and their rules. */
function listenersOf({ codeDeploy, productionGroup }: Scene) {
  const hasTestListener = codeDeploy?.hasTestTraffic === true;
  return {
    listeners: [
      { arn: LISTENER, port: 80 },
      ...(hasTestListener ? [{ arn: TEST_LISTENER, port: 8080 }] : []),
    ],
    rules: [
      { arn: PRODUCTION_RULE, hosts: [], targetGroup: productionGroup },
      { arn: TEST_RULE, hosts: [TEST_HOST] },
      ...(hasTestListener ? [{ arn: TEST_LISTENER_RULE, hosts: [] }] : []),
    ],
  };
}
