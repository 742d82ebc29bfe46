import { at } from '../aws/ecs.ts';
import { skip } from '../core/checks.ts';
import type { Answer } from '../core/checks.ts';
import { isManaged } from '../core/express.ts';
import { commandText } from '../core/one-off.ts';
import { flagsOf, nameOf } from '../core/service-name.ts';
import type { ServiceName } from '../core/service-name.ts';
import type { Emit } from '../events.ts';
import type { Config } from '../settings/config.ts';
import type { ReleaseTask } from '../settings/readers.ts';
import { observeLaunch, planCommand } from './one-off.ts';
import type { CommandPlan } from './one-off.ts';
import type { ObserveTools } from './observe.ts';
import { failures } from './findings.ts';
import type { PlanFinding } from './findings.ts';
import type { ServicePlan } from './plan-service.ts';
import { attempt } from './read.ts';

/** A release task with the service that it belongs to. */
export interface ReleasePlan extends CommandPlan {
  /** ARN */
  readonly service: string;
  readonly name: ServiceName;
  /** Milliseconds. */
  readonly timeout: number;
}

/** The release tasks of a deploy, and what was found about them. */
export interface Releases {
  readonly plans: readonly ReleasePlan[];
  readonly findings: readonly PlanFinding[];
}

type ReleaseSettings = Pick<Config, 'release' | 'timeout'>;

/** Reads where the release tasks run, and plans them; those of services that are left out do not run. */
export async function planReleases(
  tools: ObserveTools,
  { release, timeout }: ReleaseSettings,
  services: readonly ServicePlan[],
): Promise<Releases> {
  const parts = await Promise.all(
    release.map(async (task, index): Promise<Releases> => {
      const { command: words, service: named } = task;
      const about = `release task ${index + 1}`;
      const found = services.find(
        ({ target: { service, order } }) =>
          named === undefined || (order?.names ?? [service]).includes(named),
      );
      if (found === undefined) {
        const message = `${commandText(words)} does not run: ${named} is not deployed`;
        return { plans: [], findings: [{ check: 'release', about, ...skip(message) }] };
      }
      if (found.service.isExpress && isManaged(found.service, found.definition)) {
        return { plans: [], findings: [{ check: 'release', about, ...noRevision(task, found) }] };
      }
      const launch = await attempt(observeLaunch(at(tools, found.target), found.service));
      if ('error' in launch) {
        return { plans: [], findings: failures('release', about, launch.error) };
      }
      const { plan, findings } = planCommand(
        about,
        {
          words,
          container: task.container === undefined ? found.target.container : [task.container],
          setEnv: task.setEnv ?? {},
          cpu: task.cpu,
          memory: task.memory,
        },
        launch.value,
        found.definition,
      );
      const service = found.service.arn;
      const plans =
        plan === undefined
          ? []
          : [{ ...plan, service, name: nameOf(found.service), timeout: task.timeout ?? timeout }];
      return { plans, findings };
    }),
  );
  return {
    plans: parts.flatMap(({ plans }) => plans),
    findings: parts.flatMap(({ findings }) => findings),
  };
}

/** A service whose new revision exists only once it moves. */
function noRevision({ command }: ReleaseTask, { service, target }: ServicePlan): Answer {
  const words = commandText(command);
  return {
    status: 'fail',
    message: `${words} cannot run before "${target.service}" moves: Express Mode makes the new revision with the move.`,
    hint: `run it separately first: ecsdeploy run ${flagsOf(service)} --image IMAGE -- ${words}\nthen deploy without it: --no-release`,
  };
}

/** Reports the release tasks of a plan. */
export function tellReleases({ emit }: { readonly emit: Emit }, { plans }: Releases): void {
  if (plans.length === 0) return;
  const tasks = plans.map(({ command: { words, container }, name }) => ({
    command: commandText(words),
    container,
    ...name,
  }));
  emit({ kind: 'release-planned', tasks });
}
