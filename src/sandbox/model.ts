// Written by scripts/model.js from the service models of botocore 1.43.11: do not edit.

/**
 * The inputs of each API, a shape a line: its name, its kind, and what belongs to the kind.
 * `{` structure: members as `name:shape`, `!` where ECS and the others require it; `[` list and `<`
 * map: shape of an item, least and most items; `=` string: its values; `s` string and `n` number:
 * least and most length or value, pattern; `b` boolean, `t` timestamp, `x` bytes.
 */
export const MODELS: Readonly<Record<string, string>> = {
  ecs: String.raw`
AcceleratorCountRequest { min:n max:n
AcceleratorManufacturer = amazon-web-services amd nvidia xilinx habana
AcceleratorManufacturerSet [ AcceleratorManufacturer - -
AcceleratorName = a100 inferentia k520 k80 m60 radeon-pro-v520 t4 vu9p v100 a10g h100 t4g
AcceleratorNameSet [ AcceleratorName - -
AcceleratorTotalMemoryMiBRequest { min:n max:n
AcceleratorType = gpu fpga inference
AcceleratorTypeSet [ AcceleratorType - -
AdvancedConfiguration { alternateTargetGroupArn:s productionListenerRule:s testListenerRule:s roleArn:s
AllowedInstanceType s 1 30 [a-zA-Z0-9\.\*\-]+
AllowedInstanceTypeSet [ AllowedInstanceType 0 400
ApplicationProtocol = http http2 grpc
AssignPublicIp = ENABLED DISABLED
AttachmentStateChange { !attachmentArn:s !status:s
AttachmentStateChanges [ AttachmentStateChange - -
Attribute { !name:s value:s targetType:TargetType targetId:s
Attributes [ Attribute - -
AutoRepairActionsStatus = ENABLED DISABLED
AutoRepairConfiguration { actionsStatus:AutoRepairActionsStatus
AutoScalingGroupProvider { !autoScalingGroupArn:s managedScaling:ManagedScaling managedTerminationProtection:ManagedTerminationProtection managedDraining:ManagedDraining
AutoScalingGroupProviderUpdate { managedScaling:ManagedScaling managedTerminationProtection:ManagedTerminationProtection managedDraining:ManagedDraining
AvailabilityZoneRebalancing = ENABLED DISABLED
AwsVpcConfiguration { !subnets:StringList securityGroups:StringList assignPublicIp:AssignPublicIp
BareMetal = included required excluded
BaselineEbsBandwidthMbpsRequest { min:n max:n
BurstablePerformance = included required excluded
CPUArchitecture = X86_64 ARM64
CanaryConfiguration { canaryPercent:n canaryBakeTimeInMinutes:n
CapacityOptionType = ON_DEMAND SPOT RESERVED
CapacityProviderField = TAGS
CapacityProviderFieldList [ CapacityProviderField - -
CapacityProviderStrategy [ CapacityProviderStrategyItem - -
CapacityProviderStrategyItem { !capacityProvider:s weight:CapacityProviderStrategyItemWeight base:CapacityProviderStrategyItemBase
CapacityProviderStrategyItemBase n 0 100000
CapacityProviderStrategyItemWeight n 0 1000
CapacityReservationPreference = RESERVATIONS_ONLY RESERVATIONS_FIRST RESERVATIONS_EXCLUDED
CapacityReservationRequest { reservationGroupArn:s reservationPreference:CapacityReservationPreference
ClusterConfiguration { executeCommandConfiguration:ExecuteCommandConfiguration managedStorageConfiguration:ManagedStorageConfiguration
ClusterField = ATTACHMENTS CONFIGURATIONS SETTINGS STATISTICS TAGS
ClusterFieldList [ ClusterField - -
ClusterServiceConnectDefaultsRequest { !namespace:s
ClusterSetting { name:ClusterSettingName value:s
ClusterSettingName = containerInsights
ClusterSettings [ ClusterSetting - -
Compatibility = EC2 FARGATE EXTERNAL MANAGED_INSTANCES
CompatibilityList [ Compatibility - -
ContainerCondition = START COMPLETE SUCCESS HEALTHY
ContainerDefinition { name:s image:s repositoryCredentials:RepositoryCredentials cpu:n memory:n memoryReservation:n links:StringList portMappings:PortMappingList essential:b restartPolicy:ContainerRestartPolicy entryPoint:StringList command:StringList environment:EnvironmentVariables environmentFiles:EnvironmentFiles mountPoints:MountPointList volumesFrom:VolumeFromList linuxParameters:LinuxParameters secrets:SecretList dependsOn:ContainerDependencies startTimeout:n stopTimeout:n versionConsistency:VersionConsistency hostname:s user:s workingDirectory:s disableNetworking:b privileged:b readonlyRootFilesystem:b dnsServers:StringList dnsSearchDomains:StringList extraHosts:HostEntryList dockerSecurityOptions:StringList interactive:b pseudoTerminal:b dockerLabels:DockerLabelsMap ulimits:UlimitList logConfiguration:LogConfiguration healthCheck:HealthCheck systemControls:SystemControls resourceRequirements:ResourceRequirements firelensConfiguration:FirelensConfiguration credentialSpecs:StringList
ContainerDefinitions [ ContainerDefinition - -
ContainerDependencies [ ContainerDependency - -
ContainerDependency { !containerName:s !condition:ContainerCondition
ContainerInstanceField = TAGS CONTAINER_INSTANCE_HEALTH
ContainerInstanceFieldList [ ContainerInstanceField - -
ContainerInstanceStatus = ACTIVE DRAINING REGISTERING DEREGISTERING REGISTRATION_FAILED
ContainerOverride { name:s command:StringList environment:EnvironmentVariables environmentFiles:EnvironmentFiles cpu:n memory:n memoryReservation:n resourceRequirements:ResourceRequirements
ContainerOverrides [ ContainerOverride - -
ContainerRestartPolicy { !enabled:b ignoredExitCodes:IntegerList restartAttemptPeriod:n
ContainerStateChange { containerName:s imageDigest:s runtimeId:s exitCode:n networkBindings:NetworkBindings reason:s status:s
ContainerStateChanges [ ContainerStateChange - -
ContinueServiceDeploymentRequest { !serviceDeploymentArn:s !hookId:s action:DeploymentLifecycleHookAction
CpuManufacturer = intel amd amazon-web-services
CpuManufacturerSet [ CpuManufacturer - -
CreateCapacityProviderRequest { !name:s cluster:s autoScalingGroupProvider:AutoScalingGroupProvider managedInstancesProvider:CreateManagedInstancesProviderConfiguration tags:Tags
CreateClusterRequest { clusterName:s tags:Tags settings:ClusterSettings configuration:ClusterConfiguration capacityProviders:StringList defaultCapacityProviderStrategy:CapacityProviderStrategy serviceConnectDefaults:ClusterServiceConnectDefaultsRequest
CreateDaemonRequest { !daemonName:s clusterArn:s !daemonTaskDefinitionArn:s !capacityProviderArns:StringList deploymentConfiguration:DaemonDeploymentConfiguration tags:Tags propagateTags:DaemonPropagateTags enableECSManagedTags:b enableExecuteCommand:b clientToken:s critical:b
CreateExpressGatewayServiceRequest { !executionRoleArn:s !infrastructureRoleArn:s serviceName:s cluster:s healthCheckPath:s !primaryContainer:ExpressGatewayContainer taskRoleArn:s networkConfiguration:ExpressGatewayServiceNetworkConfiguration cpu:s memory:s scalingTarget:ExpressGatewayScalingTarget tags:Tags cpuArchitecture:s taskDefinitionArn:s
CreateManagedInstancesProviderConfiguration { !infrastructureRoleArn:s !instanceLaunchTemplate:InstanceLaunchTemplate propagateTags:PropagateMITags infrastructureOptimization:InfrastructureOptimization autoRepairConfiguration:AutoRepairConfiguration
CreateServiceRequest { cluster:s !serviceName:s taskDefinition:s availabilityZoneRebalancing:AvailabilityZoneRebalancing loadBalancers:LoadBalancers serviceRegistries:ServiceRegistries desiredCount:n clientToken:s launchType:LaunchType capacityProviderStrategy:CapacityProviderStrategy platformVersion:s role:s deploymentConfiguration:DeploymentConfiguration placementConstraints:PlacementConstraints placementStrategy:PlacementStrategies networkConfiguration:NetworkConfiguration healthCheckGracePeriodSeconds:n schedulingStrategy:SchedulingStrategy deploymentController:DeploymentController tags:Tags enableECSManagedTags:b propagateTags:PropagateTags enableExecuteCommand:b serviceConnectConfiguration:ServiceConnectConfiguration volumeConfigurations:ServiceVolumeConfigurations vpcLatticeConfigurations:VpcLatticeConfigurations gatewayConnectors:GatewayConnectorList monitoring:MonitoringConfiguration
CreateTaskSetRequest { !service:s !cluster:s externalId:s !taskDefinition:s networkConfiguration:NetworkConfiguration loadBalancers:LoadBalancers serviceRegistries:ServiceRegistries launchType:LaunchType capacityProviderStrategy:CapacityProviderStrategy platformVersion:s scale:Scale clientToken:s tags:Tags
CreatedAt { before:t after:t
DaemonAlarmConfiguration { alarmNames:StringList enable:b
DaemonContainerDefinition { name:s !image:s memory:n memoryReservation:n repositoryCredentials:RepositoryCredentials healthCheck:HealthCheck cpu:n essential:b entryPoint:StringList command:StringList workingDirectory:s environmentFiles:EnvironmentFiles environment:EnvironmentVariables secrets:SecretList readonlyRootFilesystem:b mountPoints:MountPointList logConfiguration:LogConfiguration firelensConfiguration:FirelensConfiguration privileged:b user:s ulimits:UlimitList linuxParameters:DaemonLinuxParameters dependsOn:ContainerDependencies startTimeout:n stopTimeout:n systemControls:SystemControls interactive:b pseudoTerminal:b restartPolicy:ContainerRestartPolicy
DaemonContainerDefinitionList [ DaemonContainerDefinition - -
DaemonDeploymentConfiguration { drainPercent:DaemonDrainPercent alarms:DaemonAlarmConfiguration bakeTimeInMinutes:n
DaemonDeploymentStatus = PENDING SUCCESSFUL STOPPED STOP_REQUESTED IN_PROGRESS ROLLBACK_IN_PROGRESS ROLLBACK_SUCCESSFUL ROLLBACK_FAILED
DaemonDeploymentStatusList [ DaemonDeploymentStatus - -
DaemonDrainPercent n 0 100
DaemonLinuxParameters { capabilities:KernelCapabilities devices:DevicesList initProcessEnabled:b tmpfs:TmpfsList
DaemonPropagateTags = DAEMON NONE
DaemonTaskDefinitionRevisionFilter = LAST_REGISTERED
DaemonTaskDefinitionStatusFilter = ACTIVE DELETE_IN_PROGRESS ALL
DaemonVolume { name:s host:HostVolumeProperties logDriverVolumeConfiguration:LogDriverVolumeConfiguration
DaemonVolumeList [ DaemonVolume - -
DeleteAccountSettingRequest { !name:SettingName principalArn:s
DeleteAttributesRequest { cluster:s !attributes:Attributes
DeleteCapacityProviderRequest { !capacityProvider:s cluster:s
DeleteClusterRequest { !cluster:s
DeleteDaemonRequest { !daemonArn:s
DeleteDaemonTaskDefinitionRequest { !daemonTaskDefinition:s
DeleteExpressGatewayServiceRequest { !serviceArn:s
DeleteServiceRequest { cluster:s !service:s force:b
DeleteTaskDefinitionsRequest { !taskDefinitions:StringList
DeleteTaskSetRequest { !cluster:s !service:s !taskSet:s force:b
DeploymentAlarms { !alarmNames:StringList !rollback:b !enable:b
DeploymentCircuitBreaker { !enable:b !rollback:b resetOnHealthyTask:b thresholdConfiguration:ThresholdConfiguration
DeploymentConfiguration { deploymentCircuitBreaker:DeploymentCircuitBreaker maximumPercent:n minimumHealthyPercent:n alarms:DeploymentAlarms strategy:DeploymentStrategy bakeTimeInMinutes:n lifecycleHooks:DeploymentLifecycleHookList linearConfiguration:LinearConfiguration canaryConfiguration:CanaryConfiguration earlySuccessCriteria:DeploymentEarlySuccessCriteria
DeploymentController { !type:DeploymentControllerType
DeploymentControllerType = ECS CODE_DEPLOY EXTERNAL
DeploymentEarlySuccessCriteria { enable:b healthyPercent:n sourceServiceRevisionCleanup:s
DeploymentLifecycleHook { targetType:DeploymentLifecycleHookTargetType hookTargetArn:s roleArn:s lifecycleStages:DeploymentLifecycleHookStageList hookDetails:HookDetails timeoutConfiguration:DeploymentLifecycleHookTimeoutConfiguration
DeploymentLifecycleHookAction = ROLLBACK CONTINUE
DeploymentLifecycleHookDuration n 1 20160
DeploymentLifecycleHookList [ DeploymentLifecycleHook - -
DeploymentLifecycleHookStage = RECONCILE_SERVICE PRE_SCALE_UP POST_SCALE_UP TEST_TRAFFIC_SHIFT POST_TEST_TRAFFIC_SHIFT PRE_PRODUCTION_TRAFFIC_SHIFT PRODUCTION_TRAFFIC_SHIFT POST_PRODUCTION_TRAFFIC_SHIFT
DeploymentLifecycleHookStageList [ DeploymentLifecycleHookStage - -
DeploymentLifecycleHookTargetType = AWS_LAMBDA PAUSE
DeploymentLifecycleHookTimeoutConfiguration { timeoutInMinutes:DeploymentLifecycleHookDuration action:DeploymentLifecycleHookAction
DeploymentStrategy = ROLLING BLUE_GREEN LINEAR CANARY
DeregisterContainerInstanceRequest { cluster:s !containerInstance:s force:b
DeregisterTaskDefinitionRequest { !taskDefinition:s
DescribeCapacityProvidersRequest { capacityProviders:StringList cluster:s include:CapacityProviderFieldList maxResults:n nextToken:s
DescribeClustersRequest { clusters:StringList include:ClusterFieldList
DescribeContainerInstancesRequest { cluster:s !containerInstances:StringList include:ContainerInstanceFieldList
DescribeDaemonDeploymentsRequest { !daemonDeploymentArns:StringList
DescribeDaemonRequest { !daemonArn:s
DescribeDaemonRevisionsRequest { !daemonRevisionArns:StringList
DescribeDaemonTaskDefinitionRequest { !daemonTaskDefinition:s
DescribeExpressGatewayServiceRequest { !serviceArn:s include:ExpressGatewayServiceIncludeList
DescribeServiceDeploymentsRequest { !serviceDeploymentArns:StringList
DescribeServiceRevisionsRequest { !serviceRevisionArns:StringList
DescribeServicesRequest { cluster:s !services:StringList include:ServiceFieldList
DescribeTaskDefinitionRequest { !taskDefinition:s include:TaskDefinitionFieldList
DescribeTaskSetsRequest { !cluster:s !service:s taskSets:StringList include:TaskSetFieldList
DescribeTasksRequest { cluster:s !tasks:StringList include:TaskFieldList
DesiredStatus = RUNNING PENDING STOPPED
Device { !hostPath:s containerPath:s permissions:DeviceCgroupPermissions
DeviceCgroupPermission = read write mknod
DeviceCgroupPermissions [ DeviceCgroupPermission - -
DevicesList [ Device - -
DiscoverPollEndpointRequest { containerInstance:s cluster:s
DockerLabelsMap < s - -
DockerVolumeConfiguration { scope:Scope autoprovision:b driver:s driverOpts:StringMap labels:StringMap
Duration n 0 2147483647
EBSResourceType = volume
EBSTagSpecification { !resourceType:EBSResourceType tags:Tags propagateTags:PropagateTags
EBSTagSpecifications [ EBSTagSpecification - -
EFSAuthorizationConfig { accessPointId:s iam:EFSAuthorizationConfigIAM
EFSAuthorizationConfigIAM = ENABLED DISABLED
EFSTransitEncryption = ENABLED DISABLED
EFSVolumeConfiguration { !fileSystemId:s rootDirectory:s transitEncryption:EFSTransitEncryption transitEncryptionPort:n authorizationConfig:EFSAuthorizationConfig
EnvironmentFile { !value:s !type:EnvironmentFileType
EnvironmentFileType = s3
EnvironmentFiles [ EnvironmentFile - -
EnvironmentVariables [ KeyValuePair - -
EphemeralStorage { !sizeInGiB:n
ExcludedInstanceType s 1 30 [a-zA-Z0-9\.\*\-]+
ExcludedInstanceTypeSet [ ExcludedInstanceType 0 400
ExecuteCommandConfiguration { kmsKeyId:s logging:ExecuteCommandLogging logConfiguration:ExecuteCommandLogConfiguration
ExecuteCommandLogConfiguration { cloudWatchLogGroupName:s cloudWatchEncryptionEnabled:b s3BucketName:s s3EncryptionEnabled:b s3KeyPrefix:s
ExecuteCommandLogging = NONE DEFAULT OVERRIDE
ExecuteCommandRequest { cluster:s container:s !command:s !interactive:b !task:s
ExpressGatewayContainer { !image:s containerPort:n awsLogsConfiguration:ExpressGatewayServiceAwsLogsConfiguration repositoryCredentials:ExpressGatewayRepositoryCredentials command:StringList environment:EnvironmentVariables secrets:SecretList
ExpressGatewayRepositoryCredentials { credentialsParameter:s
ExpressGatewayScalingTarget { minTaskCount:n maxTaskCount:n autoScalingMetric:ExpressGatewayServiceScalingMetric autoScalingTargetValue:n
ExpressGatewayServiceAwsLogsConfiguration { !logGroup:s !logStreamPrefix:s
ExpressGatewayServiceInclude = TAGS
ExpressGatewayServiceIncludeList [ ExpressGatewayServiceInclude - -
ExpressGatewayServiceNetworkConfiguration { securityGroups:StringList subnets:StringList
ExpressGatewayServiceScalingMetric = AVERAGE_CPU AVERAGE_MEMORY REQUEST_COUNT_PER_TARGET
FSxWindowsFileServerAuthorizationConfig { !credentialsParameter:s !domain:s
FSxWindowsFileServerVolumeConfiguration { !fileSystemId:s !rootDirectory:s !authorizationConfig:FSxWindowsFileServerAuthorizationConfig
FirelensConfiguration { !type:FirelensConfigurationType options:FirelensConfigurationOptionsMap
FirelensConfigurationOptionsMap < s - -
FirelensConfigurationType = fluentd fluentbit
GatewayConnector { portName:s healthCheck:GatewayConnectorHealthCheck filters:GatewayConnectorFilters
GatewayConnectorFilters { accessTypes:sList
GatewayConnectorHealthCheck { healthCheckProtocol:s healthCheckPort:n healthCheckPath:s healthCheckTimeoutSeconds:n healthCheckIntervalSeconds:n healthyThresholdCount:n unhealthyThresholdCount:n matcher:GatewayConnectorHealthCheckMatcher
GatewayConnectorHealthCheckMatcher { httpCode:s grpcCode:s
GatewayConnectorList [ GatewayConnector - -
GetTaskProtectionRequest { !cluster:s tasks:StringList
HealthCheck { !command:StringList interval:n timeout:n retries:n startPeriod:n
HookDetails {
HostEntry { !hostname:s !ipAddress:s
HostEntryList [ HostEntry - -
HostVolumeProperties { sourcePath:s
InferenceAccelerator { !deviceName:s !deviceType:s
InferenceAcceleratorOverride { deviceName:s deviceType:s
InferenceAcceleratorOverrides [ InferenceAcceleratorOverride - -
InferenceAccelerators [ InferenceAccelerator - -
InfrastructureOptimization { scaleInAfter:n
InstanceGeneration = current previous
InstanceGenerationSet [ InstanceGeneration - -
InstanceLaunchTemplate { !ec2InstanceProfileArn:s !networkConfiguration:ManagedInstancesNetworkConfiguration storageConfiguration:ManagedInstancesStorageConfiguration localStorageConfiguration:ManagedInstancesLocalStorageConfiguration monitoring:ManagedInstancesMonitoringOptions capacityOptionType:CapacityOptionType instanceMetadataTagsPropagation:b instanceRequirements:InstanceRequirementsRequest fipsEnabled:b capacityReservations:CapacityReservationRequest
InstanceLaunchTemplateUpdate { ec2InstanceProfileArn:s networkConfiguration:ManagedInstancesNetworkConfiguration storageConfiguration:ManagedInstancesStorageConfiguration instanceMetadataTagsPropagation:b localStorageConfiguration:ManagedInstancesLocalStorageConfiguration monitoring:ManagedInstancesMonitoringOptions instanceRequirements:InstanceRequirementsRequest capacityReservations:CapacityReservationRequest
InstanceRequirementsRequest { !vCpuCount:VCpuCountRangeRequest !memoryMiB:MemoryMiBRequest cpuManufacturers:CpuManufacturerSet memoryGiBPerVCpu:MemoryGiBPerVCpuRequest excludedInstanceTypes:ExcludedInstanceTypeSet instanceGenerations:InstanceGenerationSet spotMaxPricePercentageOverLowestPrice:n onDemandMaxPricePercentageOverLowestPrice:n bareMetal:BareMetal burstablePerformance:BurstablePerformance requireHibernateSupport:b networkInterfaceCount:NetworkInterfaceCountRequest localStorage:LocalStorage localStorageTypes:LocalStorageTypeSet totalLocalStorageGB:TotalLocalStorageGBRequest baselineEbsBandwidthMbps:BaselineEbsBandwidthMbpsRequest acceleratorTypes:AcceleratorTypeSet acceleratorCount:AcceleratorCountRequest acceleratorManufacturers:AcceleratorManufacturerSet acceleratorNames:AcceleratorNameSet acceleratorTotalMemoryMiB:AcceleratorTotalMemoryMiBRequest networkBandwidthGbps:NetworkBandwidthGbpsRequest allowedInstanceTypes:AllowedInstanceTypeSet maxSpotPriceAsPercentageOfOptimalOnDemandPrice:n
IntegerList [ n - -
IpcMode = host task none
KernelCapabilities { add:StringList drop:StringList
KeyValuePair { name:s value:s
LaunchType = EC2 FARGATE EXTERNAL MANAGED_INSTANCES
LinearConfiguration { stepPercent:n stepBakeTimeInMinutes:n
LinuxParameters { capabilities:KernelCapabilities devices:DevicesList initProcessEnabled:b sharedMemorySize:n tmpfs:TmpfsList maxSwap:n swappiness:n
ListAccountSettingsRequest { name:SettingName value:s principalArn:s effectiveSettings:b nextToken:s maxResults:n
ListAttributesRequest { cluster:s !targetType:TargetType attributeName:s attributeValue:s nextToken:s maxResults:n
ListClustersRequest { nextToken:s maxResults:n
ListContainerInstancesRequest { cluster:s filter:s nextToken:s maxResults:n status:ContainerInstanceStatus
ListDaemonDeploymentsRequest { !daemonArn:s status:DaemonDeploymentStatusList createdAt:CreatedAt maxResults:n nextToken:s
ListDaemonTaskDefinitionsRequest { familyPrefix:s family:s revision:DaemonTaskDefinitionRevisionFilter status:DaemonTaskDefinitionStatusFilter sort:SortOrder nextToken:s maxResults:n
ListDaemonsRequest { clusterArn:s capacityProviderArns:StringList maxResults:n nextToken:s
ListServiceDeploymentsRequest { !service:s cluster:s status:ServiceDeploymentStatusList createdAt:CreatedAt nextToken:s maxResults:n
ListServicesByNamespaceRequest { !namespace:s nextToken:s maxResults:n
ListServicesRequest { cluster:s nextToken:s maxResults:n launchType:LaunchType schedulingStrategy:SchedulingStrategy resourceManagementType:ResourceManagementType
ListTagsForResourceRequest { !resourceArn:s
ListTaskDefinitionFamiliesRequest { familyPrefix:s status:TaskDefinitionFamilyStatus nextToken:s maxResults:n
ListTaskDefinitionsRequest { familyPrefix:s status:TaskDefinitionStatus sort:SortOrder nextToken:s maxResults:n
ListTasksRequest { cluster:s containerInstance:s family:s nextToken:s maxResults:n startedBy:s serviceName:s desiredStatus:DesiredStatus launchType:LaunchType daemonName:s
LoadBalancer { targetGroupArn:s loadBalancerName:s containerName:s containerPort:n advancedConfiguration:AdvancedConfiguration
LoadBalancers [ LoadBalancer - -
LocalStorage = included required excluded
LocalStorageType = hdd ssd
LocalStorageTypeSet [ LocalStorageType - -
LogConfiguration { !logDriver:LogDriver options:LogConfigurationOptionsMap secretOptions:SecretList
LogConfigurationOptionsMap < s - -
LogDriver = json-file syslog journald gelf fluentd awslogs splunk awsfirelens
LogDriverVolumeConfiguration { driver:s
ManagedAgentName = ExecuteCommandAgent
ManagedAgentStateChange { !containerName:s !managedAgentName:ManagedAgentName !status:s reason:s
ManagedAgentStateChanges [ ManagedAgentStateChange - -
ManagedDraining = ENABLED DISABLED
ManagedInstancesLocalStorageConfiguration { useLocalStorage:b
ManagedInstancesMonitoringOptions = BASIC DETAILED
ManagedInstancesNetworkConfiguration { subnets:StringList securityGroups:StringList
ManagedInstancesStorageConfiguration { storageSizeGiB:TaskVolumeStorageGiB
ManagedScaling { status:ManagedScalingStatus targetCapacity:ManagedScalingTargetCapacity minimumScalingStepSize:ManagedScalingStepSize maximumScalingStepSize:ManagedScalingStepSize instanceWarmupPeriod:ManagedScalingInstanceWarmupPeriod
ManagedScalingInstanceWarmupPeriod n 0 10000
ManagedScalingStatus = ENABLED DISABLED
ManagedScalingStepSize n 1 10000
ManagedScalingTargetCapacity n 1 100
ManagedStorageConfiguration { kmsKeyId:s fargateEphemeralStorageKmsKeyId:s
ManagedTerminationProtection = ENABLED DISABLED
MemoryGiBPerVCpuRequest { min:n max:n
MemoryMiBRequest { !min:n max:n
MetricConfiguration { metricNames:sList resolutionSeconds:n
MetricConfigurationList [ MetricConfiguration - -
MonitoringConfiguration { metricConfigurations:MetricConfigurationList
MountPoint { sourceVolume:s containerPath:s readOnly:b
MountPointList [ MountPoint - -
NetworkBandwidthGbpsRequest { min:n max:n
NetworkBinding { bindIP:s containerPort:n hostPort:n protocol:TransportProtocol containerPortRange:s hostPortRange:s
NetworkBindings [ NetworkBinding - -
NetworkConfiguration { awsvpcConfiguration:AwsVpcConfiguration
NetworkInterfaceCountRequest { min:n max:n
NetworkMode = bridge host awsvpc none
NvidiaMpsAllocation { memory:n maxComputePercent:n
OSFamily = WINDOWS_SERVER_2019_FULL WINDOWS_SERVER_2019_CORE WINDOWS_SERVER_2016_FULL WINDOWS_SERVER_2004_CORE WINDOWS_SERVER_2022_CORE WINDOWS_SERVER_2022_FULL WINDOWS_SERVER_2025_CORE WINDOWS_SERVER_2025_FULL WINDOWS_SERVER_20H2_CORE LINUX
PidMode = host task
PlacementConstraint { type:PlacementConstraintType expression:s
PlacementConstraintType = distinctInstance memberOf
PlacementConstraints [ PlacementConstraint - -
PlacementStrategies [ PlacementStrategy - -
PlacementStrategy { type:PlacementStrategyType field:s
PlacementStrategyType = random spread binpack
PlatformDevice { !id:s !type:PlatformDeviceType
PlatformDeviceType = GPU NEURON_DEVICE
PlatformDevices [ PlatformDevice - -
PortMapping { containerPort:n hostPort:n protocol:TransportProtocol name:s appProtocol:ApplicationProtocol containerPortRange:s
PortMappingList [ PortMapping - -
PortNumber n 0 65535
PropagateMITags = CAPACITY_PROVIDER NONE
PropagateTags = TASK_DEFINITION SERVICE NONE
ProxyConfiguration { type:ProxyConfigurationType !containerName:s properties:ProxyConfigurationProperties
ProxyConfigurationProperties [ KeyValuePair - -
ProxyConfigurationType = APPMESH
PutAccountSettingDefaultRequest { !name:SettingName !value:s
PutAccountSettingRequest { !name:SettingName !value:s principalArn:s
PutAttributesRequest { cluster:s !attributes:Attributes
PutClusterCapacityProvidersRequest { !cluster:s !capacityProviders:StringList !defaultCapacityProviderStrategy:CapacityProviderStrategy
RegisterContainerInstanceRequest { cluster:s instanceIdentityDocument:s instanceIdentityDocumentSignature:s totalResources:Resources versionInfo:VersionInfo containerInstanceArn:s attributes:Attributes platformDevices:PlatformDevices tags:Tags
RegisterDaemonTaskDefinitionRequest { !family:s taskRoleArn:s executionRoleArn:s !containerDefinitions:DaemonContainerDefinitionList cpu:s memory:s volumes:DaemonVolumeList tags:Tags pidMode:s ipcMode:s
RegisterTaskDefinitionRequest { !family:s taskRoleArn:s executionRoleArn:s networkMode:NetworkMode !containerDefinitions:ContainerDefinitions volumes:VolumeList placementConstraints:TaskDefinitionPlacementConstraints requiresCompatibilities:CompatibilityList cpu:s memory:s tags:Tags pidMode:PidMode ipcMode:IpcMode proxyConfiguration:ProxyConfiguration inferenceAccelerators:InferenceAccelerators ephemeralStorage:EphemeralStorage runtimePlatform:RuntimePlatform enableFaultInjection:b
RepositoryCredentials { !credentialsParameter:s
Resource { name:s type:s doubleValue:n longValue:n integerValue:n stringSetValue:StringList
ResourceManagementType = CUSTOMER ECS
ResourceRequirement { !value:s !type:ResourceType sharingStrategy:SharingStrategy
ResourceRequirements [ ResourceRequirement - -
ResourceType = GPU InferenceAccelerator NeuronDevice
Resources [ Resource - -
RunTaskRequest { capacityProviderStrategy:CapacityProviderStrategy cluster:s count:n enableECSManagedTags:b enableExecuteCommand:b group:s launchType:LaunchType networkConfiguration:NetworkConfiguration overrides:TaskOverride placementConstraints:PlacementConstraints placementStrategy:PlacementStrategies platformVersion:s propagateTags:PropagateTags referenceId:s startedBy:s tags:Tags !taskDefinition:s clientToken:s volumeConfigurations:TaskVolumeConfigurations
RuntimePlatform { cpuArchitecture:CPUArchitecture operatingSystemFamily:OSFamily
S3FilesVolumeConfiguration { !fileSystemArn:s rootDirectory:s transitEncryptionPort:n accessPointArn:s
Scale { value:n unit:ScaleUnit
ScaleUnit = PERCENT
SchedulingStrategy = REPLICA DAEMON
Scope = task shared
Secret { !name:s !valueFrom:s
SecretList [ Secret - -
ServiceConnectAccessLogConfiguration { !format:ServiceConnectAccessLoggingFormat includeQueryParameters:ServiceConnectIncludeQueryParameters
ServiceConnectAccessLoggingFormat = TEXT JSON
ServiceConnectClientAlias { !port:PortNumber dnsName:s testTrafficRules:ServiceConnectTestTrafficRules
ServiceConnectClientAliasList [ ServiceConnectClientAlias - -
ServiceConnectConfiguration { !enabled:b namespace:s services:ServiceConnectServiceList logConfiguration:LogConfiguration accessLogConfiguration:ServiceConnectAccessLogConfiguration containerConfigurations:ServiceConnectContainerConfigurations
ServiceConnectContainerConfiguration { logLevel:s
ServiceConnectContainerConfigurations [ ServiceConnectContainerConfiguration - -
ServiceConnectIncludeQueryParameters = DISABLED ENABLED
ServiceConnectService { !portName:s discoveryName:s clientAliases:ServiceConnectClientAliasList ingressPortOverride:PortNumber timeout:TimeoutConfiguration tls:ServiceConnectTlsConfiguration
ServiceConnectServiceList [ ServiceConnectService - -
ServiceConnectTestTrafficHeaderMatchRules { !exact:s
ServiceConnectTestTrafficHeaderRules { !name:s value:ServiceConnectTestTrafficHeaderMatchRules
ServiceConnectTestTrafficRules { !header:ServiceConnectTestTrafficHeaderRules
ServiceConnectTlsCertificateAuthority { awsPcaAuthorityArn:s
ServiceConnectTlsConfiguration { !issuerCertificateAuthority:ServiceConnectTlsCertificateAuthority kmsKey:s roleArn:s
ServiceDeploymentStatus = PENDING SUCCESSFUL STOPPED STOP_REQUESTED IN_PROGRESS ROLLBACK_REQUESTED ROLLBACK_IN_PROGRESS ROLLBACK_SUCCESSFUL ROLLBACK_FAILED
ServiceDeploymentStatusList [ ServiceDeploymentStatus - -
ServiceField = TAGS
ServiceFieldList [ ServiceField - -
ServiceManagedEBSVolumeConfiguration { encrypted:b kmsKeyId:s volumeType:s sizeInGiB:n snapshotId:s volumeInitializationRate:n iops:n throughput:n tagSpecifications:EBSTagSpecifications !roleArn:s filesystemType:TaskFilesystemType
ServiceRegistries [ ServiceRegistry - -
ServiceRegistry { registryArn:s port:n containerName:s containerPort:n
ServiceVolumeConfiguration { !name:s managedEBSVolume:ServiceManagedEBSVolumeConfiguration
ServiceVolumeConfigurations [ ServiceVolumeConfiguration - -
SettingName = serviceLongArnFormat taskLongArnFormat containerInstanceLongArnFormat awsvpcTrunking containerInsights fargateFIPSMode tagResourceAuthorization fargateTaskRetirementWaitPeriod guardDutyActivate defaultLogDriverMode fargateEventWindows
SharingStrategy { nvidiaMps:NvidiaMpsAllocation
SortOrder = ASC DESC
StartTaskRequest { cluster:s !containerInstances:StringList enableECSManagedTags:b enableExecuteCommand:b group:s networkConfiguration:NetworkConfiguration overrides:TaskOverride propagateTags:PropagateTags referenceId:s startedBy:s tags:Tags !taskDefinition:s volumeConfigurations:TaskVolumeConfigurations
StopServiceDeploymentRequest { !serviceDeploymentArn:s stopType:StopServiceDeploymentStopType
StopServiceDeploymentStopType = ABORT ROLLBACK
StopTaskRequest { cluster:s !task:s reason:s
StringList [ s - -
StringMap < s - -
SubmitAttachmentStateChangesRequest { cluster:s !attachments:AttachmentStateChanges
SubmitContainerStateChangeRequest { cluster:s task:s containerName:s runtimeId:s status:s exitCode:n reason:s networkBindings:NetworkBindings
SubmitTaskStateChangeRequest { cluster:s task:s status:s reason:s containers:ContainerStateChanges attachments:AttachmentStateChanges managedAgents:ManagedAgentStateChanges pullStartedAt:t pullStoppedAt:t executionStoppedAt:t
SystemControl { namespace:s value:s
SystemControls [ SystemControl - -
Tag { key:TagKey value:TagValue
TagKey s 1 128 ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)
TagKeys [ TagKey - -
TagResourceRequest { !resourceArn:s !tags:Tags
TagValue s 0 256 ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)
Tags [ Tag 0 50
TargetType = container-instance
TaskDefinitionFamilyStatus = ACTIVE INACTIVE ALL
TaskDefinitionField = TAGS
TaskDefinitionFieldList [ TaskDefinitionField - -
TaskDefinitionPlacementConstraint { type:TaskDefinitionPlacementConstraintType expression:s
TaskDefinitionPlacementConstraintType = memberOf
TaskDefinitionPlacementConstraints [ TaskDefinitionPlacementConstraint - -
TaskDefinitionStatus = ACTIVE INACTIVE DELETE_IN_PROGRESS
TaskField = TAGS
TaskFieldList [ TaskField - -
TaskFilesystemType = ext3 ext4 xfs ntfs
TaskManagedEBSVolumeConfiguration { encrypted:b kmsKeyId:s volumeType:s sizeInGiB:n snapshotId:s volumeInitializationRate:n iops:n throughput:n tagSpecifications:EBSTagSpecifications !roleArn:s terminationPolicy:TaskManagedEBSVolumeTerminationPolicy filesystemType:TaskFilesystemType
TaskManagedEBSVolumeTerminationPolicy { !deleteOnTermination:b
TaskOverride { containerOverrides:ContainerOverrides cpu:s inferenceAcceleratorOverrides:InferenceAcceleratorOverrides executionRoleArn:s memory:s taskRoleArn:s ephemeralStorage:EphemeralStorage
TaskSetField = TAGS
TaskSetFieldList [ TaskSetField - -
TaskVolumeConfiguration { !name:s managedEBSVolume:TaskManagedEBSVolumeConfiguration
TaskVolumeConfigurations [ TaskVolumeConfiguration - -
TaskVolumeStorageGiB n 1 -
ThresholdConfiguration { type:s value:n
TimeoutConfiguration { idleTimeoutSeconds:Duration perRequestTimeoutSeconds:Duration
Tmpfs { !containerPath:s !size:n mountOptions:StringList
TmpfsList [ Tmpfs - -
TotalLocalStorageGBRequest { min:n max:n
TransportProtocol = tcp udp
Ulimit { !name:UlimitName !softLimit:n !hardLimit:n
UlimitList [ Ulimit - -
UlimitName = core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack
UntagResourceRequest { !resourceArn:s !tagKeys:TagKeys
UpdateCapacityProviderRequest { !name:s cluster:s autoScalingGroupProvider:AutoScalingGroupProviderUpdate managedInstancesProvider:UpdateManagedInstancesProviderConfiguration
UpdateClusterRequest { !cluster:s settings:ClusterSettings configuration:ClusterConfiguration serviceConnectDefaults:ClusterServiceConnectDefaultsRequest
UpdateClusterSettingsRequest { !cluster:s !settings:ClusterSettings
UpdateContainerAgentRequest { cluster:s !containerInstance:s
UpdateContainerInstancesStateRequest { cluster:s !containerInstances:StringList !status:ContainerInstanceStatus
UpdateDaemonRequest { !daemonArn:s !daemonTaskDefinitionArn:s !capacityProviderArns:StringList deploymentConfiguration:DaemonDeploymentConfiguration propagateTags:DaemonPropagateTags enableECSManagedTags:b enableExecuteCommand:b critical:b
UpdateExpressGatewayServiceRequest { !serviceArn:s executionRoleArn:s healthCheckPath:s primaryContainer:ExpressGatewayContainer taskRoleArn:s networkConfiguration:ExpressGatewayServiceNetworkConfiguration cpu:s memory:s scalingTarget:ExpressGatewayScalingTarget cpuArchitecture:s taskDefinitionArn:s
UpdateManagedInstancesProviderConfiguration { !infrastructureRoleArn:s !instanceLaunchTemplate:InstanceLaunchTemplateUpdate propagateTags:PropagateMITags infrastructureOptimization:InfrastructureOptimization autoRepairConfiguration:AutoRepairConfiguration
UpdateServicePrimaryTaskSetRequest { !cluster:s !service:s !primaryTaskSet:s
UpdateServiceRequest { cluster:s !service:s desiredCount:n taskDefinition:s capacityProviderStrategy:CapacityProviderStrategy deploymentConfiguration:DeploymentConfiguration availabilityZoneRebalancing:AvailabilityZoneRebalancing networkConfiguration:NetworkConfiguration placementConstraints:PlacementConstraints placementStrategy:PlacementStrategies platformVersion:s forceNewDeployment:b healthCheckGracePeriodSeconds:n deploymentController:DeploymentController enableExecuteCommand:b enableECSManagedTags:b loadBalancers:LoadBalancers propagateTags:PropagateTags serviceRegistries:ServiceRegistries serviceConnectConfiguration:ServiceConnectConfiguration volumeConfigurations:ServiceVolumeConfigurations vpcLatticeConfigurations:VpcLatticeConfigurations gatewayConnectors:GatewayConnectorList monitoring:MonitoringConfiguration
UpdateTaskProtectionRequest { !cluster:s !tasks:StringList !protectionEnabled:b expiresInMinutes:n
UpdateTaskSetRequest { !cluster:s !service:s !taskSet:s !scale:Scale
VCpuCountRangeRequest { !min:n max:n
VersionConsistency = enabled disabled
VersionInfo { agentVersion:s agentHash:s dockerVersion:s
Volume { name:s host:HostVolumeProperties dockerVolumeConfiguration:DockerVolumeConfiguration efsVolumeConfiguration:EFSVolumeConfiguration s3filesVolumeConfiguration:S3FilesVolumeConfiguration fsxWindowsFileServerVolumeConfiguration:FSxWindowsFileServerVolumeConfiguration configuredAtLaunch:b
VolumeFrom { sourceContainer:s readOnly:b
VolumeFromList [ VolumeFrom - -
VolumeList [ Volume - -
VpcLatticeAdvancedConfiguration { alternateTargetGroupArn:s productionListenerRule:s testListenerRule:s
VpcLatticeConfiguration { !roleArn:s !targetGroupArn:s !portName:s advancedConfiguration:VpcLatticeAdvancedConfiguration
VpcLatticeConfigurations [ VpcLatticeConfiguration - -
sList [ s - -
`,
  ecr: String.raw`
AccountSettingName s 1 64
ArtifactStatusFilter = ACTIVE ARCHIVED ACTIVATING ANY
ArtifactType s 1 255
ArtifactTypeList [ ArtifactType 0 5
BatchCheckLayerAvailabilityRequest { registryId:RegistryId !repositoryName:RepositoryName !layerDigests:BatchedOperationLayerDigestList
BatchDeleteImageRequest { registryId:RegistryId !repositoryName:RepositoryName !imageIds:ImageIdentifierList
BatchGetImageRequest { registryId:RegistryId !repositoryName:RepositoryName !imageIds:ImageIdentifierList acceptedMediaTypes:MediaTypeList
BatchGetRepositoryScanningConfigurationRequest { !repositoryNames:ScanningConfigurationRepositoryNameList
BatchedOperationLayerDigest s 0 1000
BatchedOperationLayerDigestList [ BatchedOperationLayerDigest 1 100
CompleteLayerUploadRequest { registryId:RegistryId !repositoryName:RepositoryName !uploadId:UploadId !layerDigests:LayerDigestList
CreatePullThroughCacheRuleRequest { !ecrRepositoryPrefix:PullThroughCacheRuleRepositoryPrefix !upstreamRegistryUrl:s registryId:RegistryId upstreamRegistry:UpstreamRegistry credentialArn:CredentialArn customRoleArn:CustomRoleArn upstreamRepositoryPrefix:PullThroughCacheRuleRepositoryPrefix
CreateRepositoryCreationTemplateRequest { !prefix:Prefix description:RepositoryTemplateDescription encryptionConfiguration:EncryptionConfigurationForRepositoryCreationTemplate resourceTags:TagList imageTagMutability:ImageTagMutability imageTagMutabilityExclusionFilters:ImageTagMutabilityExclusionFilters repositoryPolicy:RepositoryPolicyText lifecyclePolicy:LifecyclePolicyTextForRepositoryCreationTemplate !appliedFor:RCTAppliedForList customRoleArn:CustomRoleArn
CreateRepositoryRequest { registryId:RegistryId !repositoryName:RepositoryName tags:TagList imageTagMutability:ImageTagMutability imageTagMutabilityExclusionFilters:ImageTagMutabilityExclusionFilters imageScanningConfiguration:ImageScanningConfiguration encryptionConfiguration:EncryptionConfiguration
CredentialArn s 50 612 ^arn:aws(-\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr\-pullthroughcache\/[a-zA-Z0-9\/_+=.@-]+$
CustomRoleArn s - 2048
DeleteLifecyclePolicyRequest { registryId:RegistryId !repositoryName:RepositoryName
DeletePullThroughCacheRuleRequest { !ecrRepositoryPrefix:PullThroughCacheRuleRepositoryPrefix registryId:RegistryId
DeleteRegistryPolicyRequest {
DeleteRepositoryCreationTemplateRequest { !prefix:Prefix
DeleteRepositoryPolicyRequest { registryId:RegistryId !repositoryName:RepositoryName
DeleteRepositoryRequest { registryId:RegistryId !repositoryName:RepositoryName force:b
DeleteSigningConfigurationRequest {
DeregisterPullTimeUpdateExclusionRequest { !principalArn:PrincipalArn
DescribeImageReplicationStatusRequest { !repositoryName:RepositoryName !imageId:ImageIdentifier registryId:RegistryId
DescribeImageScanFindingsRequest { registryId:RegistryId !repositoryName:RepositoryName !imageId:ImageIdentifier nextToken:s maxResults:MaxResults
DescribeImageSigningStatusRequest { !repositoryName:RepositoryName !imageId:ImageIdentifier registryId:RegistryId
DescribeImagesFilter { tagStatus:TagStatus imageStatus:ImageStatusFilter
DescribeImagesRequest { registryId:RegistryId !repositoryName:RepositoryName imageIds:ImageIdentifierList nextToken:s maxResults:MaxResults filter:DescribeImagesFilter
DescribePullThroughCacheRulesRequest { registryId:RegistryId ecrRepositoryPrefixes:PullThroughCacheRuleRepositoryPrefixList nextToken:s maxResults:MaxResults
DescribeRegistryRequest {
DescribeRepositoriesRequest { registryId:RegistryId repositoryNames:RepositoryNameList nextToken:s maxResults:MaxResults
DescribeRepositoryCreationTemplatesRequest { prefixes:PrefixList nextToken:s maxResults:MaxResults
EncryptionConfiguration { !encryptionType:EncryptionType kmsKey:KmsKey
EncryptionConfigurationForRepositoryCreationTemplate { !encryptionType:EncryptionType kmsKey:KmsKeyForRepositoryCreationTemplate
EncryptionType = AES256 KMS KMS_DSSE
FiftyMaxResults n 1 50
GetAccountSettingRequest { !name:AccountSettingName
GetAuthorizationTokenRegistryIdList [ RegistryId 1 10
GetAuthorizationTokenRequest { registryIds:GetAuthorizationTokenRegistryIdList
GetDownloadUrlForLayerRequest { registryId:RegistryId !repositoryName:RepositoryName !layerDigest:LayerDigest
GetLifecyclePolicyPreviewRequest { registryId:RegistryId !repositoryName:RepositoryName imageIds:ImageIdentifierList nextToken:s maxResults:LifecyclePreviewMaxResults filter:LifecyclePolicyPreviewFilter
GetLifecyclePolicyRequest { registryId:RegistryId !repositoryName:RepositoryName
GetRegistryPolicyRequest {
GetRegistryScanningConfigurationRequest {
GetRepositoryPolicyRequest { registryId:RegistryId !repositoryName:RepositoryName
GetSigningConfigurationRequest {
ImageIdentifier { imageDigest:s imageTag:ImageTag
ImageIdentifierList [ ImageIdentifier 1 100
ImageManifest s 1 4194304
ImageScanningConfiguration { scanOnPush:b
ImageStatusFilter = ACTIVE ARCHIVED ACTIVATING ANY
ImageTag s 1 300 [a-zA-Z0-9-_.]+
ImageTagMutability = MUTABLE IMMUTABLE IMMUTABLE_WITH_EXCLUSION MUTABLE_WITH_EXCLUSION
ImageTagMutabilityExclusionFilter { !filterType:ImageTagMutabilityExclusionFilterType !filter:ImageTagMutabilityExclusionFilterValue
ImageTagMutabilityExclusionFilterType = WILDCARD
ImageTagMutabilityExclusionFilterValue s 1 128 ^[0-9a-zA-Z._*-]{1,128}$
ImageTagMutabilityExclusionFilters [ ImageTagMutabilityExclusionFilter 1 5
InitiateLayerUploadRequest { registryId:RegistryId !repositoryName:RepositoryName
KmsKey s 1 2048
KmsKeyForRepositoryCreationTemplate s 0 2048 ^$|arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:[0-9]{12}:key\/[a-z0-9-]+
LayerDigest s - - [a-zA-Z0-9-_+.]+:[a-fA-F0-9]+
LayerDigestList [ LayerDigest 1 100
LayerPartBlob x 0 20971520
LifecyclePolicyPreviewFilter { tagStatus:TagStatus
LifecyclePolicyText s 100 30720
LifecyclePolicyTextForRepositoryCreationTemplate s 0 30720
LifecyclePreviewMaxResults n 1 100
ListImageReferrersFilter { artifactTypes:ArtifactTypeList artifactStatus:ArtifactStatusFilter
ListImageReferrersRequest { registryId:RegistryId !repositoryName:RepositoryName !subjectId:SubjectIdentifier filter:ListImageReferrersFilter nextToken:s maxResults:FiftyMaxResults
ListImagesFilter { tagStatus:TagStatus imageStatus:ImageStatusFilter
ListImagesRequest { registryId:RegistryId !repositoryName:RepositoryName nextToken:s maxResults:MaxResults filter:ListImagesFilter
ListPullTimeUpdateExclusionsRequest { maxResults:MaxResults nextToken:s
ListTagsForResourceRequest { !resourceArn:s
MaxResults n 1 1000
MediaTypeList [ s 1 100
PartSize n 0 -
Prefix s 1 256 ^([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\/?|ROOT)$
PrefixList [ Prefix - -
PrincipalArn s - 200 ^arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[\w+=,.@-]+(/[\w+=,.@-]+)*$
PullThroughCacheRuleRepositoryPrefix s 2 30 ^([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\/?|ROOT)$
PullThroughCacheRuleRepositoryPrefixList [ PullThroughCacheRuleRepositoryPrefix 1 100
PutAccountSettingRequest { !name:AccountSettingName !value:s
PutImageRequest { registryId:RegistryId !repositoryName:RepositoryName !imageManifest:ImageManifest imageManifestMediaType:s imageTag:ImageTag imageDigest:s
PutImageScanningConfigurationRequest { registryId:RegistryId !repositoryName:RepositoryName !imageScanningConfiguration:ImageScanningConfiguration
PutImageTagMutabilityRequest { registryId:RegistryId !repositoryName:RepositoryName !imageTagMutability:ImageTagMutability imageTagMutabilityExclusionFilters:ImageTagMutabilityExclusionFilters
PutLifecyclePolicyRequest { registryId:RegistryId !repositoryName:RepositoryName !lifecyclePolicyText:LifecyclePolicyText
PutRegistryPolicyRequest { !policyText:RegistryPolicyText
PutRegistryScanningConfigurationRequest { scanType:ScanType rules:RegistryScanningRuleList
PutReplicationConfigurationRequest { !replicationConfiguration:ReplicationConfiguration
PutSigningConfigurationRequest { !signingConfiguration:SigningConfiguration
RCTAppliedFor = REPLICATION PULL_THROUGH_CACHE CREATE_ON_PUSH
RCTAppliedForList [ RCTAppliedFor - -
Region s 2 25 [0-9a-z-]{2,25}
RegisterPullTimeUpdateExclusionRequest { !principalArn:PrincipalArn
RegistryId s - - [0-9]{12}
RegistryPolicyText s 0 10240
RegistryScanningRule { !scanFrequency:ScanFrequency !repositoryFilters:ScanningRepositoryFilterList
RegistryScanningRuleList [ RegistryScanningRule 0 2
ReplicationConfiguration { !rules:ReplicationRuleList
ReplicationDestination { !region:Region !registryId:RegistryId
ReplicationDestinationList [ ReplicationDestination 0 100
ReplicationRule { !destinations:ReplicationDestinationList repositoryFilters:RepositoryFilterList
ReplicationRuleList [ ReplicationRule 0 10
RepositoryFilter { !filter:RepositoryFilterValue !filterType:RepositoryFilterType
RepositoryFilterList [ RepositoryFilter 1 100
RepositoryFilterType = PREFIX_MATCH
RepositoryFilterValue s 2 256 ^(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*$
RepositoryName s 2 256 [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*
RepositoryNameList [ RepositoryName 1 100
RepositoryPolicyText s 0 10240
RepositoryTemplateDescription s - 256
ScanFrequency = SCAN_ON_PUSH CONTINUOUS_SCAN MANUAL
ScanType = BASIC ENHANCED
ScanningConfigurationRepositoryNameList [ RepositoryName 1 25
ScanningRepositoryFilter { !filter:ScanningRepositoryFilterValue !filterType:ScanningRepositoryFilterType
ScanningRepositoryFilterList [ ScanningRepositoryFilter 0 100
ScanningRepositoryFilterType = WILDCARD
ScanningRepositoryFilterValue s 1 255 ^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$
SetRepositoryPolicyRequest { registryId:RegistryId !repositoryName:RepositoryName !policyText:RepositoryPolicyText force:b
SigningConfiguration { !rules:SigningRuleList
SigningProfileArn s - 200 ^arn:aws(-[a-z]+)*:signer:[a-z0-9-]+:[0-9]{12}:\/signing-profiles\/[a-zA-Z0-9_]{2,}$
SigningRepositoryFilter { !filter:SigningRepositoryFilterValue !filterType:SigningRepositoryFilterType
SigningRepositoryFilterList [ SigningRepositoryFilter 1 100
SigningRepositoryFilterType = WILDCARD_MATCH
SigningRepositoryFilterValue s 1 256 ^(?:[a-z0-9*]+(?:[._-][a-z0-9*]+)*/)*[a-z0-9*]+(?:[._-][a-z0-9*]+)*$
SigningRule { !signingProfileArn:SigningProfileArn repositoryFilters:SigningRepositoryFilterList
SigningRuleList [ SigningRule 0 10
StartImageScanRequest { registryId:RegistryId !repositoryName:RepositoryName !imageId:ImageIdentifier
StartLifecyclePolicyPreviewRequest { registryId:RegistryId !repositoryName:RepositoryName lifecyclePolicyText:LifecyclePolicyText
SubjectIdentifier { !imageDigest:s
Tag { !Key:s !Value:s
TagKeyList [ s - -
TagList [ Tag - -
TagResourceRequest { !resourceArn:s !tags:TagList
TagStatus = TAGGED UNTAGGED ANY
TargetStorageClass = STANDARD ARCHIVE
UntagResourceRequest { !resourceArn:s !tagKeys:TagKeyList
UpdateImageStorageClassRequest { registryId:RegistryId !repositoryName:RepositoryName !imageId:ImageIdentifier !targetStorageClass:TargetStorageClass
UpdatePullThroughCacheRuleRequest { registryId:RegistryId !ecrRepositoryPrefix:PullThroughCacheRuleRepositoryPrefix credentialArn:CredentialArn customRoleArn:CustomRoleArn
UpdateRepositoryCreationTemplateRequest { !prefix:Prefix description:RepositoryTemplateDescription encryptionConfiguration:EncryptionConfigurationForRepositoryCreationTemplate resourceTags:TagList imageTagMutability:ImageTagMutability imageTagMutabilityExclusionFilters:ImageTagMutabilityExclusionFilters repositoryPolicy:RepositoryPolicyText lifecyclePolicy:LifecyclePolicyTextForRepositoryCreationTemplate appliedFor:RCTAppliedForList customRoleArn:CustomRoleArn
UploadId s - - [0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}
UploadLayerPartRequest { registryId:RegistryId !repositoryName:RepositoryName !uploadId:UploadId !partFirstByte:PartSize !partLastByte:PartSize !layerPartBlob:LayerPartBlob
UpstreamRegistry = ecr ecr-public quay k8s docker-hub github-container-registry azure-container-registry gitlab-container-registry chainguard
ValidatePullThroughCacheRuleRequest { !ecrRepositoryPrefix:PullThroughCacheRuleRepositoryPrefix registryId:RegistryId
`,
  logs: String.raw`
AccountId s 12 12 ^\d{12}$
AccountIds [ AccountId 0 20
AmazonResourceName s 1 1011 [\w+=/:,.@-]*
CreateLogGroupRequest { !logGroupName:LogGroupName kmsKeyId:KmsKeyId tags:Tags logGroupClass:LogGroupClass deletionProtectionEnabled:b
CreateLogStreamRequest { !logGroupName:LogGroupName !logStreamName:LogStreamName
DataSourceFilter { !name:s type:s
DataSourceFilters [ DataSourceFilter 1 5
DeleteLogGroupRequest { !logGroupName:LogGroupName
DeleteLogStreamRequest { !logGroupName:LogGroupName !logStreamName:LogStreamName
DeleteRetentionPolicyRequest { !logGroupName:LogGroupName
DescribeLimit n 1 50
DescribeLogGroupsLogGroupIdentifiers [ LogGroupIdentifier 1 50
DescribeLogGroupsRequest { accountIdentifiers:AccountIds logGroupNamePrefix:LogGroupName logGroupNamePattern:LogGroupNamePattern nextToken:NextToken limit:DescribeLimit includeLinkedAccounts:b logGroupClass:LogGroupClass logGroupIdentifiers:DescribeLogGroupsLogGroupIdentifiers
DescribeLogStreamsRequest { logGroupName:LogGroupName logGroupIdentifier:LogGroupIdentifier logStreamNamePrefix:LogStreamName orderBy:OrderBy descending:b nextToken:NextToken limit:DescribeLimit
Entity { keyAttributes:EntityKeyAttributes attributes:EntityAttributes
EntityAttributes < EntityAttributesValue 0 10
EntityAttributesValue s 1 512
EntityKeyAttributes < EntityKeyAttributesValue 2 4
EntityKeyAttributesValue s 1 512
EventMessage s 1 -
EventsLimit n 1 10000
FieldIndexName s 1 512 [\.\-_/#A-Za-z0-9]+
FieldIndexNames [ FieldIndexName 1 20
FilterLogEventsRequest { logGroupName:LogGroupName logGroupIdentifier:LogGroupIdentifier logStreamNames:InputLogStreamNames logStreamNamePrefix:LogStreamName startTime:Timestamp endTime:Timestamp filterPattern:FilterPattern nextToken:NextToken limit:EventsLimit interleaved:b unmask:b startFromHead:b
FilterPattern s 0 1024
GetLogEventsRequest { logGroupName:LogGroupName logGroupIdentifier:LogGroupIdentifier !logStreamName:LogStreamName startTime:Timestamp endTime:Timestamp nextToken:NextToken limit:EventsLimit startFromHead:b unmask:b
InputLogEvent { !timestamp:Timestamp !message:EventMessage
InputLogEvents [ InputLogEvent 1 10000
InputLogStreamNames [ LogStreamName 1 100
KmsKeyId s - 256
ListLimit n 1 1000
ListLogGroupsRequest { logGroupNamePattern:LogGroupNameRegexPattern logGroupClass:LogGroupClass includeLinkedAccounts:b accountIdentifiers:AccountIds nextToken:NextToken limit:ListLimit dataSources:DataSourceFilters fieldIndexNames:FieldIndexNames logGroupTags:TagFilters
ListTagsForResourceRequest { !resourceArn:AmazonResourceName
ListTagsLogGroupRequest { !logGroupName:LogGroupName
LogGroupClass = STANDARD INFREQUENT_ACCESS DELIVERY ESSENTIALS
LogGroupIdentifier s 1 2048 [\w#+=/:,.@-]*
LogGroupName s 1 512 [\.\-_/#A-Za-z0-9]+
LogGroupNamePattern s 0 512 [\.\-_/#A-Za-z0-9]*
LogGroupNameRegexPattern s 3 129 (\^?[\.\-_\/#A-Za-z0-9]{3,24})(\|\^?[\.\-_\/#A-Za-z0-9]{3,24}){0,4}
LogStreamName s 1 512 [^:*]*
NextToken s 1 -
OrderBy = LogStreamName LastEventTime
PutLogEventsRequest { !logGroupName:LogGroupName !logStreamName:LogStreamName !logEvents:InputLogEvents sequenceToken:SequenceToken entity:Entity
PutRetentionPolicyRequest { !logGroupName:LogGroupName !retentionInDays:n
SequenceToken s 1 -
TagFilter { !key:TagFilterKey values:TagFilterValues
TagFilterKey s 1 128 ^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$
TagFilterValue s 0 259 ^!?\*?([\p{L}\p{Z}\p{N}_.:/=+\-@]*)\*?$
TagFilterValues [ TagFilterValue 0 5
TagFilters [ TagFilter 1 5
TagKey s 1 128 ^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$
TagKeyList [ TagKey 0 50
TagList [ TagKey 1 -
TagLogGroupRequest { !logGroupName:LogGroupName !tags:Tags
TagResourceRequest { !resourceArn:AmazonResourceName !tags:Tags
TagValue s - 256 ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$
Tags < TagValue 1 50
Timestamp n 0 -
UntagLogGroupRequest { !logGroupName:LogGroupName !tags:TagList
UntagResourceRequest { !resourceArn:AmazonResourceName !tagKeys:TagKeyList
`,
  secretsmanager: String.raw`
AddReplicaRegionListType [ ReplicaRegionType 1 -
ClientRequestTokenType s 32 64
CreateSecretRequest { !Name:NameType ClientRequestToken:ClientRequestTokenType Description:DescriptionType KmsKeyId:KmsKeyIdType SecretBinary:SecretBinaryType SecretString:SecretStringType Tags:TagListType AddReplicaRegions:AddReplicaRegionListType ForceOverwriteReplicaSecret:b Type:MedeaTypeType
DeleteSecretRequest { !SecretId:SecretIdType RecoveryWindowInDays:n ForceDeleteWithoutRecovery:b
DescribeSecretRequest { !SecretId:SecretIdType
DescriptionType s - 2048
KmsKeyIdType s 0 2048
MedeaTypeType s 0 256
NameType s 1 512
RegionType s 1 128 ^([a-z]+-)+\d+$
ReplicaRegionType { Region:RegionType KmsKeyId:KmsKeyIdType
SecretBinaryType x 1 65536
SecretIdType s 1 2048
SecretStringType s 1 65536
Tag { Key:TagKeyType Value:TagValueType
TagKeyType s 1 128
TagListType [ Tag - -
TagValueType s 0 256
`,
  codedeploy: String.raw`
Alarm { name:s
AlarmConfiguration { enabled:b ignorePollAlarmFailure:b alarms:AlarmList
AlarmList [ Alarm - -
AppSpecContent { content:s sha256:s
ApplicationName s 1 100
ApplicationsList [ ApplicationName - -
AutoRollbackConfiguration { enabled:b events:AutoRollbackEventsList
AutoRollbackEvent = DEPLOYMENT_FAILURE DEPLOYMENT_STOP_ON_ALARM DEPLOYMENT_STOP_ON_REQUEST
AutoRollbackEventsList [ AutoRollbackEvent - -
AutoScalingGroupNameList [ s - -
BatchGetApplicationsRequest { !applicationNames:ApplicationsList
BatchGetDeploymentGroupsRequest { !applicationName:ApplicationName !deploymentGroupNames:DeploymentGroupsList
BatchGetDeploymentTargetsRequest { !deploymentId:s !targetIds:TargetIdList
BatchGetDeploymentsRequest { !deploymentIds:DeploymentsList
BlueGreenDeploymentConfiguration { terminateBlueInstancesOnDeploymentSuccess:BlueInstanceTerminationOption deploymentReadyOption:DeploymentReadyOption greenFleetProvisioningOption:GreenFleetProvisioningOption
BlueInstanceTerminationOption { action:InstanceAction terminationWaitTimeInMinutes:n
BundleType = tar tgz zip YAML JSON
ComputePlatform = Server Lambda ECS
ContinueDeploymentRequest { deploymentId:s deploymentWaitType:DeploymentWaitType
CreateApplicationRequest { !applicationName:ApplicationName computePlatform:ComputePlatform tags:TagList
CreateDeploymentConfigRequest { !deploymentConfigName:DeploymentConfigName minimumHealthyHosts:MinimumHealthyHosts trafficRoutingConfig:TrafficRoutingConfig computePlatform:ComputePlatform zonalConfig:ZonalConfig
CreateDeploymentGroupRequest { !applicationName:ApplicationName !deploymentGroupName:DeploymentGroupName deploymentConfigName:DeploymentConfigName ec2TagFilters:EC2TagFilterList onPremisesInstanceTagFilters:TagFilterList autoScalingGroups:AutoScalingGroupNameList !serviceRoleArn:s triggerConfigurations:TriggerConfigList alarmConfiguration:AlarmConfiguration autoRollbackConfiguration:AutoRollbackConfiguration outdatedInstancesStrategy:OutdatedInstancesStrategy deploymentStyle:DeploymentStyle blueGreenDeploymentConfiguration:BlueGreenDeploymentConfiguration loadBalancerInfo:LoadBalancerInfo ec2TagSet:EC2TagSet ecsServices:ECSServiceList onPremisesTagSet:OnPremisesTagSet tags:TagList terminationHookEnabled:b
CreateDeploymentRequest { !applicationName:ApplicationName deploymentGroupName:DeploymentGroupName revision:RevisionLocation deploymentConfigName:DeploymentConfigName description:s ignoreApplicationStopFailures:b targetInstances:TargetInstances autoRollbackConfiguration:AutoRollbackConfiguration updateOutdatedInstancesOnly:b fileExistsBehavior:FileExistsBehavior overrideAlarmConfiguration:AlarmConfiguration deploymentMode:s
DeploymentConfigName s 1 100
DeploymentGroupName s 1 100
DeploymentGroupsList [ DeploymentGroupName - -
DeploymentOption = WITH_TRAFFIC_CONTROL WITHOUT_TRAFFIC_CONTROL
DeploymentReadyAction = CONTINUE_DEPLOYMENT STOP_DEPLOYMENT
DeploymentReadyOption { actionOnTimeout:DeploymentReadyAction waitTimeInMinutes:n
DeploymentStatus = Created Queued InProgress Baking Succeeded Failed Stopped Ready
DeploymentStatusList [ DeploymentStatus - -
DeploymentStyle { deploymentType:DeploymentType deploymentOption:DeploymentOption
DeploymentType = IN_PLACE BLUE_GREEN
DeploymentWaitType = READY_WAIT TERMINATION_WAIT
DeploymentsList [ s - -
EC2TagFilter { Key:s Value:s Type:EC2TagFilterType
EC2TagFilterList [ EC2TagFilter - -
EC2TagFilterType = KEY_ONLY VALUE_ONLY KEY_AND_VALUE
EC2TagSet { ec2TagSetList:EC2TagSetList
EC2TagSetList [ EC2TagFilterList - -
ECSService { serviceName:s clusterName:s
ECSServiceList [ ECSService - -
ELBInfo { name:s
ELBInfoList [ ELBInfo - -
FileExistsBehavior = DISALLOW OVERWRITE RETAIN
FilterValueList [ s - -
GetApplicationRequest { !applicationName:ApplicationName
GetApplicationRevisionRequest { !applicationName:ApplicationName !revision:RevisionLocation
GetDeploymentConfigRequest { !deploymentConfigName:DeploymentConfigName
GetDeploymentGroupRequest { !applicationName:ApplicationName !deploymentGroupName:DeploymentGroupName
GetDeploymentRequest { !deploymentId:s
GetDeploymentTargetRequest { !deploymentId:s !targetId:s
GitHubLocation { repository:s commitId:s
GreenFleetProvisioningAction = DISCOVER_EXISTING COPY_AUTO_SCALING_GROUP
GreenFleetProvisioningOption { action:GreenFleetProvisioningAction
InstanceAction = TERMINATE KEEP_ALIVE
LifecycleEventStatus = Pending InProgress Succeeded Failed Skipped Unknown
ListApplicationsRequest { nextToken:s
ListDeploymentConfigsRequest { nextToken:s
ListDeploymentGroupsRequest { !applicationName:ApplicationName nextToken:s
ListDeploymentTargetsRequest { !deploymentId:s nextToken:s targetFilters:TargetFilters
ListDeploymentsRequest { applicationName:ApplicationName deploymentGroupName:DeploymentGroupName externalId:s includeOnlyStatuses:DeploymentStatusList createTimeRange:TimeRange nextToken:s
ListenerArnList [ s - -
LoadBalancerInfo { elbInfoList:ELBInfoList targetGroupInfoList:TargetGroupInfoList targetGroupPairInfoList:TargetGroupPairInfoList
MinimumHealthyHosts { type:MinimumHealthyHostsType value:n
MinimumHealthyHostsPerZone { type:MinimumHealthyHostsPerZoneType value:n
MinimumHealthyHostsPerZoneType = HOST_COUNT FLEET_PERCENT
MinimumHealthyHostsType = HOST_COUNT FLEET_PERCENT
OnPremisesTagSet { onPremisesTagSetList:OnPremisesTagSetList
OnPremisesTagSetList [ TagFilterList - -
OutdatedInstancesStrategy = UPDATE IGNORE
PutLifecycleEventHookExecutionStatusRequest { deploymentId:s lifecycleEventHookExecutionId:s status:LifecycleEventStatus
RawString { content:s sha256:s
RegisterApplicationRevisionRequest { !applicationName:ApplicationName description:s !revision:RevisionLocation
RevisionLocation { revisionType:RevisionLocationType s3Location:S3Location gitHubLocation:GitHubLocation string:RawString appSpecContent:AppSpecContent
RevisionLocationType = S3 GitHub String AppSpecContent
S3Location { bucket:s key:s bundleType:BundleType version:s eTag:s
StopDeploymentRequest { !deploymentId:s autoRollbackEnabled:b
Tag { Key:s Value:s
TagFilter { Key:s Value:s Type:TagFilterType
TagFilterList [ TagFilter - -
TagFilterType = KEY_ONLY VALUE_ONLY KEY_AND_VALUE
TagList [ Tag - -
TargetFilters < FilterValueList - -
TargetGroupInfo { name:s
TargetGroupInfoList [ TargetGroupInfo - -
TargetGroupPairInfo { targetGroups:TargetGroupInfoList prodTrafficRoute:TrafficRoute testTrafficRoute:TrafficRoute
TargetGroupPairInfoList [ TargetGroupPairInfo - -
TargetIdList [ s - -
TargetInstances { tagFilters:EC2TagFilterList autoScalingGroups:AutoScalingGroupNameList ec2TagSet:EC2TagSet
TimeBasedCanary { canaryPercentage:n canaryInterval:n
TimeBasedLinear { linearPercentage:n linearInterval:n
TimeRange { start:t end:t
TrafficRoute { listenerArns:ListenerArnList
TrafficRoutingConfig { type:TrafficRoutingType timeBasedCanary:TimeBasedCanary timeBasedLinear:TimeBasedLinear
TrafficRoutingType = TimeBasedCanary TimeBasedLinear AllAtOnce
TriggerConfig { triggerName:s triggerTargetArn:s triggerEvents:TriggerEventTypeList
TriggerConfigList [ TriggerConfig - -
TriggerEventType = DeploymentStart DeploymentSuccess DeploymentFailure DeploymentStop DeploymentRollback DeploymentReady InstanceStart InstanceSuccess InstanceFailure InstanceReady
TriggerEventTypeList [ TriggerEventType - -
ZonalConfig { firstZoneMonitorDurationInSeconds:n monitorDurationInSeconds:n minimumHealthyHostsPerZone:MinimumHealthyHostsPerZone
`,
  ssm: String.raw`
AllowedPattern s 0 1024
DescribeParametersRequest { Filters:ParametersFilterList ParameterFilters:ParameterStringFilterList MaxResults:MaxResults NextToken:s Shared:b
MaxResults n 1 50
PSParameterName s 1 2048
ParameterDataType s 0 128
ParameterDescription s 0 1024
ParameterKeyId s 1 256 ^([a-zA-Z0-9:/_-]+)$
ParameterPolicies s 1 4096
ParameterStringFilter { !Key:ParameterStringFilterKey Option:ParameterStringQueryOption Values:ParameterStringFilterValueList
ParameterStringFilterKey s 1 132 tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType
ParameterStringFilterList [ ParameterStringFilter - -
ParameterStringFilterValue s 1 1024
ParameterStringFilterValueList [ ParameterStringFilterValue 1 50
ParameterStringQueryOption s 1 10
ParameterTier = Standard Advanced Intelligent-Tiering
ParameterType = String StringList SecureString
ParametersFilter { !Key:ParametersFilterKey !Values:ParametersFilterValueList
ParametersFilterKey = Name Type KeyId
ParametersFilterList [ ParametersFilter - -
ParametersFilterValue s 1 1024
ParametersFilterValueList [ ParametersFilterValue 1 50
PutParameterRequest { !Name:PSParameterName Description:ParameterDescription !Value:s Type:ParameterType KeyId:ParameterKeyId Overwrite:b AllowedPattern:AllowedPattern Tags:TagList Tier:ParameterTier Policies:ParameterPolicies DataType:ParameterDataType
Tag { !Key:TagKey !Value:TagValue
TagKey s 1 128 ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$
TagList [ Tag - 1000
TagValue s 0 256 ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$
`,
  events: String.raw`
AppSyncParameters { GraphQLOperation:GraphQLOperation
Arn s 1 1600
AssignPublicIp = ENABLED DISABLED
AwsVpcConfiguration { !Subnets:StringList SecurityGroups:StringList AssignPublicIp:AssignPublicIp
BatchArrayProperties { Size:n
BatchParameters { !JobDefinition:s !JobName:s ArrayProperties:BatchArrayProperties RetryStrategy:BatchRetryStrategy
BatchRetryStrategy { Attempts:n
CapacityProvider s 1 255
CapacityProviderStrategy [ CapacityProviderStrategyItem - 6
CapacityProviderStrategyItem { !capacityProvider:CapacityProvider weight:CapacityProviderStrategyItemWeight base:CapacityProviderStrategyItemBase
CapacityProviderStrategyItemBase n 0 100000
CapacityProviderStrategyItemWeight n 0 1000
CreateEventBusRequest { !Name:EventBusName EventSourceName:EventSourceName Description:EventBusDescription KmsKeyIdentifier:KmsKeyIdentifier DeadLetterConfig:DeadLetterConfig LogConfig:LogConfig Tags:TagList
Database s 1 64
DbUser s 1 128
DeadLetterConfig { Arn:ResourceArn
DescribeRuleRequest { !Name:RuleName EventBusName:EventBusNameOrArn
EcsParameters { !TaskDefinitionArn:Arn TaskCount:LimitMin1 LaunchType:LaunchType NetworkConfiguration:NetworkConfiguration PlatformVersion:s Group:s CapacityProviderStrategy:CapacityProviderStrategy EnableECSManagedTags:b EnableExecuteCommand:b PlacementConstraints:PlacementConstraints PlacementStrategy:PlacementStrategies PropagateTags:PropagateTags ReferenceId:ReferenceId Tags:TagList
EventBusDescription s - 512
EventBusName s 1 256 [/\.\-_A-Za-z0-9]+
EventBusNameOrArn s 1 1600 (arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[/\.\-_A-Za-z0-9]+
EventPattern s - 4096
EventSourceName s 1 256 aws\.partner(/[\.\-_A-Za-z0-9]+){2,}
GraphQLOperation s 1 1048576
HeaderParametersMap < HeaderValue - -
HeaderValue s - 512 ^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$
HttpParameters { PathParameterValues:PathParameterList HeaderParameters:HeaderParametersMap QueryStringParameters:QueryStringParametersMap
IncludeDetail = NONE FULL
InputTransformer { InputPathsMap:TransformerPaths !InputTemplate:TransformerInput
KinesisParameters { !PartitionKeyPath:TargetPartitionKeyPath
KmsKeyIdentifier s - 2048 ^[a-zA-Z0-9_\-/:]*$
LaunchType = EC2 FARGATE EXTERNAL
Level = OFF ERROR INFO TRACE
LimitMax100 n 1 100
LimitMin1 n 1 -
ListEventBusesRequest { NamePrefix:EventBusName NextToken:NextToken Limit:LimitMax100
ListRuleNamesByTargetRequest { !TargetArn:TargetArn EventBusName:EventBusNameOrArn NextToken:NextToken Limit:LimitMax100
ListRulesRequest { NamePrefix:RuleName EventBusName:EventBusNameOrArn NextToken:NextToken Limit:LimitMax100
ListTargetsByRuleRequest { !Rule:RuleName EventBusName:EventBusNameOrArn NextToken:NextToken Limit:LimitMax100
LogConfig { IncludeDetail:IncludeDetail Level:Level
MaximumEventAgeInSeconds n 60 86400
MaximumRetryAttempts n 0 185
MessageGroupId s - 100
NetworkConfiguration { awsvpcConfiguration:AwsVpcConfiguration
NextToken s 1 2048
PathParameter s - - ^(?!\s*$).+
PathParameterList [ PathParameter - -
PlacementConstraint { type:PlacementConstraintType expression:PlacementConstraintExpression
PlacementConstraintExpression s - 2000
PlacementConstraintType = distinctInstance memberOf
PlacementConstraints [ PlacementConstraint - 10
PlacementStrategies [ PlacementStrategy - 5
PlacementStrategy { type:PlacementStrategyType field:PlacementStrategyField
PlacementStrategyField s - 255
PlacementStrategyType = random spread binpack
PropagateTags = TASK_DEFINITION
PutRuleRequest { !Name:RuleName ScheduleExpression:ScheduleExpression EventPattern:EventPattern State:RuleState Description:RuleDescription RoleArn:RoleArn Tags:TagList EventBusName:EventBusNameOrArn
PutTargetsRequest { !Rule:RuleName EventBusName:EventBusNameOrArn !Targets:TargetList
QueryStringParametersMap < QueryStringValue - -
QueryStringValue s - 512 [^\x00-\x09\x0B\x0C\x0E-\x1F\x7F]+
RedshiftDataParameters { SecretManagerArn:RedshiftSecretManagerArn !Database:Database DbUser:DbUser Sql:Sql StatementName:StatementName WithEvent:b Sqls:Sqls
RedshiftSecretManagerArn s 1 1600 (^arn:aws([a-z]|\-)*:secretsmanager:[a-z0-9-.]+:.*)|(\$(\.[\w_-]+(\[(\d+|\*)\])*)*)
ReferenceId s - 1024
RemoveTargetsRequest { !Rule:RuleName EventBusName:EventBusNameOrArn !Ids:TargetIdList Force:b
ResourceArn s 1 1600
RetryPolicy { MaximumRetryAttempts:MaximumRetryAttempts MaximumEventAgeInSeconds:MaximumEventAgeInSeconds
RoleArn s 1 1600
RuleDescription s - 512
RuleName s 1 64 [\.\-_A-Za-z0-9]+
RuleState = ENABLED DISABLED ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS
RunCommandParameters { !RunCommandTargets:RunCommandTargets
RunCommandTarget { !Key:RunCommandTargetKey !Values:RunCommandTargetValues
RunCommandTargetKey s 1 128 ^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$
RunCommandTargetValue s 1 256
RunCommandTargetValues [ RunCommandTargetValue 1 50
RunCommandTargets [ RunCommandTarget 1 5
SageMakerPipelineParameter { !Name:SageMakerPipelineParameterName !Value:SageMakerPipelineParameterValue
SageMakerPipelineParameterList [ SageMakerPipelineParameter 0 200
SageMakerPipelineParameterName s 1 256 ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$
SageMakerPipelineParameterValue s - 1024
SageMakerPipelineParameters { PipelineParameterList:SageMakerPipelineParameterList
ScheduleExpression s - 256
Sql s 1 100000
Sqls [ Sql 0 40
SqsParameters { MessageGroupId:MessageGroupId
StatementName s 1 500
StringList [ s - -
Tag { !Key:TagKey !Value:TagValue
TagKey s 1 128
TagList [ Tag - -
TagValue s 0 256
Target { !Id:TargetId !Arn:TargetArn RoleArn:RoleArn Input:TargetInput InputPath:TargetInputPath InputTransformer:InputTransformer KinesisParameters:KinesisParameters RunCommandParameters:RunCommandParameters EcsParameters:EcsParameters BatchParameters:BatchParameters SqsParameters:SqsParameters HttpParameters:HttpParameters RedshiftDataParameters:RedshiftDataParameters SageMakerPipelineParameters:SageMakerPipelineParameters DeadLetterConfig:DeadLetterConfig RetryPolicy:RetryPolicy AppSyncParameters:AppSyncParameters
TargetArn s 1 1600
TargetId s 1 64 [\.\-_A-Za-z0-9]+
TargetIdList [ TargetId 1 100
TargetInput s - 8192
TargetInputPath s - 256
TargetList [ Target 1 100
TargetPartitionKeyPath s - 256
TransformerInput s 1 8192
TransformerPaths < TargetInputPath - 100
`,
};
