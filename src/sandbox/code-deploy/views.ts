import { countsOf, ecsArn } from '../ecs/lookups.ts';
import type { Deployment } from '../ecs/state.ts';
import type { Shift } from './configs.ts';
import { lastSuccessful } from './deployments.ts';
import type {
  Application,
  CodeDeployment,
  CodeDeployState,
  Group,
  LifecycleEvent,
  Revision,
} from './state.ts';

// API responses, created from the state. Undefined members are not sent.

/** An application as GetApplication returns it. */
export function applicationView({ id, name, computePlatform, createdAt }: Application): unknown {
  return {
    applicationId: id,
    applicationName: name,
    createTime: createdAt,
    linkedToGitHub: false,
    computePlatform,
  };
}

/** A deployment group as GetDeploymentGroup returns it. */
export function groupView(group: Group): unknown {
  const { application, settings, deployments } = group;
  const successful = lastSuccessful(group);
  return {
    ec2TagFilters: [],
    onPremisesInstanceTagFilters: [],
    autoScalingGroups: [],
    triggerConfigurations: [],
    outdatedInstancesStrategy: 'UPDATE',
    ...settings,
    applicationName: application.name,
    deploymentGroupId: group.id,
    deploymentGroupName: group.name,
    computePlatform: application.computePlatform,
    targetRevision: successful?.revision,
    lastSuccessfulDeployment: successful && briefView(successful),
    lastAttemptedDeployment: deployments[0] && briefView(deployments[0]),
    terminationHookEnabled: false,
  };
}

function briefView({ id, status, createdAt, completedAt }: CodeDeployment): unknown {
  return { deploymentId: id, status, createTime: createdAt, endTime: completedAt };
}

/** A deployment as GetDeployment returns it. */
export function deploymentView({ scene }: CodeDeployState, deployment: CodeDeployment): unknown {
  const { group, rollback, triggeredBy } = deployment;
  const revisionView = (revision: Revision | undefined) =>
    revision === undefined || scene.showsContent ? revision : withoutContent(revision);
  const { deploymentStyle, blueGreenDeploymentConfiguration, loadBalancerInfo } = group.settings;
  return {
    applicationName: group.application.name,
    deploymentGroupName: group.name,
    deploymentConfigName: deployment.configName,
    deploymentId: deployment.id,
    previousRevision: revisionView(deployment.previousRevision),
    revision: revisionView(deployment.revision),
    status: deployment.status,
    errorInformation: deployment.error,
    createTime: deployment.createdAt,
    startTime: deployment.startedAt,
    completeTime: deployment.completedAt,
    deploymentOverview: overview(deployment),
    description: deployment.description,
    creator: deployment.creator,
    ignoreApplicationStopFailures: false,
    autoRollbackConfiguration: deployment.autoRollback,
    updateOutdatedInstancesOnly: false,
    rollbackInfo:
      triggeredBy === undefined
        ? rollback && {
            rollbackDeploymentId: rollback.deploymentId,
            rollbackMessage: rollback.message,
          }
        : { rollbackTriggeringDeploymentId: triggeredBy.id },
    deploymentStyle,
    instanceTerminationWaitTimeStarted: deployment.terminationWaitStarted,
    blueGreenDeploymentConfiguration,
    loadBalancerInfo,
    fileExistsBehavior: 'DISALLOW',
    deploymentStatusMessages: [],
    computePlatform: 'ECS',
    overrideAlarmConfiguration: deployment.alarms,
  };
}

/** "The content property of the appSpecContent object in the returned revision is always null." */
function withoutContent({ appSpecContent, ...revision }: Revision): Revision {
  const { content: _content, ...left } = appSpecContent ?? {};
  return { ...revision, ...(appSpecContent && { appSpecContent: left }) };
}

function overview({ targetStatus }: CodeDeployment): unknown {
  const none = { Pending: 0, InProgress: 0, Succeeded: 0, Failed: 0, Skipped: 0, Ready: 0 };
  return { ...none, [targetStatus]: 1 };
}

/** The id of the only target of a deployment. */
export function targetIdOf({ service }: CodeDeployment): string {
  return `${service.cluster.name}:${service.name}`;
}

/** The target of a deployment as GetDeploymentTarget returns it. */
export function targetView({ simulation }: CodeDeployState, deployment: CodeDeployment): unknown {
  const { service, blue, green } = deployment;
  return {
    deploymentTargetType: 'ECSTarget',
    ecsTarget: {
      deploymentId: deployment.id,
      targetId: targetIdOf(deployment),
      targetArn: ecsArn(simulation, `service/${service.cluster.name}/${service.name}`),
      lastUpdatedAt: deployment.targetUpdatedAt,
      lifecycleEvents: deployment.events.map(eventView),
      status: deployment.targetStatus,
      taskSetsInfo: [blue, ...(green ? [green] : [])].map((taskSet) =>
        taskSetView(deployment, taskSet),
      ),
    },
  };
}

function taskSetView({ service, blue, weight }: CodeDeployment, taskSet: Deployment): unknown {
  const { running, pending } = countsOf(service, taskSet);
  return {
    identifer: `ecs-svc/${taskSet.number}`,
    desiredCount: taskSet.desiredCount,
    pendingCount: pending,
    runningCount: running,
    status: taskSet.taskSet?.status,
    trafficWeight: taskSet === blue ? 100 - weight : weight,
    targetGroup: { name: taskSet.targetGroup?.split('/')[1] },
    taskSetLabel: taskSet === blue ? 'Blue' : 'Green',
  };
}

function eventView({ name, status, startedAt, endedAt, diagnostics }: LifecycleEvent): unknown {
  return {
    lifecycleEventName: name,
    diagnostics,
    startTime: startedAt,
    endTime: endedAt,
    status,
  };
}

/** A predefined configuration as GetDeploymentConfig returns it. */
export function configView(name: string, { type, percentage, minutes }: Shift): unknown {
  return {
    deploymentConfigName: name,
    computePlatform: 'ECS',
    trafficRoutingConfig: {
      type,
      ...(type === 'TimeBasedCanary' && {
        timeBasedCanary: { canaryPercentage: percentage, canaryInterval: minutes },
      }),
      ...(type === 'TimeBasedLinear' && {
        timeBasedLinear: { linearPercentage: percentage, linearInterval: minutes },
      }),
    },
  };
}
