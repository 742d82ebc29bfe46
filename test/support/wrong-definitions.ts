import type { JsonObject } from '../../src/core/task-definition.ts';

const LOG = {
  logDriver: 'awslogs',
  options: { 'awslogs-group': '/g', 'awslogs-region': 'r', 'awslogs-stream-prefix': 'p' },
};

/** A container that ECS takes. */
const CONTAINER: JsonObject = { name: 'app', image: 'shop:1', logConfiguration: LOG };

const ROUTER = {
  name: 'router',
  image: 'router:1',
  firelensConfiguration: { type: 'fluentbit' },
};

/** A definition for Fargate that ECS takes. */
export const FARGATE: JsonObject = {
  family: 'app',
  networkMode: 'awsvpc',
  requiresCompatibilities: ['FARGATE'],
  cpu: '512',
  memory: '1024',
  executionRoleArn: 'arn:aws:iam::123456789012:role/ecsTaskExecutionRole',
  containerDefinitions: [CONTAINER],
};

/** One for EC2 without a memory of the task. */
const EC2: JsonObject = {
  family: 'app',
  containerDefinitions: [{ name: 'app', image: 'shop:1', memory: 128 }],
};

const fargate = (change: JsonObject): JsonObject => ({ ...FARGATE, ...change });
const container = (change: JsonObject): JsonObject =>
  fargate({ containerDefinitions: [{ ...CONTAINER, ...change }] });
const beside = (...others: readonly JsonObject[]): JsonObject =>
  fargate({ containerDefinitions: [CONTAINER, ...others] });
const ec2 = (change: JsonObject, top: JsonObject = {}): JsonObject => ({
  ...EC2,
  ...top,
  containerDefinitions: [{ name: 'app', image: 'shop:1', memory: 128, ...change }],
});
const ports = (...portMappings: readonly JsonObject[]) => container({ portMappings });
const health = (change: JsonObject) =>
  container({ healthCheck: { command: ['CMD', 'true'], ...change } });
const log = (options: JsonObject, logDriver = 'awslogs') =>
  container({ logConfiguration: { logDriver, options: { ...LOG.options, ...options } } });
const tags = (...list: readonly JsonObject[]) => fargate({ tags: list });
const volumes = (...list: readonly JsonObject[]) => fargate({ volumes: list });
const waits = (condition: string, other: JsonObject = {}) =>
  fargate({
    containerDefinitions: [
      { ...CONTAINER, dependsOn: [{ containerName: 'init', condition }] },
      { name: 'init', image: 'init:1', essential: false, ...other },
    ],
  });

/** Definitions that ECS refuses, and the member that is wrong; one exception is not the usual one. */
export const WRONG_DEFINITIONS: Readonly<
  Record<string, readonly [definition: JsonObject, path: string, exception?: string]>
