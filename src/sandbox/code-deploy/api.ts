import { randomUUID } from 'node:crypto';
import { awsFault } from '../wire.ts';
import type { Operation } from '../wire.ts';
import { findService } from '../ecs/lookups.ts';
import { CONFIG_NAMES, DEFAULT_CONFIG, readConfig } from './configs.ts';
import { isActive, makeDeployment, startDeployment, stop } from './deployments.ts';
import { checkRevision, findRevision } from './revisions.ts';
import type { Application, CodeDeployment, CodeDeployState, Group } from './state.ts';
import {
  applicationView,
  configView,
  deploymentView,
  groupView,
  targetIdOf,
  targetView,
} from './views.ts';

type Input = Parameters<Operation>[0];

/** Implements one operation on the state of one region; throws the operation's AWS exceptions. */
export type CodeDeployOperation = (state: CodeDeployState, input: Input) => unknown;

const DESCRIPTION_LENGTH = 256;
const BATCH_SIZE = 100;
const TARGETS_PER_CALL = 25;
const PAGE_SIZE = 100;

/** The operations of CodeDeploy by name. */
export const CODE_DEPLOY_OPERATIONS: Readonly<Record<string, CodeDeployOperation>> = {
  CreateApplication: ({ applications, simulation }, input) => {
    const name = required(input, 'applicationName', 'ApplicationName');
    if (applications.has(name)) {
      throw awsFault('ApplicationAlreadyExistsException', `Application already exists: ${name}`);
    }
    const application: Application = {
      id: randomUUID(),
      name,
      computePlatform: input['computePlatform'] ?? 'Server',
      createdAt: simulation.now(),
      groups: new Map(),
    };
    applications.set(name, application);
    return { applicationId: application.id };
  },

  GetApplication: (state, input) => ({
    application: applicationView(findApplication(state, input)),
  }),

  ListApplications: ({ applications }, input) => {
    const { items, nextToken } = page([...applications.keys()].toSorted(), input);
    return { applications: items, nextToken };
  },

  BatchGetApplications: (state, { applicationNames }) => ({
    applicationsInfo: batch(applicationNames, 'ApplicationNameRequiredException').map((name) =>
      applicationView(findApplication(state, { applicationName: name })),
    ),
  }),

  CreateDeploymentGroup: (state, input) => {
    const application = findApplication(state, input);
    const name = required(input, 'deploymentGroupName', 'DeploymentGroupName');
    if (application.groups.has(name)) {
      throw awsFault(
        'DeploymentGroupAlreadyExistsException',
        `Deployment group name already exists: ${name}`,
      );
    }
    const { applicationName: _application, deploymentGroupName: _group, ...settings } = input;
    const group: Group = {
      id: randomUUID(),
      name,
      application,
      settings: { deploymentConfigName: DEFAULT_CONFIG, ...settings },
      deployments: [],
    };
    application.groups.set(name, group);
    return { deploymentGroupId: group.id };
  },

  GetDeploymentGroup: (state, input) => ({
    deploymentGroupInfo: groupView(findGroup(state, input)),
  }),

  ListDeploymentGroups: (state, input) => {
    const { name, groups } = findApplication(state, input);
    const { items, nextToken } = page([...groups.keys()].toSorted(), input);
    return { applicationName: name, deploymentGroups: items, nextToken };
  },

  BatchGetDeploymentGroups: (state, input) => {
    const { groups } = findApplication(state, input);
    const names = batch(input['deploymentGroupNames'], 'DeploymentGroupNameRequiredException');
    const found = names.flatMap((name) => groups.get(name) ?? []);
    return {
      deploymentGroupsInfo: found.map(groupView),
      errorMessage:
        found.length < names.length
          ? `No Deployment Group found for name: ${names.find((name) => !groups.has(name))}`
          : undefined,
    };
  },

  ListDeploymentConfigs: (_state, input) => {
    const { items, nextToken } = page(CONFIG_NAMES, input);
    return { deploymentConfigsList: items, nextToken };
  },

  GetDeploymentConfig: (_state, input) => {
    const name = required(input, 'deploymentConfigName', 'DeploymentConfigName');
    return { deploymentConfigInfo: configView(name, findConfig(name)) };
  },

  CreateDeployment: (state, input) => {
    const group = findGroup(state, input);
    const revision = checkRevision(input['revision']);
    const { deploymentConfigName, description, autoRollbackConfiguration } = input;
    const configName = deploymentConfigName ?? group.settings.deploymentConfigName;
    findConfig(configName);
    if (String(description ?? '').length > DESCRIPTION_LENGTH) {
      throw awsFault(
        'DescriptionTooLongException',
        `Description cannot be longer than ${DESCRIPTION_LENGTH} characters`,
      );
    }
    if (autoRollbackConfiguration?.enabled && !autoRollbackConfiguration.events?.length) {
      throw awsFault(
        'InvalidAutoRollbackConfigException',
        'AutoRollbackConfiguration must have events if it is enabled',
      );
    }
    const active = group.deployments.find(isActive);
    if (active !== undefined) {
      throw awsFault(
        'DeploymentLimitExceededException',
        `The Deployment Group '${group.name}' already has an active Deployment '${active.id}'`,
      );
    }
    const deployment = makeDeployment(state, group, serviceOf(state, group), revision, {
      configName,
      description,
      ...(autoRollbackConfiguration && { autoRollback: autoRollbackConfiguration }),
    });
    startDeployment(state, deployment);
    return { deploymentId: deployment.id };
  },

  RegisterApplicationRevision: (state, input) => {
    findApplication(state, input);
    checkRevision(input['revision']);
    return {};
  },

  GetApplicationRevision: (state, input) => {
    const application = findApplication(state, input);
    return {
      applicationName: application.name,
      revision: findRevision(state, application, input['revision']),
      revisionInfo: { deploymentGroups: [...application.groups.keys()] },
    };
  },

  GetDeployment: (state, input) => ({
    deploymentInfo: deploymentView(state, findDeployment(state, input)),
  }),

  BatchGetDeployments: (state, { deploymentIds }) => ({
    deploymentsInfo: batch(deploymentIds, 'DeploymentIdRequiredException', TARGETS_PER_CALL).map(
      (deploymentId) => deploymentView(state, findDeployment(state, { deploymentId })),
    ),
  }),

  ListDeployments: (state, input) => {
    const { applicationName, deploymentGroupName, includeOnlyStatuses = [] } = input;
    if (applicationName === undefined && deploymentGroupName !== undefined) {
      throw awsFault('ApplicationNameRequiredException', 'ApplicationName must be specified');
    }
    if (applicationName !== undefined && deploymentGroupName === undefined) {
      throw awsFault(
        'DeploymentGroupNameRequiredException',
        'DeploymentGroupName must be specified',
      );
    }
    const { start = 0, end = Number.POSITIVE_INFINITY } = input['createTimeRange'] ?? {};
    const deployments =
      applicationName === undefined
        ? [...state.deployments.values()].toReversed()
        : findGroup(state, input).deployments;
    const found = deployments.filter(
      ({ status, createdAt }) =>
        (includeOnlyStatuses.length === 0 || includeOnlyStatuses.includes(status)) &&
        createdAt >= start &&
        createdAt <= end,
    );
    const { items, nextToken } = page(found, input);
    return { deployments: items.map(({ id }) => id), nextToken };
  },

  StopDeployment: (state, input) => {
    const deployment = findActive(state, input);
    stop(state, deployment, input['autoRollbackEnabled']);
    return { status: 'Pending', statusMessage: 'Stopping deployment' };
  },

  ContinueDeployment: (state, input) => {
    const deployment = findActive(state, input);
    const { deploymentWaitType = 'READY_WAIT' } = input;
    if (!['READY_WAIT', 'TERMINATION_WAIT'].includes(deploymentWaitType)) {
      throw awsFault(
        'InvalidDeploymentWaitTypeException',
        `${deploymentWaitType} is not a valid wait type`,
      );
    }
    const isWaiting =
      deploymentWaitType === 'READY_WAIT'
        ? deployment.status === 'Ready'
        : deployment.terminationWaitStarted;
    if (!isWaiting) {
      throw awsFault(
        'DeploymentIsNotInReadyStateException',
        `Deployment ${deployment.id} is not in the ready state`,
      );
    }
    deployment.ended.add(deploymentWaitType);
    return {};
  },

  ListDeploymentTargets: (state, input) => ({
    targetIds: [targetIdOf(findStarted(state, input))],
  }),

  GetDeploymentTarget: (state, input) => {
    const deployment = findStarted(state, input);
    required(input, 'targetId', 'DeploymentTargetId');
    return { deploymentTarget: findTarget(state, deployment, input['targetId']) };
  },

  BatchGetDeploymentTargets: (state, input) => {
    const deployment = findStarted(state, input);
    const ids: readonly string[] = input['targetIds'] ?? [];
    if (ids.length > TARGETS_PER_CALL) {
      throw awsFault(
        'DeploymentTargetListSizeExceededException',
        `A maximum of ${TARGETS_PER_CALL} deployment targets can be specified`,
      );
    }
    return { deploymentTargets: ids.map((id) => findTarget(state, deployment, id)) };
  },

  PutLifecycleEventHookExecutionStatus: (state, input) => {
    const deployment = findDeployment(state, input);
    const { lifecycleEventHookExecutionId: id, status } = input;
    const event = deployment.events.find(({ hook }) => hook?.id === id);
    if (event?.hook === undefined) {
      throw awsFault(
        'InvalidLifecycleEventHookExecutionIdException',
        'The lifecycle event hook execution id is not valid',
      );
    }
    if (status !== 'Succeeded' && status !== 'Failed') {
      throw awsFault(
        'InvalidLifecycleEventHookExecutionStatusException',
        'The status must be Succeeded or Failed',
      );
    }
    if (event.status !== 'InProgress' || event.hook.answer !== undefined) {
      throw awsFault(
        'LifecycleEventAlreadyCompletedException',
        `The lifecycle event ${event.name} has already completed`,
      );
    }
    event.hook.answer = status;
    return { lifecycleEventHookExecutionId: id };
  },
};

