import { ageOf } from './busy.ts';
import { ok } from './checks.ts';
import type { Answer } from './checks.ts';
import { isServing } from './code-deploy.ts';
import type { CodeDeployUse, DeploymentGroup } from './code-deploy.ts';
import { terminationEnd } from './code-deploy-record.ts';
import { formatSeconds } from './duration.ts';
import type { Service } from './ecs.ts';
import { flagsOf } from './service-name.ts';
import { shortName } from './task-definition.ts';

/** Whether the deployment group can shift the traffic of a service. */
export function checkGroup(
  { loadBalancers }: Pick<Service, 'loadBalancers'>,
  { group }: Pick<CodeDeployUse, 'group'>,
): Answer {
  const { application, name, config, targetGroups, productionListener } = group;
  const place = `${application} / ${name}`;
  if (targetGroups.length < 2 || productionListener === undefined) {
    return {
      status: 'fail',
      message: `The deployment group ${place} has no pair of target groups with a production listener: CodeDeploy cannot shift traffic.`,
      hint: `set it: aws deploy update-deployment-group --application-name ${application} --current-deployment-group-name ${name} --load-balancer-info …`,
    };
  }
  const [used] = loadBalancers.flatMap(({ targetGroup }) => targetGroup ?? []);
  const current = used === undefined ? undefined : targetGroupName(used);
  if (current !== undefined && !targetGroups.includes(current)) {
    return {
      status: 'fail',
      message: `The running tasks are in the target group ${current}, but the deployment group ${place} shifts traffic between ${targetGroups.join(' and ')}.`,
      hint: 'make both name the same target groups; infrastructure code that resets the listener is a common reason',
    };
  }
  return ok([place, config, ...waits(group)].join(', '));
}

function waits({ options: { readyMinutes, terminationMinutes } }: DeploymentGroup): string[] {
  const long = (minutes: number) => formatSeconds(minutes * 60);
  return [
    ...(readyMinutes === undefined ? [] : [`waits up to ${long(readyMinutes)} for "continue"`]),
    terminationMinutes === undefined
      ? 'the old tasks are kept'
      : `the old tasks stay ${long(terminationMinutes)}`,
  ];
}

/** Name of a target group in its ARN, `…:targetgroup/NAME/ID`. */
const targetGroupName = (arn: string): string => arn.split('/')[1] ?? arn;

/** Whether hooks, network and capacity of the last deployment stay. */
export function checkAppSpec({ appSpec, hooks }: CodeDeployUse): Answer {
  const names = Object.keys(hooks);
  switch (appSpec.kind) {
    case 'last':
      return ok(
        `as in ${appSpec.deployment}, ${names.length === 0 ? 'without hooks' : `hooks: ${names.join(', ')}`}`,
      );
    case 'none':
      return {
        status: 'warn',
        message: 'No earlier deployment has an AppSpec: the new one has no hooks.',
        hint: 'for hooks, deploy once with an AppSpec of your own: aws deploy create-deployment',
      };
    default:
      return {
        status: 'fail',
        code: 'app-spec-unreadable',
        message: `The AppSpec of the last deployment ${appSpec.deployment} cannot be read (${appSpec.place}): its hooks, network and capacity settings would be lost.`,
        hint: 'deploy once with this AppSpec as its content: aws deploy create-deployment --revision revisionType=AppSpecContent,…',
      };
  }
}

/**
 * Whether a new deployment can start: a group has one at a time, so that none is superseded.
 * `isAwaited`: its end is waited for.
 */
export function checkActive(
  service: Service,
  { isAwaited, now }: { readonly isAwaited: boolean; readonly now: Date },
): Answer {
  const { active } = service.codeDeploy ?? {};
  if (active === undefined) return ok('no deployment is in progress');
  const { deployment, taskDefinition } = active;
  const revision = taskDefinition === '' ? '' : ` of ${shortName(taskDefinition)}`;
  const what = `the deployment ${deployment.id}${revision}`;
  if (isAwaited) return ok(`${what} is in progress: a deploy waits for its end`);
  const flags = flagsOf(service);
  const ends = isServing(active) ? terminationEnd(active) : undefined;
  const state = isServing(active)
    ? `has all traffic, and its old tasks stay${ends === undefined ? '' : ` until ${ends.toISOString().replace(/\.\d+Z$/, 'Z')}`}`
    : `has been in progress for ${formatSeconds(ageOf(deployment, service, now))}`;
  return {
    status: 'fail',
    code: 'service-busy',
    message: `CodeDeploy deploys one revision of "${service.name}" at a time, and ${what} ${state}.`,
    hint: [
      'to wait for its end and then continue: --if-busy wait',
      `to follow it: ecsdeploy rollout --watch ${flags}`,
      ...(isServing(active)
        ? [
            `to remove its old tasks now: aws deploy continue-deployment --deployment-id ${deployment.id} --deployment-wait-type TERMINATION_WAIT`,
          ]
        : [`to stop it and go back: ecsdeploy rollback ${flags}`]),
    ].join('\n'),
  };
}