> = {
  'a family with a blank': [fargate({ family: 'a b' }), 'family'],
  'no container': [fargate({ containerDefinitions: [] }), 'containerDefinitions'],
  'eleven containers': [
    fargate({
      containerDefinitions: Array.from({ length: 11 }, (_, i) => ({ name: `c${i}`, image: 'a' })),
    }),
    'containerDefinitions',
  ],
  'no essential container': [container({ essential: false }), 'containerDefinitions'],
  'more than 64 KiB': [
    container({ environment: [{ name: 'A', value: 'x'.repeat(70_000) }] }),
    'containerDefinitions',
  ],
  'a container without a name': [container({ name: '' }), 'containerDefinitions[0].name'],
  'a container name with a blank': [container({ name: 'a b' }), 'containerDefinitions[0].name'],
  'a container name of 256 characters': [
    container({ name: 'a'.repeat(256) }),
    'containerDefinitions[0].name',
  ],
  'two containers of one name': [beside(CONTAINER), 'containerDefinitions[1].name'],
  'no image': [container({ image: '' }), 'containerDefinitions[0].image'],
  'an image with a blank': [container({ image: 'shop:1 ' }), 'containerDefinitions[0].image'],
  'an image with a variable': [container({ image: '$IMAGE:1' }), 'containerDefinitions[0].image'],
  'an image with an odd tag': [container({ image: 'shop:!!' }), 'containerDefinitions[0].image'],
  'an image without a tag after the colon': [
    container({ image: 'shop:' }),
    'containerDefinitions[0].image',
  ],
  'no memory on EC2': [ec2({ memory: undefined }), 'containerDefinitions[0].memory'],
  'containers with more cpu than the task': [container({ cpu: 1024 }), 'cpu'],
  'a container with more memory than the task': [
    container({ memory: 2048, memoryReservation: 128 }),
    'containerDefinitions[0].memory',
  ],
  'containers that reserve more memory than the task has': [
    beside({ name: 'b', image: 'a', memoryReservation: 2000 }),
    'memory',
  ],
  'a reservation above the limit': [
    ec2({ memoryReservation: 256 }),
    'containerDefinitions[0].memoryReservation',
  ],
  'port 70000': [
    ports({ containerPort: 70_000 }),
    'containerDefinitions[0].portMappings[0].containerPort',
  ],
  'a mapping without a port': [
    ports({ protocol: 'tcp' }),
    'containerDefinitions[0].portMappings[0].containerPort',
  ],
  'a host port of -1': [
    ec2({ portMappings: [{ containerPort: 80, hostPort: -1 }] }),
    'containerDefinitions[0].portMappings[0].hostPort',
  ],
  'a protocol that is neither tcp nor udp': [
    ports({ containerPort: 80, protocol: 'http' }),
    'containerDefinitions[0].portMappings[0].protocol',
    'InvalidParameterException',
  ],
  'an empty port name': [
    ports({ containerPort: 80, name: '' }),
    'containerDefinitions[0].portMappings[0].name',
  ],
  'another host port in awsvpc': [
    ports({ containerPort: 80, hostPort: 81 }),
    'containerDefinitions[0].portMappings[0].hostPort',
  ],
  'another host port on the network of the host': [
    ec2({ portMappings: [{ containerPort: 80, hostPort: 81 }] }, { networkMode: 'host' }),
    'containerDefinitions[0].portMappings[0].hostPort',
  ],
  'a port and a range': [
    ports({ containerPort: 80, containerPortRange: '80-90' }),
    'containerDefinitions[0].portMappings[0].containerPortRange',
  ],
  'a range backwards': [
    ports({ containerPortRange: '90-80' }),
    'containerDefinitions[0].portMappings[0].containerPortRange',
  ],
  'a range that is none': [
    ports({ containerPortRange: 'http' }),
    'containerDefinitions[0].portMappings[0].containerPortRange',
  ],
  'a port name twice': [
    ports({ containerPort: 80, name: 'web' }, { containerPort: 81, name: 'web' }),
    'containerDefinitions[0].portMappings[1].name',
  ],
  'a port name in two containers': [
    fargate({
      containerDefinitions: [
        { ...CONTAINER, portMappings: [{ containerPort: 80, name: 'web' }] },
        { name: 'b', image: 'a', portMappings: [{ containerPort: 81, name: 'web' }] },
      ],
    }),
    'containerDefinitions[1].portMappings[0].name',
  ],
  'one port twice in awsvpc': [
    ports({ containerPort: 80 }, { containerPort: 80 }),
    'containerDefinitions[0].portMappings[1].hostPort',
  ],
  'one host port twice on EC2': [
    ec2({
      portMappings: [
        { containerPort: 80, hostPort: 8080 },
        { containerPort: 81, hostPort: 8080 },
      ],
    }),
    'containerDefinitions[0].portMappings[1].hostPort',
  ],
  'links in awsvpc': [container({ links: ['b'] }), 'containerDefinitions[0].links'],
  'a hostname in awsvpc': [container({ hostname: 'h' }), 'containerDefinitions[0].hostname'],
  'DNS servers in awsvpc': [
    container({ dnsServers: ['10.0.0.2'] }),
    'containerDefinitions[0].dnsServers',
  ],
  'DNS search domains in awsvpc': [
    container({ dnsSearchDomains: ['a.b'] }),
    'containerDefinitions[0].dnsSearchDomains',
  ],
  'extra hosts in awsvpc': [
    container({ extraHosts: [{ hostname: 'h', ipAddress: '10.0.0.1' }] }),
    'containerDefinitions[0].extraHosts',
  ],
  'privileged on Fargate': [container({ privileged: true }), 'containerDefinitions[0].privileged'],
  'a container without a network in awsvpc': [
    container({ disableNetworking: true }),
    'containerDefinitions[0].disableNetworking',
  ],
  'swap on Fargate': [
    container({ linuxParameters: { maxSwap: 1 } }),
    'containerDefinitions[0].linuxParameters.maxSwap',
  ],
  'security options on Fargate': [
    container({ dockerSecurityOptions: ['no-new-privileges'] }),
    'containerDefinitions[0].dockerSecurityOptions',
  ],
  'a proxy in bridge mode': [
    ec2({}, { proxyConfiguration: { containerName: 'app' } }),
    'proxyConfiguration',
  ],
  'a proxy that is no container': [
    fargate({ proxyConfiguration: { containerName: 'envoy' } }),
    'proxyConfiguration.containerName',
  ],
  'a restart after 59 seconds': [
    container({ restartPolicy: { enabled: true, restartAttemptPeriod: 59 } }),
    'containerDefinitions[0].restartPolicy.restartAttemptPeriod',
  ],
  'devices on Fargate': [
    container({ linuxParameters: { devices: [{ hostPath: '/dev/a' }] } }),
    'containerDefinitions[0].linuxParameters.devices',
  ],
  'shared memory on Fargate': [
    container({ linuxParameters: { sharedMemorySize: 64 } }),
    'containerDefinitions[0].linuxParameters.sharedMemorySize',
  ],
  'a capability on Fargate': [
    container({ linuxParameters: { capabilities: { add: ['NET_ADMIN'] } } }),
    'containerDefinitions[0].linuxParameters.capabilities.add',
  ],
  'a GPU on Fargate': [
    container({ resourceRequirements: [{ type: 'GPU', value: '1' }] }),
    'containerDefinitions[0].resourceRequirements',
  ],
  'ipcMode on Fargate': [fargate({ ipcMode: 'task' }), 'ipcMode'],
  'placement constraints on Fargate': [
    fargate({ placementConstraints: [{ type: 'memberOf', expression: 'a' }] }),
    'placementConstraints',
  ],
  'a ulimit on Fargate': [
    container({ ulimits: [{ name: 'nproc', softLimit: 1, hardLimit: 1 }] }),
    'containerDefinitions[0].ulimits',
  ],
  'a stop timeout of 3 minutes on Fargate': [
    container({ stopTimeout: 180 }),
    'containerDefinitions[0].stopTimeout',
  ],
  'a host path on Fargate': [
    volumes({ name: 'v', host: { sourcePath: '/data' } }),
    'volumes[0].host.sourcePath',
  ],
  'a Docker volume on Fargate': [
    volumes({ name: 'v', dockerVolumeConfiguration: { scope: 'task' } }),
    'volumes[0].dockerVolumeConfiguration',
  ],
  'a volume twice': [volumes({ name: 'v' }, { name: 'v' }), 'volumes[1].name'],
  'a volume name with a blank': [volumes({ name: 'a b' }), 'volumes[0].name'],
  'EFS without a file system': [
    volumes({ name: 'v', efsVolumeConfiguration: { rootDirectory: '/' } }),
    'volumes[0].efsVolumeConfiguration.fileSystemId',
  ],
  'EFS with IAM and without encryption': [
    volumes({
      name: 'v',
      efsVolumeConfiguration: { fileSystemId: 'fs-1', authorizationConfig: { iam: 'ENABLED' } },
    }),
    'volumes[0].efsVolumeConfiguration.transitEncryption',
  ],
  'EFS with a port and without encryption': [
    volumes({
      name: 'v',
      efsVolumeConfiguration: { fileSystemId: 'fs-1', transitEncryptionPort: 2049 },
    }),
    'volumes[0].efsVolumeConfiguration.transitEncryptionPort',
  ],
  'EFS with an access point and a folder': [
    volumes({
      name: 'v',
      efsVolumeConfiguration: {
        fileSystemId: 'fs-1',
        rootDirectory: '/data',
        authorizationConfig: { accessPointId: 'fsap-1' },
      },
    }),
    'volumes[0].efsVolumeConfiguration.rootDirectory',
  ],
  'a mount of an unknown volume': [
    container({ mountPoints: [{ sourceVolume: 'v', containerPath: '/v' }] }),
    'containerDefinitions[0].mountPoints',
  ],
  'volumes from an unknown container': [
    container({ volumesFrom: [{ sourceContainer: 'b' }] }),
    'containerDefinitions[0].volumesFrom',
  ],
  'a dependency on an unknown container': [
    container({ dependsOn: [{ containerName: 'b', condition: 'START' }] }),
    'containerDefinitions[0].dependsOn[0].containerName',
  ],
  'a dependency on itself': [
    container({ dependsOn: [{ containerName: 'app', condition: 'START' }] }),
    'containerDefinitions[0].dependsOn[0].containerName',
  ],
  'a cycle of dependencies': [
    waits('START', { dependsOn: [{ containerName: 'app', condition: 'START' }] }),
    'containerDefinitions[0].dependsOn[0].containerName',
  ],
  'an unknown condition': [
    waits('READY'),
    'containerDefinitions[0].dependsOn[0].condition',
    'InvalidParameterException',
  ],
  'HEALTHY without a health check': [
    waits('HEALTHY'),
    'containerDefinitions[0].dependsOn[0].condition',
  ],
  'SUCCESS of an essential container': [
    waits('SUCCESS', { essential: true }),
    'containerDefinitions[0].dependsOn[0].condition',
  ],
  'COMPLETE of an essential container': [
    waits('COMPLETE', { essential: true }),
    'containerDefinitions[0].dependsOn[0].condition',
  ],
  'a health check without a command': [
    health({ command: [] }),
    'containerDefinitions[0].healthCheck.command',
  ],
  'a health check every 4 seconds': [
    health({ interval: 4 }),
    'containerDefinitions[0].healthCheck.interval',
  ],
  'a health check every 301 seconds': [
    health({ interval: 301 }),
    'containerDefinitions[0].healthCheck.interval',
  ],
  'a health check that waits 1 second': [
    health({ timeout: 1 }),
    'containerDefinitions[0].healthCheck.timeout',
  ],
  'a health check without retries': [
    health({ retries: 0 }),
    'containerDefinitions[0].healthCheck.retries',
  ],
  'a health check that waits 61 seconds': [
    health({ timeout: 61 }),
    'containerDefinitions[0].healthCheck.timeout',
  ],
  'a health check with 11 retries': [
    health({ retries: 11 }),
    'containerDefinitions[0].healthCheck.retries',
  ],
  'a start period of 301 seconds': [
    health({ startPeriod: 301 }),
    'containerDefinitions[0].healthCheck.startPeriod',
  ],
  'json-file on Fargate': [
    log({}, 'json-file'),
    'containerDefinitions[0].logConfiguration.logDriver',
  ],
  'an unknown log driver on EC2': [
    ec2({ logConfiguration: { logDriver: 'cloud' } }),
    'containerDefinitions[0].logConfiguration.logDriver',
  ],
  'awslogs without a group': [
    log({ 'awslogs-group': undefined }),
    'containerDefinitions[0].logConfiguration.options',
  ],
  'awslogs with an unknown option': [
    log({ 'awslogs-colour': 'red' }),
    'containerDefinitions[0].logConfiguration.options',
  ],
  'awslogs without a prefix on Fargate': [
    log({ 'awslogs-stream-prefix': undefined }),
    'containerDefinitions[0].logConfiguration.options',
  ],
  'awsfirelens without a router': [
    log({}, 'awsfirelens'),
    'containerDefinitions[0].logConfiguration.logDriver',
  ],
  'two routers': [
    beside(ROUTER, { ...ROUTER, name: 'other' }),
    'containerDefinitions[2].firelensConfiguration',
  ],
  'an unknown type of router': [
    beside({ ...ROUTER, firelensConfiguration: { type: 'logstash' } }),
    'containerDefinitions[1].firelensConfiguration.type',
    'InvalidParameterException',
  ],
  'a secret without a source': [
    container({ secrets: [{ name: 'A' }] }),
    'containerDefinitions[0].secrets',
  ],
  'a secret twice': [
    container({
      secrets: [
        { name: 'A', valueFrom: 'x' },
        { name: 'A', valueFrom: 'y' },
      ],
    }),
    'containerDefinitions[0].secrets',
  ],
  'a variable that is also a secret': [
    container({
      environment: [{ name: 'A', value: '1' }],
      secrets: [{ name: 'A', valueFrom: 'x' }],
    }),
    'containerDefinitions[0].secrets',
  ],
  'a variable without a name': [
    container({ environment: [{ value: '1' }] }),
    'containerDefinitions[0].environment',
  ],
  'an environment file that is not in S3': [
    container({ environmentFiles: [{ type: 'http', value: 'arn:aws:s3:::bucket/a.env' }] }),
    'containerDefinitions[0].environmentFiles',
    'InvalidParameterException',
  ],
  'an environment file that is no ARN': [
    container({ environmentFiles: [{ type: 's3', value: 's3://bucket/a.env' }] }),
    'containerDefinitions[0].environmentFiles',
  ],
  '11 environment files': [
    container({
      environmentFiles: Array.from({ length: 11 }, (_, i) => ({
        type: 's3',
        value: `arn:aws:s3:::bucket/${i}.env`,
      })),
    }),
    'containerDefinitions[0].environmentFiles',
  ],
  'an unknown ulimit': [
    ec2({ ulimits: [{ name: 'files', softLimit: 1, hardLimit: 1 }] }),
    'containerDefinitions[0].ulimits',
    'InvalidParameterException',
  ],
  'an unknown network mode': [
    { ...EC2, networkMode: 'vpc' },
    'networkMode',
    'InvalidParameterException',
  ],
  'an unknown pidMode': [fargate({ pidMode: 'pod' }), 'pidMode', 'InvalidParameterException'],
  'an unknown ipcMode': [{ ...EC2, ipcMode: 'pod' }, 'ipcMode', 'InvalidParameterException'],
  'an unknown protocol of an application': [
    ports({ containerPort: 80, appProtocol: 'ftp' }),
    'containerDefinitions[0].portMappings[0].appProtocol',
    'InvalidParameterException',
  ],
  'an unknown resource': [
    ec2({ resourceRequirements: [{ type: 'TPU', value: '1' }] }),
    'containerDefinitions[0].resourceRequirements',
    'InvalidParameterException',
  ],
  'an unknown versionConsistency': [
    container({ versionConsistency: 'on' }),
    'containerDefinitions[0].versionConsistency',
    'InvalidParameterException',
  ],
  'an unknown scope of a volume': [
    { ...EC2, volumes: [{ name: 'v', dockerVolumeConfiguration: { scope: 'world' } }] },
    'volumes[0].dockerVolumeConfiguration.scope',
    'InvalidParameterException',
  ],
  'a dependency without a condition': [
    container({ dependsOn: [{ containerName: 'app' }] }),
    'containerDefinitions[0].dependsOn[0].condition',
  ],
  'an unknown compatibility': [
    { ...EC2, requiresCompatibilities: ['LAMBDA'] },
    'requiresCompatibilities',
    'InvalidParameterException',
  ],
  'an unknown architecture': [
    fargate({ runtimePlatform: { cpuArchitecture: 'amd64' } }),
    'runtimePlatform.cpuArchitecture',
    'InvalidParameterException',
  ],
  'an unknown system': [
    fargate({ runtimePlatform: { operatingSystemFamily: 'LINUX_2' } }),
    'runtimePlatform.operatingSystemFamily',
    'InvalidParameterException',
  ],
  'a storage of 20 GiB': [
    fargate({ ephemeralStorage: { sizeInGiB: 20 } }),
    'ephemeralStorage.sizeInGiB',
  ],
  'a storage of 201 GiB': [
    fargate({ ephemeralStorage: { sizeInGiB: 201 } }),
    'ephemeralStorage.sizeInGiB',
  ],
  'an empty list of tags': [tags(), 'tags'],
  '51 tags': [tags(...Array.from({ length: 51 }, (_, i) => ({ key: `k${i}`, value: '' }))), 'tags'],
  'a tag of AWS': [tags({ key: 'aws:a', value: '1' }), 'tags'],
  'a tag twice': [tags({ key: 'a', value: '1' }, { key: 'a', value: '2' }), 'tags'],
  'a tag without a key': [tags({ key: '', value: '1' }), 'tags'],
};