/** Members of requests that are required, with the exception that names them. */
function required(input: Input, member: string, name: string): string {
  const value: unknown = input[member];
  if (typeof value === 'string' && value !== '') return value;
  throw awsFault(`${name}RequiredException`, `${name} must be specified`);
}

function findApplication({ applications }: CodeDeployState, input: Input): Application {
  const name = required(input, 'applicationName', 'ApplicationName');
  const application = applications.get(name);
  if (application !== undefined) return application;
  throw awsFault('ApplicationDoesNotExistException', `No application found for name: ${name}`);
}

function findGroup(state: CodeDeployState, input: Input): Group {
  const { groups } = findApplication(state, input);
  const name = required(input, 'deploymentGroupName', 'DeploymentGroupName');
  const group = groups.get(name);
  if (group !== undefined) return group;
  throw awsFault(
    'DeploymentGroupDoesNotExistException',
    `No Deployment Group found for name: ${name}`,
  );
}

function findConfig(name: string) {
  const config = readConfig(name);
  if (config !== undefined) return config;
  throw awsFault(
    'DeploymentConfigDoesNotExistException',
    `No deployment configuration found for name: ${name}`,
  );
}

function findDeployment({ deployments }: CodeDeployState, input: Input): CodeDeployment {
  const id = required(input, 'deploymentId', 'DeploymentId');
  if (!/^d-[A-Z0-9]{9}$/.test(id)) {
    throw awsFault('InvalidDeploymentIdException', `Invalid deployment id: ${id}`);
  }
  const deployment = deployments.get(id);
  if (deployment !== undefined) return deployment;
  throw awsFault('DeploymentDoesNotExistException', `The deployment ${id} could not be found`);
}

