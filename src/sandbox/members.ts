/** What the sandbox does with the members of an operation's input; it ignores all others. */
export interface Members {
  /** They have an effect. */
  readonly modelled: readonly string[];
  /** They are stored and returned, nothing more. */
  readonly kept: readonly string[];
  /** Members that no model knows are kept as well. */
  readonly keepsAll: boolean;
}

/** Members of one operation: those with an effect, then those that are only kept; `*` keeps all. */
type Row = readonly [modelled: string, kept?: string];

const SCHEDULE =
  'Name GroupName ScheduleExpression ScheduleExpressionTimezone FlexibleTimeWindow Target State';
const SCHEDULE_KEPT = 'ActionAfterCompletion Description StartDate EndDate KmsKeyArn *';
const SESSION = 'RoleArn RoleSessionName DurationSeconds';

/** The operations that the sandbox serves, by IAM prefix, in the order of the API reference. */
const ROWS: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  ecs: {
    ContinueServiceDeployment: ['serviceDeploymentArn hookId action'],
    CreateCapacityProvider: ['name tags', 'autoScalingGroupProvider managedInstancesProvider'],
    CreateCluster: [
      'clusterName tags capacityProviders defaultCapacityProviderStrategy serviceConnectDefaults',
      'settings configuration',
    ],
    CreateService: [
      'serviceName cluster taskDefinition loadBalancers desiredCount launchType capacityProviderStrategy platformVersion deploymentConfiguration networkConfiguration healthCheckGracePeriodSeconds deploymentController tags enableECSManagedTags propagateTags schedulingStrategy serviceConnectConfiguration serviceRegistries volumeConfigurations',
      'availabilityZoneRebalancing clientToken role placementConstraints placementStrategy enableExecuteCommand vpcLatticeConfigurations *',
    ],
    CreateTaskSet: [
      'service cluster externalId taskDefinition networkConfiguration loadBalancers launchType capacityProviderStrategy platformVersion scale tags',
      'serviceRegistries',
    ],
    DeleteAccountSetting: ['name principalArn'],
    DeleteCapacityProvider: ['capacityProvider'],
    DeleteCluster: ['cluster'],
    DeleteService: ['service cluster force'],
    DeleteTaskDefinitions: ['taskDefinitions'],
    DeleteTaskSet: ['cluster service taskSet force'],
    DeregisterTaskDefinition: ['taskDefinition'],
    DescribeCapacityProviders: ['capacityProviders include maxResults nextToken'],
    DescribeClusters: ['clusters include'],
    DescribeContainerInstances: ['containerInstances cluster'],
    DescribeExpressGatewayService: ['serviceArn include'],
    DescribeServiceDeployments: ['serviceDeploymentArns'],
    DescribeServiceRevisions: ['serviceRevisionArns'],
    DescribeServices: ['services cluster include'],
    DescribeTaskDefinition: ['taskDefinition include'],
    DescribeTasks: ['tasks cluster include'],
    DescribeTaskSets: ['cluster service taskSets'],
    ExecuteCommand: ['task cluster'],
    GetTaskProtection: ['cluster tasks'],
    ListAccountSettings: ['name value principalArn effectiveSettings nextToken maxResults'],
    ListClusters: ['nextToken maxResults'],
    ListServiceDeployments: ['service cluster status createdAt nextToken maxResults'],
    ListContainerInstances: ['cluster'],
    ListServices: [
      'cluster launchType schedulingStrategy resourceManagementType nextToken maxResults',
    ],
    ListServicesByNamespace: ['namespace nextToken maxResults'],
    ListTagsForResource: ['resourceArn'],
    ListTaskDefinitionFamilies: ['familyPrefix status nextToken maxResults'],
    ListTaskDefinitions: ['familyPrefix status sort nextToken maxResults'],
    ListTasks: [
      'cluster family nextToken maxResults startedBy serviceName desiredStatus launchType',
    ],
    PutAccountSetting: ['name principalArn', 'value'],
    PutAccountSettingDefault: ['name', 'value'],
    PutClusterCapacityProviders: ['cluster capacityProviders defaultCapacityProviderStrategy'],
    RegisterTaskDefinition: [
      'family containerDefinitions taskRoleArn executionRoleArn networkMode volumes requiresCompatibilities cpu memory tags pidMode runtimePlatform',
      'placementConstraints ipcMode proxyConfiguration inferenceAccelerators ephemeralStorage enableFaultInjection *',
    ],
    RunTask: [
      'taskDefinition cluster count capacityProviderStrategy group launchType networkConfiguration overrides placementStrategy platformVersion propagateTags enableECSManagedTags startedBy tags clientToken volumeConfigurations',
    ],
    StopServiceDeployment: ['serviceDeploymentArn stopType'],
    StopTask: ['task cluster reason'],
    TagResource: ['resourceArn tags'],
    UntagResource: ['resourceArn tagKeys'],
    UpdateCapacityProvider: ['name', 'autoScalingGroupProvider managedInstancesProvider'],
    UpdateCluster: ['cluster serviceConnectDefaults', 'settings configuration'],
    UpdateClusterSettings: ['cluster', 'settings'],
    UpdateExpressGatewayService: [
      'serviceArn executionRoleArn healthCheckPath primaryContainer taskRoleArn networkConfiguration cpu memory cpuArchitecture scalingTarget taskDefinitionArn',
    ],
    UpdateService: [
      'service cluster desiredCount taskDefinition capacityProviderStrategy deploymentConfiguration networkConfiguration platformVersion forceNewDeployment healthCheckGracePeriodSeconds loadBalancers serviceConnectConfiguration serviceRegistries volumeConfigurations deploymentController vpcLatticeConfigurations enableECSManagedTags propagateTags',
      'availabilityZoneRebalancing placementConstraints placementStrategy enableExecuteCommand *',
    ],
    UpdateServicePrimaryTaskSet: ['cluster service primaryTaskSet'],
    UpdateTaskProtection: ['cluster tasks protectionEnabled expiresInMinutes'],
    UpdateTaskSet: ['cluster service taskSet scale'],
  },
  ecr: {
    BatchCheckLayerAvailability: ['repositoryName layerDigests registryId'],
    BatchDeleteImage: ['repositoryName imageIds registryId'],
    BatchGetImage: ['repositoryName imageIds registryId acceptedMediaTypes'],
    BatchGetRepositoryScanningConfiguration: ['repositoryNames'],
    CompleteLayerUpload: ['repositoryName uploadId layerDigests registryId'],
    CreateRepository: [
      'repositoryName registryId tags imageTagMutability imageTagMutabilityExclusionFilters imageScanningConfiguration',
      'encryptionConfiguration',
    ],
    DeleteLifecyclePolicy: ['repositoryName registryId'],
    DeleteRegistryPolicy: [''],
    DeleteRepository: ['repositoryName registryId force'],
    DeleteRepositoryPolicy: ['repositoryName registryId'],
    DescribeImages: ['repositoryName registryId imageIds nextToken maxResults filter'],
    DescribeImageScanFindings: ['repositoryName imageId registryId'],
    DescribePullThroughCacheRules: [''],
    DescribeRegistry: [''],
    DescribeRepositories: ['repositoryNames registryId nextToken maxResults'],
    DescribeRepositoryCreationTemplates: [''],
    GetAccountSetting: ['name'],
    GetAuthorizationToken: [''],
    GetDownloadUrlForLayer: ['repositoryName layerDigest registryId'],
    GetLifecyclePolicy: ['repositoryName registryId'],
    GetLifecyclePolicyPreview: ['repositoryName registryId'],
    GetRegistryPolicy: [''],
    GetRegistryScanningConfiguration: [''],
    GetRepositoryPolicy: ['repositoryName registryId'],
    InitiateLayerUpload: ['repositoryName registryId'],
    ListImageReferrers: ['repositoryName subjectId registryId filter nextToken maxResults'],
    ListImages: ['repositoryName registryId nextToken maxResults filter'],
    ListTagsForResource: ['resourceArn'],
    PutAccountSetting: ['name value'],
    PutImage: [
      'repositoryName imageManifest registryId imageManifestMediaType imageTag imageDigest',
    ],
    PutImageScanningConfiguration: ['repositoryName imageScanningConfiguration registryId'],
    PutImageTagMutability: [
      'repositoryName imageTagMutability registryId imageTagMutabilityExclusionFilters',
    ],
    PutLifecyclePolicy: ['repositoryName lifecyclePolicyText registryId'],
    PutRegistryPolicy: ['policyText'],
    PutRegistryScanningConfiguration: ['scanType rules'],
    PutReplicationConfiguration: ['replicationConfiguration'],
    SetRepositoryPolicy: ['repositoryName registryId policyText'],
    StartImageScan: ['repositoryName imageId registryId'],
    StartLifecyclePolicyPreview: ['repositoryName registryId lifecyclePolicyText'],
    TagResource: ['resourceArn tags'],
    UntagResource: ['resourceArn tagKeys'],
    UpdateImageStorageClass: ['repositoryName imageId targetStorageClass registryId'],
    UploadLayerPart: [
      'repositoryName uploadId partFirstByte partLastByte layerPartBlob registryId',
    ],
  },
  logs: {
    CreateLogGroup: ['logGroupName tags logGroupClass', 'kmsKeyId'],
    CreateLogStream: ['logGroupName logStreamName'],
    DeleteLogGroup: ['logGroupName'],
    DeleteLogStream: ['logGroupName logStreamName'],
    DeleteRetentionPolicy: ['logGroupName'],
    DescribeLogGroups: ['logGroupNamePrefix logGroupNamePattern logGroupClass nextToken limit'],
    DescribeLogStreams: [
      'logGroupName logGroupIdentifier logStreamNamePrefix orderBy descending nextToken limit',
    ],
    FilterLogEvents: [
      'logGroupName logGroupIdentifier logStreamNames logStreamNamePrefix startTime endTime filterPattern nextToken limit',
    ],
    GetLogEvents: [
      'logStreamName logGroupName logGroupIdentifier startTime endTime nextToken limit startFromHead',
    ],
    ListLogGroups: ['logGroupNamePattern logGroupClass nextToken limit'],
    ListTagsForResource: ['resourceArn'],
    ListTagsLogGroup: ['logGroupName'],
    PutLogEvents: ['logGroupName logStreamName logEvents'],
    PutRetentionPolicy: ['logGroupName retentionInDays'],
    TagLogGroup: ['logGroupName tags'],
    TagResource: ['resourceArn tags'],
    UntagLogGroup: ['logGroupName tags'],
    UntagResource: ['resourceArn tagKeys'],
  },
  codedeploy: {
    BatchGetApplications: ['applicationNames'],
    BatchGetDeploymentGroups: ['applicationName deploymentGroupNames'],
    BatchGetDeployments: ['deploymentIds'],
    BatchGetDeploymentTargets: ['deploymentId targetIds'],
    ContinueDeployment: ['deploymentId deploymentWaitType'],
    CreateApplication: ['applicationName computePlatform'],
    CreateDeployment: [
      'applicationName deploymentGroupName revision deploymentConfigName description autoRollbackConfiguration overrideAlarmConfiguration',
      '*',
    ],
    CreateDeploymentGroup: [
      'applicationName deploymentGroupName deploymentConfigName autoRollbackConfiguration alarmConfiguration blueGreenDeploymentConfiguration loadBalancerInfo ecsServices',
      'serviceRoleArn deploymentStyle triggerConfigurations *',
    ],
    GetApplication: ['applicationName'],
    GetApplicationRevision: ['applicationName revision'],
    GetDeployment: ['deploymentId'],
    GetDeploymentConfig: ['deploymentConfigName'],
    GetDeploymentGroup: ['applicationName deploymentGroupName'],
    GetDeploymentTarget: ['deploymentId targetId'],
    ListApplications: ['nextToken'],
    ListDeploymentConfigs: ['nextToken'],
    ListDeploymentGroups: ['applicationName nextToken'],
    ListDeployments: [
      'applicationName deploymentGroupName includeOnlyStatuses createTimeRange nextToken',
    ],
    ListDeploymentTargets: ['deploymentId'],
    PutLifecycleEventHookExecutionStatus: ['deploymentId lifecycleEventHookExecutionId status'],
    RegisterApplicationRevision: ['applicationName revision'],
    StopDeployment: ['deploymentId autoRollbackEnabled'],
  },
  secretsmanager: {
    CreateSecret: ['Name'],
    DeleteSecret: ['SecretId'],
    DescribeSecret: ['SecretId'],
  },
  ssm: { DescribeParameters: ['ParameterFilters'], PutParameter: ['Name'] },
  sts: {
    AssumeRole: [SESSION],
    AssumeRoleWithWebIdentity: [`${SESSION} WebIdentityToken`],
    GetAccessKeyInfo: [''],
    GetCallerIdentity: [''],
    GetSessionToken: ['DurationSeconds'],
  },
  elasticloadbalancing: {
    DescribeListeners: ['LoadBalancerArn ListenerArns Marker PageSize'],
    DescribeLoadBalancers: ['LoadBalancerArns Marker PageSize'],
    DescribeRules: ['ListenerArn RuleArns Marker PageSize'],
    DescribeTargetGroupAttributes: ['TargetGroupArn'],
    DescribeTargetGroups: ['TargetGroupArns Marker PageSize'],
    DescribeTargetHealth: ['TargetGroupArn'],
  },
  events: {
    CreateEventBus: ['Name'],
    DescribeRule: ['Name EventBusName'],
    ListEventBuses: [''],
    ListRuleNamesByTarget: ['TargetArn EventBusName NextToken Limit'],
    ListRules: ['NamePrefix EventBusName'],
    ListTargetsByRule: ['Rule EventBusName'],
    PutRule: [
      'Name EventBusName State',
      'ScheduleExpression EventPattern Description RoleArn Tags *',
    ],
    PutTargets: ['Rule Targets EventBusName'],
    RemoveTargets: ['Rule Ids EventBusName'],
  },
  scheduler: {
    CreateSchedule: [SCHEDULE, SCHEDULE_KEPT],
    DeleteSchedule: ['Name GroupName'],
    GetSchedule: ['Name GroupName'],
    ListSchedules: ['ScheduleGroup NamePrefix State NextToken MaxResults'],
    UpdateSchedule: [SCHEDULE, SCHEDULE_KEPT],
  },
};

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

/** The operations that the sandbox serves, by IAM prefix. */
export const SERVED: Readonly<Record<string, Readonly<Record<string, Members>>>> =
  Object.fromEntries(
    Object.entries(ROWS).map(([service, rows]) => [
      service,
      Object.fromEntries(
        Object.entries(rows).map(([name, [modelled, kept = '']]) => [
          name,
          {
            modelled: words(modelled),
            kept: words(kept).filter((word) => word !== '*'),
            keepsAll: kept.includes('*'),
          },
        ]),
      ),
    ]),
  );

/** What an operation gets of its input, and the members that the sandbox ignores. */
export function knownMembers(
  service: string,
  name: string,
  input: Readonly<Record<string, unknown>>,
): { readonly known: Record<string, unknown>; readonly ignored: readonly string[] } {
  const members = SERVED[service]?.[name];
  if (members === undefined || members.keepsAll) return { known: input, ignored: [] };
  const isKnown = (key: string) => members.modelled.includes(key) || members.kept.includes(key);
  return {
    known: Object.fromEntries(Object.entries(input).filter(([key]) => isKnown(key))),
    ignored: Object.keys(input).filter((key) => !isKnown(key)),
  };
}