/** The shapes of definitions that are published: one for each way in which people use ECS. */
function publicShapes(): Readonly<Record<string, JsonObject>> {
  const daemon = { ...EC2, networkMode: 'host', pidMode: 'host', ipcMode: 'host' };
  const driver = (logDriver: string, options: JsonObject = {}) =>
    ec2({ logConfiguration: { logDriver, options } });
  const parameter = 'arn:aws:ssm:eu-west-1:123456789012:parameter/shop';
  const secret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf';
  return {
    'links and dynamic ports in bridge mode': {
      family: 'wordpress',
      containerDefinitions: [
        { name: 'mysql', image: 'mysql', cpu: 10, memory: 500, essential: true },
        {
          name: 'wordpress',
          image: 'wordpress',
          cpu: 10,
          memory: 500,
          links: ['mysql'],
          portMappings: [{ containerPort: 80, hostPort: 0 }],
          entryPoint: ['sh', '-c'],
          command: ['apache2-foreground'],
          workingDirectory: '/var/www',
          user: 'www-data:www-data',
        },
      ],
    },
    'an agent on the network of the host': {
      ...daemon,
      volumes: [{ name: 'docker_sock', host: { sourcePath: '/var/run/docker.sock' } }],
      containerDefinitions: [
        {
          name: 'agent',
          image: 'public.ecr.aws/datadog/agent:7',
          memoryReservation: 128,
          privileged: true,
          portMappings: [{ containerPort: 8126, hostPort: 8126, protocol: 'udp' }],
          mountPoints: [
            { sourceVolume: 'docker_sock', containerPath: '/var/run/docker.sock', readOnly: true },
          ],
          linuxParameters: {
            capabilities: { add: ['SYS_ADMIN', 'NET_ADMIN'], drop: ['MKNOD'] },
            devices: [{ hostPath: '/dev/fuse', permissions: ['read'] }],
            sharedMemorySize: 64,
            tmpfs: [{ containerPath: '/run', size: 16 }],
            maxSwap: 128,
            swappiness: 60,
          },
          ulimits: [{ name: 'memlock', softLimit: -1, hardLimit: -1 }],
        },
      ],
    },
    'placement and system controls': {
      ...ec2({
        systemControls: [{ namespace: 'net.core.somaxconn', value: '1024' }],
        hostname: 'shop',
        dnsServers: ['10.0.0.2'],
        dnsSearchDomains: ['internal'],
        extraHosts: [{ hostname: 'db', ipAddress: '10.0.0.3' }],
        dockerSecurityOptions: ['no-new-privileges'],
        dockerLabels: { 'traefik.enable': 'true' },
      }),
      placementConstraints: [{ type: 'memberOf', expression: 'attribute:ecs.os-type == linux' }],
    },
    'no network': ec2({}, { networkMode: 'none' }),
    'a Docker volume': ec2(
      { mountPoints: [{ sourceVolume: 'data', containerPath: '/data' }] },
      {
        volumes: [
          {
            name: 'data',
            dockerVolumeConfiguration: { scope: 'shared', autoprovision: true, driver: 'local' },
          },
        ],
      },
    ),
    'EFS with an access point': fargate({
      volumes: [
        {
          name: 'efs',
          efsVolumeConfiguration: {
            fileSystemId: 'fs-1',
            rootDirectory: '/',
            transitEncryption: 'ENABLED',
            transitEncryptionPort: 2999,
            authorizationConfig: { accessPointId: 'fsap-1', iam: 'ENABLED' },
          },
        },
      ],
      containerDefinitions: [
        { ...CONTAINER, mountPoints: [{ sourceVolume: 'efs', containerPath: '/data' }] },
      ],
    }),
    'a bind mount between containers': fargate({
      volumes: [{ name: 'shared', host: {} }],
      containerDefinitions: [
        { ...CONTAINER, mountPoints: [{ sourceVolume: 'shared', containerPath: '/a' }] },
        { name: 'b', image: 'a', volumesFrom: [{ sourceContainer: 'app', readOnly: true }] },
      ],
    }),
    'App Mesh': fargate({
      proxyConfiguration: {
        type: 'APPMESH',
        containerName: 'envoy',
        properties: [{ name: 'ProxyIngressPort', value: '15000' }],
      },
      containerDefinitions: [
        { ...CONTAINER, dependsOn: [{ containerName: 'envoy', condition: 'HEALTHY' }] },
        {
          name: 'envoy',
          image: '840364872350.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy:v1.15.1.0-prod',
          user: '1337',
          healthCheck: { command: ['CMD-SHELL', 'curl -s localhost:9901'], startPeriod: 10 },
          ulimits: [{ name: 'nofile', softLimit: 15_000, hardLimit: 15_000 }],
        },
      ],
    }),
    'FireLens with secrets': fargate({
      containerDefinitions: [
        {
          name: 'app',
          image: 'shop:1',
          logConfiguration: {
            logDriver: 'awsfirelens',
            options: { Name: 'http', 'log-driver-buffer-limit': '2097152' },
            secretOptions: [{ name: 'apikey', valueFrom: secret }],
          },
        },
        {
          name: 'log_router',
          image: 'amazon/aws-for-fluent-bit:stable',
          firelensConfiguration: {
            type: 'fluentbit',
            options: { 'config-file-type': 's3', 'config-file-value': 'arn:aws:s3:::b/f.conf' },
          },
          memoryReservation: 50,
        },
      ],
    }),
    'every form of a secret': container({
      secrets: [
        { name: 'A', valueFrom: parameter },
        { name: 'B', valueFrom: 'shop-parameter' },
        { name: 'C', valueFrom: `${secret}:password::` },
      ],
      environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::bucket/a.env' }],
      repositoryCredentials: { credentialsParameter: secret },
    }),
    'Service Connect': ports(
      { containerPort: 8080, name: 'web', appProtocol: 'http2' },
      { containerPort: 9090, hostPort: 9090, name: 'admin', protocol: 'tcp' },
    ),
    'Windows on Fargate': fargate({
      cpu: '1024',
      memory: '2048',
      runtimePlatform: { operatingSystemFamily: 'WINDOWS_SERVER_2022_CORE' },
    }),
    'Graviton on Fargate': fargate({
      runtimePlatform: { cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' },
      ephemeralStorage: { sizeInGiB: 200 },
      pidMode: 'task',
      enableFaultInjection: true,
    }),
    'tmpfs on Fargate': container({
      linuxParameters: { initProcessEnabled: true, tmpfs: [{ containerPath: '/t', size: 8 }] },
      readonlyRootFilesystem: true,
    }),
    'ECS Anywhere': { ...EC2, requiresCompatibilities: ['EXTERNAL'] },
    'managed instances': fargate({ requiresCompatibilities: ['MANAGED_INSTANCES'] }),
    'a GPU on EC2': ec2({ resourceRequirements: [{ type: 'GPU', value: '1' }] }),
    'a policy of restarts': container({
      restartPolicy: { enabled: true, ignoredExitCodes: [0], restartAttemptPeriod: 60 },
      versionConsistency: 'disabled',
      startTimeout: 120,
      stopTimeout: 120,
    }),
    'what DescribeTaskDefinition returns': fargate({
      taskDefinitionArn: 'arn:aws:ecs:eu-west-1:123456789012:task-definition/app:1',
      revision: 1,
      status: 'ACTIVE',
      requiresAttributes: [{ name: 'ecs.capability.task-eni' }],
      compatibilities: ['EC2', 'FARGATE'],
      volumes: [],
      placementConstraints: [],
      containerDefinitions: [
        {
          ...CONTAINER,
          cpu: 0,
          essential: true,
          links: [],
          dnsServers: [],
          extraHosts: [],
          environment: [],
          mountPoints: [],
          volumesFrom: [],
          systemControls: [],
          portMappings: [{ containerPort: 80, hostPort: 80, protocol: 'tcp' }],
        },
      ],
    }),
    'members that are null': fargate({ taskRoleArn: null, ipcMode: null, volumes: null }),
    'ten containers': fargate({
      containerDefinitions: Array.from({ length: 10 }, (_, i) => ({ name: `c${i}`, image: 'a' })),
    }),
    fluentd: driver('fluentd', { 'fluentd-address': 'localhost:24224', tag: 'shop' }),
    syslog: driver('syslog', { 'syslog-address': 'tcp://192.0.2.1:123' }),
    gelf: driver('gelf', { 'gelf-address': 'udp://192.0.2.1:12201' }),
    journald: driver('journald'),
    'json-file': driver('json-file', { 'max-size': '10m' }),
    splunk: driver('splunk', { 'splunk-url': 'https://splunk.example.com' }),
  };
}

/** Definitions whose JSON has a wrong type somewhere. */
export const MISTYPED_DEFINITIONS: Readonly<Record<string, JsonObject>> = {
  'the cpu of the task as a number': fargate({ cpu: 512 }),
  'the memory of the task as a number': fargate({ memory: 1024 }),
  'a family that is a number': fargate({ family: 5 }),
  'containers as an object': fargate({ containerDefinitions: CONTAINER }),
  'a container as text': fargate({ containerDefinitions: ['app'] }),
  'compatibilities as text': fargate({ requiresCompatibilities: 'FARGATE' }),
  'volumes as an object': fargate({ volumes: { name: 'v' } }),
  'tags as an object': fargate({ tags: { team: 'backend' } }),
  'storage as text': fargate({ ephemeralStorage: { sizeInGiB: '21' } }),
  'the cpu of a container as text': container({ cpu: '256' }),
  'essential as text': container({ essential: 'true' }),
  'a port as text': ports({ containerPort: '80' }),
  'port mappings as text': container({ portMappings: '80:80' }),
  'a variable that is a number': container({ environment: [{ name: 'A', value: 1 }] }),
  'a variable that is true': container({ environment: [{ name: 'A', value: true }] }),
  'variables as an object': container({ environment: { A: '1' } }),
  'a command as text': container({ command: 'serve' }),
  'a label that is a number': container({ dockerLabels: { a: 1 } }),
  'labels as a list': container({ dockerLabels: ['a=1'] }),
  'a log option that is true': log({ 'awslogs-create-group': true }),
  'a health check as text': container({ healthCheck: 'curl localhost' }),
  'secrets as an object': container({ secrets: { A: 'x' } }),
};

/** What ECS takes, although it looks unusual. */
export const RIGHT_DEFINITIONS: Readonly<Record<string, JsonObject>> = {
  Fargate: FARGATE,
  EC2,
  'a digest beside the tag': container({
    image: `r.io:5000/a/b:1.2-rc_3@sha256:${'a'.repeat(64)}`,
  }),
  'a registry with a port and no tag': container({ image: 'localhost:5000/shop' }),
  'an init container that must succeed': waits('SUCCESS'),
  'two protocols on one port': ports(
    { containerPort: 53, protocol: 'tcp' },
    { containerPort: 53, protocol: 'udp' },
  ),
  'a range of ports': ports({ containerPortRange: '8000-8010' }),
  'dynamic host ports on EC2': ec2({
    portMappings: [
      { containerPort: 80, hostPort: 0 },
      { containerPort: 81, hostPort: 0 },
    ],
  }),
  'a router and its client': fargate({
    containerDefinitions: [
      { ...CONTAINER, logConfiguration: { logDriver: 'awsfirelens', options: { Name: 'x' } } },
      ROUTER,
    ],
  }),
  'SYS_PTRACE and nofile on Fargate': container({
    linuxParameters: { capabilities: { add: ['SYS_PTRACE'] }, initProcessEnabled: true },
    ulimits: [{ name: 'nofile', softLimit: 1024, hardLimit: 4096 }],
  }),
  'a volume that the service configures': volumes({ name: 'v', configuredAtLaunch: true }),
  'sizes with units': fargate({ cpu: '.5 vCPU', memory: '1 GB' }),
  'a default of awslogs that blocks': log({ mode: 'non-blocking', 'max-buffer-size': '25m' }),
  'an anonymous mount': container({ mountPoints: [{ containerPath: '/tmp' }] }),
  ...publicShapes(),
};
