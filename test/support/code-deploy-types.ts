import type {
  BlueGreenOptions,
  CodeDeployment,
  CodeDeployRead,
  CodeDeployUse,
  DeploymentGroup,
  LifecycleEvent,
} from '../../src/core/code-deploy.ts';
import type { Deployment, Service } from '../../src/core/ecs.ts';
import { LIFECYCLE_EVENTS } from '../../src/sandbox/code-deploy/course.ts';
import { deployment as taskSetOf, service as serviceOf, timeOf } from './ecs-types.ts';

export const options = (more: Partial<BlueGreenOptions> = {}): BlueGreenOptions => ({
  readyMinutes: undefined,
  terminationMinutes: 60,
  rollbackEvents: [],
  alarms: [],
  ...more,
});

/** Deployment `d-NUMBER` of `app:NUMBER`, in progress. */
export const codeDeployment = (
  number: number,
  more: Partial<CodeDeployment> = {},
): CodeDeployment => ({
  id: `d-${number}`,
  application: 'AppECS-backend-api',
  group: 'DgpECS-backend-api',
  status: 'InProgress',
  createdAt: timeOf(number),
  completedAt: undefined,
  config: 'CodeDeployDefault.ECSAllAtOnce',
  options: options(),
  description: '',
  error: undefined,
  rollback: undefined,
  rollbackOf: undefined,
  appSpec: { kind: 'stored', type: 'AppSpecContent', sha256: 'f', content: undefined },
  ...more,
});

/** The lifecycle events up to one, which has the status; those behind it are pending. */
export const eventsTo = (
  last: (typeof LIFECYCLE_EVENTS)[number],
  status = 'InProgress',
): readonly LifecycleEvent[] =>
  LIFECYCLE_EVENTS.map((name, index) => {
    const at = LIFECYCLE_EVENTS.indexOf(last);
    return {
      name,
      status: index < at ? 'Succeeded' : index === at ? status : 'Pending',
      startedAt: index <= at ? timeOf(2) : undefined,
      endedAt: index < at || (index === at && status !== 'InProgress') ? timeOf(2) : undefined,
      message: '',
    };
  });

/** Task sets 1 (blue) and 2 (green), the green one with this percentage of the traffic. */
export const sharesOf = (green: number): CodeDeployRead['taskSets'] => [
  { id: 'ecs-svc/1', label: 'Blue', weight: 100 - green },
  { id: 'ecs-svc/2', label: 'Green', weight: green },
];

/** What a read tells of deployment 2. */
export const readOf = (
  deployment: Partial<CodeDeployment>,
  more: Partial<CodeDeployRead> = {},
): CodeDeployRead => ({
  deployment: codeDeployment(2, deployment),
  events: [],
  taskSets: [],
  rolledBackBy: undefined,
  newer: undefined,
  ...more,
});

/** The task set of a deployment, `d-NUMBER`. */
const codeDeployTaskSet = (number: number, more: Partial<Deployment> = {}): Deployment =>
  taskSetOf(number, {
    id: `d-${number}`,
    taskSet: `ecs-svc/${number}`,
    rolloutState: more.status === 'PRIMARY' ? 'COMPLETED' : undefined,
    running: 2,
    ...more,
  });

export const aGroup = (more: Partial<DeploymentGroup> = {}): DeploymentGroup => ({
  application: 'AppECS-backend-api',
  name: 'DgpECS-backend-api',
  config: 'CodeDeployDefault.ECSAllAtOnce',
  options: options(),
  services: [{ cluster: 'backend', service: 'api' }],
  targetGroups: ['blue', 'green'],
  productionListener: 'arn:listener',
  testListener: undefined,
  lastSuccessful: 'd-1',
  ...more,
});

export const aUse = (more: Partial<CodeDeployUse> = {}): CodeDeployUse => ({
  group: aGroup(),
  shift: { waits: 0, minutes: 0 },
  appSpec: { kind: 'none' },
  active: undefined,
  hooks: {},
  ...more,
});

/** A service with the task sets of these deployments, the first of them PRIMARY. */
export const codeDeployService = (
  numbers: readonly number[],
  more: Partial<Service> = {},
): Service =>
  serviceOf(
    numbers.map((number, index) =>
      codeDeployTaskSet(number, { status: index === 0 ? 'PRIMARY' : 'ACTIVE' }),
    ),
    { controller: 'CODE_DEPLOY', codeDeploy: aUse(), ...more },
  );
