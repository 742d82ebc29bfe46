import { serviceFlags } from '../core/service-name.ts';
import type { ServiceName } from '../core/service-name.ts';
import { isAfter } from '../core/stages.ts';
import type { OpenHook, RolloutTime } from '../core/stages.ts';
import type { EventOf, RollbackHow } from '../events.ts';
import { formatCount, formatSeconds } from './format.ts';

/** The stage of a deployment and the traffic of its tasks. */
export function stageText({
  stage,
  traffic,
  testTraffic,
  oldTestTraffic,
}: {
  readonly stage: string;
  readonly traffic?: number | null | undefined;
  readonly testTraffic?: number | null | undefined;
  readonly oldTestTraffic?: number | null | undefined;
}): string {
  const parts = [
    stage,
    ...(typeof traffic === 'number' ? [`${traffic} % of the traffic`] : []),
    // Later, production traffic says more.
    ...(testTraffic && !traffic
      ? [
          `${testTraffic} % of the test traffic${oldTestTraffic ? ` (old tasks: ${oldTestTraffic} %)` : ''}`,
        ]
      : []),
  ];
  return parts.join(', ');
}

/** Parts of a deployment in stages, each with its last stage. */
const RUNGS = [
  ['scale up', 'POST_SCALE_UP'],
  ['test traffic', 'POST_TEST_TRAFFIC_SHIFT'],
  ['production traffic', 'POST_PRODUCTION_TRAFFIC_SHIFT'],
  ['bake time', 'BAKE_TIME'],
  ['clean up', 'CLEAN_UP'],
] as const;

/** Parts of a deployment of CodeDeploy, each with its stages. */
const CODE_DEPLOY_RUNGS = [
  ['install', ['Created', 'Queued', 'InProgress', 'BeforeInstall', 'Install', 'AfterInstall']],
  ['test traffic', ['AllowTestTraffic', 'AfterAllowTestTraffic']],
  ['production traffic', ['READY_WAIT', 'BeforeAllowTraffic', 'AllowTraffic', 'AfterAllowTraffic']],
  ['old tasks', ['TERMINATION_WAIT']],
] as const;

/** The parts of a deployment in stages, and the index of the one that it is in. */
export function ladderOf(stage: string): {
  readonly names: readonly string[];
  readonly at: number;
} {
  const of = CODE_DEPLOY_RUNGS.findIndex(([, stages]) =>
    (stages as readonly string[]).includes(stage),
  );
  if (of >= 0) return { names: CODE_DEPLOY_RUNGS.map(([name]) => name), at: of };
  const at = RUNGS.findIndex(([, last]) => !isAfter(stage, last));
  return { names: RUNGS.map(([name]) => name), at };
}

/** Until when a pause hook waits, and what ECS does then. */
export function expiryText({
  expiresAt,
  timeoutAction,
}: Pick<OpenHook, 'expiresAt' | 'timeoutAction'>): string {
  if (expiresAt === undefined) return '';
  const then =
    timeoutAction === 'STOP_DEPLOYMENT'
      ? 'CodeDeploy stops the deployment'
      : `ECS ${timeoutAction === 'CONTINUE' ? 'continues' : 'rolls back'}`;
  return ` until ${shortTime(expiresAt)}, then ${then}`;
}

/** An ISO time without fractions of a second. */
export const shortTime = (iso: string): string => iso.replace(/\.\d+Z$/, 'Z');

/** The commands that answer a pause hook; its id is needed where several wait. */
export function answerCommands(
  name: ServiceName,
  {
    hook = '',
    waiting = 1,
  }: { readonly hook?: string | undefined; readonly waiting?: number | undefined } = {},
): readonly string[] {
  const flags = `${serviceFlags(name)}${waiting > 1 ? ` --hook ${hook}` : ''}`;
  return [
    `continue: ecsdeploy continue ${flags}`,
    `roll back: ecsdeploy continue --rollback ${flags}`,
  ];
}

/** The name and the state of a hook. */
export function hookText({ function: name, hook, status }: OpenHook): string {
  return name === undefined
    ? `pause hook ${hook} waits for approval`
    : `Lambda hook ${name} ${HOOK_STATES[status] ?? status}`;
}

const HOOK_STATES: Readonly<Record<string, string>> = {
  IN_PROGRESS: 'is running',
  SUCCEEDED: 'has succeeded',
  FAILED: 'has failed',
  TIMED_OUT: 'has timed out',
};

/** The alarms of a deployment; empty without any. */
export function alarmsText({ armed, fired }: EventOf<'rollout-progress'>['alarms']): string {
  if (fired.length > 0) return `${formatCount(fired.length, 'alarm')} fired: ${fired.join(', ')}`;
  return armed.length === 0
    ? ''
    : `ECS watches ${formatCount(armed.length, 'alarm')}: ${armed.join(', ')}`;
}

/** How long a rollout takes at least, and where it pauses; empty where nothing makes it wait. */
export function waitsText(
  time: RolloutTime | undefined,
  pauses: readonly string[] = [],
): readonly string[] {
  const long = (minutes: number) => formatSeconds(minutes * 60);
  const parts =
    time === undefined
      ? []
      : [
          ...(time.waits === 0
            ? []
            : [
                `${formatCount(time.waits, 'wait')} of ${long(time.minutesEach)} between steps of traffic`,
              ]),
          ...(time.bakeMinutes === 0 ? [] : [`${long(time.bakeMinutes)} of bake time`]),
        ];
  const { minutes = 0, terminationMinutes = 0 } = time ?? {};
  return [
    ...(time === undefined || minutes === 0
      ? []
      : [`takes at least ${long(time.minutes)}: ${parts.join(', ')}`]),
    ...(terminationMinutes === 0
      ? []
      : [`then CodeDeploy keeps the old tasks for ${long(terminationMinutes)}`]),
    ...(pauses.length === 0 ? [] : [`pauses for approval at ${pauses.join(', ')}`]),
  ];
}

/** How a rollback gets back. */
export function rollbackText({ by, stage, phase }: RollbackHow): string {
  if (phase === 'cleaning-up') {
    return `with a new deployment: ECS is removing the old tasks (${stage})`;
  }
  if (by === 'deployment') return 'with a new deployment';
  const how =
    by === 'hook' ? `by refusing the pause hook at ${stage}` : 'by stopping the deployment';
  switch (phase) {
    case 'not-shifted':
      return `${how}: production traffic has stayed on the old tasks`;
    case 'shifted':
      return `${how}: traffic returns to the old tasks at once`;
    default:
      return `${how}: ECS starts tasks of the revision before again`;
  }
}