function findActive(state: CodeDeployState, input: Input): CodeDeployment {
  const deployment = findDeployment(state, input);
  if (isActive(deployment)) return deployment;
  throw awsFault(
    'DeploymentAlreadyCompletedException',
    `Deployment ${deployment.id} is already completed`,
  );
}

function findStarted(state: CodeDeployState, input: Input): CodeDeployment {
  const deployment = findDeployment(state, input);
  if (deployment.startedAt !== undefined) return deployment;
  throw awsFault('DeploymentNotStartedException', `Deployment ${deployment.id} has not started`);
}

function findTarget(state: CodeDeployState, deployment: CodeDeployment, id: string): unknown {
  if (id === targetIdOf(deployment)) return targetView(state, deployment);
  throw awsFault(
    'DeploymentTargetDoesNotExistException',
    `No deployment target ${id} found for deployment ${deployment.id}`,
  );
}

/** The service that a group deploys. */
function serviceOf({ simulation }: CodeDeployState, { settings }: Group) {
  const [service] = settings.ecsServices ?? [];
  try {
    return findService(simulation, {
      cluster: service?.clusterName,
      service: service?.serviceName,
    });
  } catch {
    throw awsFault(
      'InvalidECSServiceException',
      `The ECS service ${service?.serviceName} does not exist`,
    );
  }
}

/** The names of a batch request, up to as many as one call takes. */
function batch(names: unknown, absence: string, most = BATCH_SIZE): readonly string[] {
  const list = (names ?? []) as readonly string[];
  if (list.length === 0) throw awsFault(absence, 'At least one name must be specified');
  if (list.length > most) {
    throw awsFault('BatchLimitExceededException', `A maximum of ${most} names can be specified`);
  }
  return list;
}

function page<T>(
  items: readonly T[],
  { nextToken }: Input,
): { items: readonly T[]; nextToken: string | undefined } {
  const start =
    nextToken === undefined ? 0 : Number(Buffer.from(nextToken, 'base64url').toString());
  if (!Number.isInteger(start)) {
    throw awsFault('InvalidNextTokenException', 'The next token is not valid');
  }
  const end = start + PAGE_SIZE;
  return {
    items: items.slice(start, end),
    nextToken: end < items.length ? Buffer.from(String(end)).toString('base64url') : undefined,
  };
}
