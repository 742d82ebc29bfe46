import { containersOf } from './task-definition.ts';
import type { JsonObject } from './task-definition.ts';

/** What RegisterTaskDefinition refuses in a definition. */
export interface BrokenRule {
  /** Of the member, e.g. `containerDefinitions[0].name`. */
  readonly path: string;
  /** What ECS says, or what it is believed to say. */
  readonly text: string;
  /** Values outside an enumeration end in `InvalidParameterException`. */
  readonly exception: 'ClientException' | 'InvalidParameterException';
  /** ECS is known to refuse it; otherwise the documentation only advises against it. */
  readonly isCertain: boolean;
  /** The value is in no list of this program, but AWS may have added it to its own since. */
  readonly mayBeNew: boolean;
}

/** The rules of one part of a definition; a row is broken where its condition holds. */
type Rows = readonly (readonly [
  isBroken: boolean,
  member: string,
  text: string,
  kind?: 'enum' | 'misspelt' | 'unlisted' | 'believed',
])[];

const NAME = /^[\w-]{1,255}$/;
const IMAGE = /^[\w.:/#@+-]{1,255}$/;
const COMPATIBILITIES = ['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES'];
const SYSTEMS = /^(?:LINUX|WINDOWS_SERVER_\w+)$/;
const FARGATE_DRIVERS = ['awslogs', 'splunk', 'awsfirelens'];
const DRIVERS = [
  ...FARGATE_DRIVERS,
  'json-file',
  'syslog',
  'journald',
  'gelf',
  'fluentd',
  'local',
  'logentries',
  'none',
];
const AWSLOGS_OPTION =
  /^(?:awslogs-(?:group|region|stream-prefix|create-group|datetime-format|multiline-pattern|endpoint|stream)|mode|max-buffer-size)$/;
const ULIMITS =
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  );
const SWITCH = ['ENABLED', 'DISABLED'];
const RESOURCES = ['GPU', 'InferenceAccelerator', 'NeuronDevice'];
/** Members that containers of `awsvpc` cannot have, as they share one network: what ECS says. */
const OWN_NETWORK: Readonly<Record<string, string>> = {
  links: 'Links are not supported',
  hostname: 'hostname is not supported on container',
  dnsServers: 'DNS servers are not supported on container',
  dnsSearchDomains: 'DNS search domains are not supported on container',
  extraHosts: 'Extra hosts are not supported on container',
  disableNetworking: 'Disable Networking is not supported on container',
};
const MOST_CONTAINERS = 10;
const MOST_ENVIRONMENT_FILES = 10;
const MOST_TAGS = 50;
/** Bytes of the whole definition. */
const LARGEST = 65_536;

/**
 * What ECS refuses when it registers a definition, in the order of its members. Sources: the API
 * reference of RegisterTaskDefinition and ContainerDefinition, the developer guide's pages on task
 * definition parameters and Fargate differences, and the texts that other tools have recorded
 * (cdk-preflight, ecs-cli, GitHub's actions). Fargate sizes, roles and port conflicts between
 * containers have checks of their own.
 */
export function brokenRules(definition: JsonObject): readonly BrokenRule[] {
  const containers = containersOf(definition);
  return [
    ...broken('', definitionRows(definition, containers)),
    ...tagRules(definition['tags']),
    ...listOf(definition, 'volumes').flatMap((volume, index, all) =>
      broken(`volumes[${index}].`, volumeRows(definition, volume, all.slice(0, index))),
    ),
    ...containers.flatMap((container, index) => {
      const path = `containerDefinitions[${index}].`;
      return [
        ...broken(path, containerRows(definition, container, containers.slice(0, index))),
        ...portRules(path, definition, container, containers.slice(0, index)),
        ...networkRules(path, definition, container),
        ...dependencyRules(path, container, containers),
        ...broken(path, healthRows(container)),
        ...broken(path, logRows(definition, container, containers)),
        ...valueRules(path, container),
      ];
    }),
  ];
}

function broken(path: string, rows: Rows): readonly BrokenRule[] {
  return rows
    .filter(([isBroken]) => isBroken)
    .map(([, member, text, kind]) => ({
      path: `${path}${member}`,
      text,
      exception:
        kind === 'enum' || kind === 'misspelt' ? 'InvalidParameterException' : 'ClientException',
      isCertain: kind !== 'believed',
      mayBeNew: kind === 'enum' || kind === 'unlisted',
    }));
}

/** What ECS says of members that Fargate does not have. */
const WITHOUT = 'Fargate compatible task definitions do not support';

function definitionRows(definition: JsonObject, containers: readonly JsonObject[]): Rows {
  const { family, networkMode, cpu, memory, proxyConfiguration } = definition;
  const platform = partOf(definition, 'runtimePlatform');
  const size = Buffer.byteLength(JSON.stringify(definition));
  const storage = numberOf(partOf(definition, 'ephemeralStorage'), 'sizeInGiB');
  const proxy = textOf(partOf(definition, 'proxyConfiguration')['containerName']);
  const { cpuArchitecture, operatingSystemFamily } = platform;
  const compatibilities = namesOf(definition, 'requiresCompatibilities');
  const foreign = compatibilities.find((name) => !COMPATIBILITIES.includes(name));
  const taskCpu = units(cpu);
  const taskMemory = units(memory);
  const cpuSum = sumOf(containers, 'cpu');
  const reserved = containers.reduce(
    (sum, container) =>
      sum + (numberOf(container, 'memoryReservation') ?? numberOf(container, 'memory') ?? 0),
    0,
  );
  const onFargate = isForFargate(definition);
  return [
    [!NAME.test(textOf(family)), 'family', 'Family contains invalid characters.'],
    [containers.length === 0, 'containerDefinitions', 'Container list cannot be empty.'],
    [
      containers.length > MOST_CONTAINERS,
      'containerDefinitions',
      `Too many containers: ${containers.length}. The maximum is ${MOST_CONTAINERS}.`,
    ],
    [
      containers.length > 0 && containers.every(({ essential }) => essential === false),
      'containerDefinitions',
      "Task definition doesn't have any essential container.",
    ],
    [
      size > LARGEST,
      'containerDefinitions',
      `Actual length: '${size}'. Max allowed length is '${LARGEST}' bytes.`,
    ],
    listed('networkMode', networkMode, ['bridge', 'host', 'awsvpc', 'none']),
    listed('pidMode', definition['pidMode'], ['host', 'task']),
    listed('ipcMode', definition['ipcMode'], ['host', 'task', 'none']),
    listed('requiresCompatibilities', foreign, COMPATIBILITIES),
    listed('runtimePlatform.cpuArchitecture', cpuArchitecture, ['X86_64', 'ARM64']),
    listed('proxyConfiguration.type', partOf(definition, 'proxyConfiguration')['type'], [
      'APPMESH',
    ]),
    [
      isSet(operatingSystemFamily) && !SYSTEMS.test(textOf(operatingSystemFamily)),
      'runtimePlatform.operatingSystemFamily',
      `Invalid operatingSystemFamily '${textOf(operatingSystemFamily)}'.`,
      isMisspelt(operatingSystemFamily, ['LINUX']) ? 'misspelt' : 'enum',
    ],
    [
      isOutsideRange(storage, 21, 200),
      'ephemeralStorage.sizeInGiB',
      `EphemeralStorage size should be at ${Number(storage) < 21 ? 'least 21' : 'most 200'}`,
    ],
    [
      taskCpu !== undefined && cpuSum > taskCpu,
      'cpu',
      `The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value: ${cpuSum} and ${taskCpu}`,
    ],
    [
      taskMemory !== undefined && reserved > taskMemory,
      'memory',
      `The memory reserved by the containers, ${reserved}, exceeds the 'memory' of the task, ${taskMemory}.`,
    ],
    [
      onFargate && listOf(definition, 'placementConstraints').length > 0,
      'placementConstraints',
      `${WITHOUT} constraints`,
    ],
    [onFargate && isSet(definition['ipcMode']), 'ipcMode', `${WITHOUT} ipcMode`],
    [
      isSet(proxyConfiguration) && networkMode !== 'awsvpc',
      'proxyConfiguration',
      'APPMESH proxy configuration is only supported in networkMode=awsvpc',
    ],
    [
      isSet(proxyConfiguration) && containers.every(({ name }) => name !== proxy),
      'proxyConfiguration.containerName',
      `Proxy container [${proxy}] does not exist`,
    ],
  ];
}

function tagRules(tags: unknown): readonly BrokenRule[] {
  if (!Array.isArray(tags)) return [];
  const keys = (tags as readonly JsonObject[]).map(({ key }) => textOf(key));
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  const reserved = keys.find((key) => /^aws:/i.test(key));
  const odd = (tags as readonly JsonObject[]).find(
    ({ key, value }) => !/^.{1,128}$/s.test(textOf(key)) || textOf(value).length > 256,
  );
  return broken('', [
    [tags.length === 0, 'tags', 'Tags can not be empty.'],
    [
      tags.length > MOST_TAGS,
      'tags',
      `Too many tags: ${tags.length}. The maximum is ${MOST_TAGS}.`,
    ],
    [twice !== undefined, 'tags', `Duplicate tag keys found: ${twice}.`],
    [reserved !== undefined, 'tags', `Tag keys cannot begin with aws: ${reserved}.`],
    [odd !== undefined, 'tags', 'A tag key has 1 to 128 characters, and its value 0 to 256.'],
  ]);
}

function volumeRows(
  definition: JsonObject,
  volume: JsonObject,
  before: readonly JsonObject[],
): Rows {
  const { name, efsVolumeConfiguration, host, dockerVolumeConfiguration } = volume;
  const onFargate = isForFargate(definition);
  const efs = partOf(volume, 'efsVolumeConfiguration');
  const access = partOf(efs, 'authorizationConfig');
  const isEncrypted = efs['transitEncryption'] === 'ENABLED';
  const root = efs['rootDirectory'];
  return [
    [!NAME.test(textOf(name)), 'name', `Volume name '${textOf(name)}' is invalid.`],
    [
      before.some((other) => other['name'] === name),
      'name',
      `Volume name '${textOf(name)}' is used more than once.`,
    ],
    [
      isSet(efsVolumeConfiguration) && !efs['fileSystemId'],
      'efsVolumeConfiguration.fileSystemId',
      'EFS volume configuration requires fileSystemId.',
    ],
    listed('efsVolumeConfiguration.transitEncryption', efs['transitEncryption'], SWITCH),
    listed('efsVolumeConfiguration.authorizationConfig.iam', access['iam'], SWITCH),
    listed(
      'dockerVolumeConfiguration.scope',
      partOf(volume, 'dockerVolumeConfiguration')['scope'],
      ['task', 'shared'],
    ),
    [
      access['iam'] === 'ENABLED' && !isEncrypted,
      'efsVolumeConfiguration.transitEncryption',
      'EFS IAM authorization requires TransitEncryption to be enabled',
    ],
    [
      isSet(efs['transitEncryptionPort']) && !isEncrypted,
      'efsVolumeConfiguration.transitEncryptionPort',
      'TransitEncryptionPort requires that TransitEncryption is enabled',
    ],
    [
      isFilled(access['accessPointId']) && isFilled(root) && root !== '/',
      'efsVolumeConfiguration.rootDirectory',
      'When using an EFS access point, the root directory must either be set to "/" or be omitted',
    ],
    [
      onFargate && isSet(host) && isSet(partOf(volume, 'host')['sourcePath']),
      'host.sourcePath',
      `${WITHOUT} sourcePath`,
    ],
    [
      onFargate && isSet(dockerVolumeConfiguration),
      'dockerVolumeConfiguration',
      `${WITHOUT} dockerVolumeConfiguration`,
    ],
  ];
}

function containerRows(
  definition: JsonObject,
  container: JsonObject,
  before: readonly JsonObject[],
): Rows {
  const { name, image } = container;
  const memory = numberOf(container, 'memory');
  const reservation = numberOf(container, 'memoryReservation');
  const taskMemory = units(definition['memory']);
  const setting = `Invalid setting for container '${textOf(name)}'.`;
  const startTimeout = numberOf(container, 'startTimeout');
  const volumes = new Set(listOf(definition, 'volumes').map((volume) => volume['name']));
  const mount = listOf(container, 'mountPoints').find(
    ({ sourceVolume }) => isSet(sourceVolume) && !volumes.has(sourceVolume),
  );
  const siblings = new Set(containersOf(definition).map((sibling) => sibling['name']));
  const origin = listOf(container, 'volumesFrom').find(
    ({ sourceContainer }) => !siblings.has(sourceContainer),
  );
  return [
    [!name, 'name', 'Container.name should not be null or empty.'],
    [
      Boolean(name) && !NAME.test(textOf(name)),
      'name',
      'Container.name contains invalid characters.',
    ],
    [
      Boolean(name) && before.some((other) => other['name'] === name),
      'name',
      `Container names must be unique within a task definition: ${textOf(name)}`,
    ],
    [!image, 'image', 'Container.image should not be null or empty.'],
    [
      Boolean(image) && !isImage(textOf(image)),
      'image',
      'Container.image contains invalid characters.',
    ],
    [
      !memory && !reservation && !definition['memory'],
      'memory',
      `${setting} At least one of 'memory' or 'memoryReservation' must be specified.`,
    ],
    [
      memory !== undefined && memory > 0 && memory < 6,
      'memory',
      `${setting} 'memory' must be at least 6.`,
      'believed',
    ],
    [
      memory !== undefined && taskMemory !== undefined && memory > taskMemory,
      'memory',
      `The 'memory' setting for container '${textOf(name)}' is greater than for the task: ${memory} and ${taskMemory}`,
    ],
    [
      memory !== undefined && reservation !== undefined && reservation > memory,
      'memoryReservation',
      `${setting} 'memory' must be greater than or equal to 'memoryReservation'.`,
    ],
    [
      startTimeout !== undefined && startTimeout < 2,
      'startTimeout',
      `${setting} 'startTimeout' must be at least 2.`,
      'believed',
    ],
    [
      isOutsideRange(partOf(container, 'restartPolicy')['restartAttemptPeriod'], 60, 1800),
      'restartPolicy.restartAttemptPeriod',
      `the 'restartAttemptPeriod' setting for container '${textOf(name)}' must be between 60 and 1800`,
    ],
    [mount !== undefined, 'mountPoints', `Unknown volume '${textOf(mount?.['sourceVolume'])}'.`],
    [
      origin !== undefined,
      'volumesFrom',
      `Unknown container '${textOf(origin?.['sourceContainer'])}' in volumesFrom.`,
    ],
  ];
}

/** A reference that ECS takes: not its tag or digest alone, and no placeholder that a script left. */
function isImage(image: string): boolean {
  const [name = '', tag] = image.replace(/@.*$/, '').split(/:(?!.*[:/])/);
  return IMAGE.test(image) && name !== '' && (tag === undefined || /^\w[\w.-]{0,127}$/.test(tag));
}

function portRules(
  path: string,
  { networkMode }: JsonObject,
  container: JsonObject,
  before: readonly JsonObject[],
): readonly BrokenRule[] {
  const mappings = listOf(container, 'portMappings');
  const others = before.flatMap((other) => listOf(other, 'portMappings'));
  const shares = networkMode === 'awsvpc' || networkMode === 'host';
  const hostPort = ({ hostPort: port, containerPort, protocol = 'tcp' }: JsonObject) => {
    const taken = shares ? containerPort : port;
    return taken ? `${textOf(taken)}/${textOf(protocol)}` : undefined;
  };
  return mappings.flatMap((mapping, index) => {
    const { containerPort, containerPortRange, protocol, name } = mapping;
    const taken = hostPort(mapping);
    const earlier = mappings.slice(0, index);
    const [first = 0, last = 0] = textOf(containerPortRange).split('-').map(Number);
    return broken(`${path}portMappings[${index}].`, [
      [
        !isSet(containerPort) && !isSet(containerPortRange),
        'containerPort',
        'Port mapping requires containerPort or containerPortRange.',
      ],
      [
        isSet(containerPort) && isSet(containerPortRange),
        'containerPortRange',
        'cannot specify both single port and port range',
      ],
      [
        isSet(containerPortRange) && !(first >= 1 && first < last && last <= 65_535),
        'containerPortRange',
        "Invalid 'containerPortRange' setting",
      ],
      [
        isOutsideRange(containerPort, 1, 65_535),
        'containerPort',
        `Invalid containerPort ${textOf(containerPort)}. Must be between 1 and 65535.`,
      ],
      [
        isOutsideRange(mapping['hostPort'], 0, 65_535),
        'hostPort',
        `Invalid hostPort ${textOf(mapping['hostPort'])}. Must be between 0 and 65535.`,
      ],
      listed('protocol', protocol, ['tcp', 'udp']),
      listed('appProtocol', mapping['appProtocol'], ['http', 'http2', 'grpc']),
      [name === '', 'name', 'Port mapping name should not be empty.'],
      [
        isFilled(name) && [...others, ...earlier].some((other) => other['name'] === name),
        'name',
        `port mapping name is already used: ${textOf(name)}`,
      ],
      [
        shares && Boolean(mapping['hostPort']) && mapping['hostPort'] !== containerPort,
        'hostPort',
        `When networkMode=${textOf(networkMode)}, the host ports and container ports in port mappings must match.`,
      ],
      [
        taken !== undefined && earlier.some((other) => hostPort(other) === taken),
        'hostPort',
        `Host port ${taken} is mapped more than once.`,
      ],
    ]);
  });
}

/** Members that the network mode, or Fargate, does not have. */
function networkRules(
  path: string,
  definition: JsonObject,
  container: JsonObject,
): readonly BrokenRule[] {
  const isAwsvpc = definition['networkMode'] === 'awsvpc';
  const onFargate = isForFargate(definition);
  const linux = partOf(container, 'linuxParameters');
  const added = namesOf(partOf(linux, 'capabilities'), 'add');
  const odd = added.find((name) => name !== 'SYS_PTRACE');
  const ulimit = listOf(container, 'ulimits').find(({ name }) => name !== 'nofile');
  const needsGpu = listOf(container, 'resourceRequirements').some(({ type }) => type === 'GPU');
  const stop = numberOf(container, 'stopTimeout') ?? 0;
  return [
    ...broken(
      path,
      Object.entries(OWN_NETWORK).map(
        ([member, text]) =>
          [
            isAwsvpc && isFilled(container[member]),
            member,
            `${text} when networkMode=awsvpc.`,
          ] as const,
      ),
    ),
    ...broken(path, [
      [
        onFargate && container['privileged'] === true,
        'privileged',
        "Fargate requires that the 'privileged' setting be 'false'.",
      ],
      ...['devices', 'sharedMemorySize', 'maxSwap'].map(
        (member) =>
          [
            onFargate && isFilled(linux[member]),
            `linuxParameters.${member}`,
            `${WITHOUT} ${member}`,
          ] as const,
      ),
      [
        onFargate && isFilled(container['dockerSecurityOptions']),
        'dockerSecurityOptions',
        `${WITHOUT} dockerSecurityOptions`,
      ],
      [
        onFargate && odd !== undefined,
        'linuxParameters.capabilities.add',
        `${odd} is not allowed on Fargate.`,
      ],
      [
        onFargate && needsGpu,
        'resourceRequirements',
        'Tasks using the Fargate launch type do not support GPU resource requirements',
      ],
      [
        onFargate && ulimit !== undefined,
        'ulimits',
        `${WITHOUT} the ulimit ${textOf(ulimit?.['name'])}; only nofile`,
      ],
      [
        onFargate && stop > 120,
        'stopTimeout',
        'Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds.',
      ],
    ]),
  ];
}

function dependencyRules(
  path: string,
  container: JsonObject,
  containers: readonly JsonObject[],
): readonly BrokenRule[] {
  return listOf(container, 'dependsOn').flatMap(({ containerName, condition }, index) => {
    const name = textOf(containerName);
    const dependency = containers.find((item) => item['name'] === containerName);
    const ends = condition === 'COMPLETE' || condition === 'SUCCESS';
    return broken(`${path}dependsOn[${index}].`, [
      [
        dependency === undefined,
        'containerName',
        `Cannot depend on container + '${name}' because it does not exist`,
      ],
      [
        dependency !== undefined && dependsOn(name, textOf(container['name']), containers),
        'containerName',
        `Container dependencies contain a cycle: ${textOf(container['name'])} and ${name}.`,
      ],
      [
        !isSet(condition),
        'condition',
        'Container dependency condition should not be null or empty.',
      ],
      listed('condition', condition, ['START', 'COMPLETE', 'SUCCESS', 'HEALTHY']),
      [
        condition === 'HEALTHY' && dependency !== undefined && !isSet(dependency['healthCheck']),
        'condition',
        'A dependency container with HEALTHY condition must have health check configured',
      ],
      [
        ends && dependency !== undefined && dependency['essential'] !== false,
        'condition',
        'A dependency container with SUCCESS or COMPLETE condition cannot be an essential container',
      ],
    ]);
  });
}

/** Whether a container depends on another one, directly or through others. */
function dependsOn(name: string, other: string, containers: readonly JsonObject[]): boolean {
  const reached = new Set([name]);
  for (const current of reached) {
    if (current === other) return true;
    const container = containers.find((item) => item['name'] === current);
    for (const next of listOf(container ?? {}, 'dependsOn')) {
      reached.add(textOf(next['containerName']));
    }
  }
  return false;
}

function healthRows(container: JsonObject): Rows {
  if (!isSet(container['healthCheck'])) return [];
  const health = partOf(container, 'healthCheck');
  const command = namesOf(health, 'command');
  const ranges = { interval: [5, 300], timeout: [2, 60], retries: [1, 10], startPeriod: [0, 300] };
  return [
    [command.length === 0, 'healthCheck.command', 'Health check command must not be empty.'],
    [
      command.length > 0 && !['CMD', 'CMD-SHELL', 'NONE'].includes(command[0] ?? ''),
      'healthCheck.command',
      'Health check command must begin with CMD or CMD-SHELL.',
      'believed',
    ],
    ...Object.entries(ranges).map(
      ([member, [from = 0, to = 0]]) =>
        [
          isOutsideRange(health[member], from, to),
          `healthCheck.${member}`,
          `Health check ${member} must be between ${from} and ${to}.`,
        ] as const,
    ),
  ];
}

function logRows(
  definition: JsonObject,
  container: JsonObject,
  containers: readonly JsonObject[],
): Rows {
  const log = partOf(container, 'logConfiguration');
  const router = partOf(container, 'firelensConfiguration');
  const driver = log['logDriver'];
  const options = partOf(log, 'options');
  const onFargate = isForFargate(definition);
  const known = onFargate ? FARGATE_DRIVERS : DRIVERS;
  const isAwslogs = driver === 'awslogs';
  const odd = Object.keys(options).find((name) => !AWSLOGS_OPTION.test(name));
  const routers = containers.filter((item) => isSet(item['firelensConfiguration']));
  const hasGroup = Boolean(options['awslogs-group']) && Boolean(options['awslogs-region']);
  return [
    [
      isSet(container['logConfiguration']) && !known.includes(textOf(driver)),
      'logConfiguration.logDriver',
      `${textOf(driver)} is not a valid log driver. Must be one of [${known.join(',')}]`,
      isMisspelt(driver, DRIVERS) ? undefined : 'unlisted',
    ],
    [
      isAwslogs && !hasGroup,
      'logConfiguration.options',
      'Log driver awslogs requires options: awslogs-region, awslogs-group',
    ],
    [
      isAwslogs && onFargate && hasGroup && !options['awslogs-stream-prefix'],
      'logConfiguration.options',
      'Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.',
    ],
    [
      isAwslogs && odd !== undefined,
      'logConfiguration.options',
      `Log driver awslogs disallows options: ${odd}`,
      'unlisted',
    ],
    [
      driver === 'awsfirelens' && routers.length === 0,
      'logConfiguration.logDriver',
      'When awsfirelens log driver is specified in log configuration, a firelens configuration object must be specified.',
    ],
    [
      isSet(container['firelensConfiguration']) && routers[0] !== container,
      'firelensConfiguration',
      'Only one container can have a firelensConfiguration.',
    ],
    [
      isSet(container['firelensConfiguration']) && !isSet(router['type']),
      'firelensConfiguration.type',
      'Firelens configuration type should not be null or empty.',
    ],
    listed('firelensConfiguration.type', router['type'], ['fluentd', 'fluentbit']),
  ];
}

function valueRules(path: string, container: JsonObject): readonly BrokenRule[] {
  const variables = listOf(container, 'environment');
  const secrets = listOf(container, 'secrets');
  const names = secrets.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  const shared = variables.find(({ name }) => names.includes(name));
  const files = listOf(container, 'environmentFiles');
  const file = files.find(({ type }) => type !== 's3');
  const limit = listOf(container, 'ulimits').find(({ name }) => !ULIMITS.includes(textOf(name)));
  const resource = listOf(container, 'resourceRequirements').find(
    ({ type }) => !RESOURCES.includes(textOf(type)),
  );
  return broken(path, [
    [
      variables.some(({ name }) => !name),
      'environment',
      'Environment variable name should not be null or empty.',
    ],
    [
      secrets.some(({ name, valueFrom }) => !name || !valueFrom),
      'secrets',
      'Secrets require name and valueFrom.',
    ],
    [
      twice !== undefined,
      'secrets',
      `Duplicate secret names found: ${textOf(twice)}. Each secret name must be unique.`,
    ],
    [
      shared !== undefined,
      'secrets',
      'The secret name must be unique and not shared with any new or existing environment ' +
        `variables set on the container, such as '${textOf(shared?.['name'])}'.`,
    ],
    listed('environmentFiles', file?.['type'], ['s3']),
    [
      files.some(({ value }) => !textOf(value).startsWith('arn:')),
      'environmentFiles',
      'Invalid arn syntax',
    ],
    [
      files.length > MOST_ENVIRONMENT_FILES,
      'environmentFiles',
      'The maximum number of environment files was exceeded. Specify ten or less and try again.',
    ],
    listed('ulimits', limit?.['name'], ULIMITS),
    listed('resourceRequirements', resource?.['type'], RESOURCES),
    listed('versionConsistency', container['versionConsistency'], ['enabled', 'disabled']),
  ]);
}

/** A string, a number or a boolean as text; anything else, and nothing, is empty. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}

const isSet = (value: unknown): boolean => value !== undefined && value !== null;
const isFilled = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : Boolean(value);
const isOutside = (value: unknown, known: readonly string[]): boolean =>
  isSet(value) && !known.includes(textOf(value));
const isOutsideRange = (value: unknown, from: number, to: number): boolean =>
  isSet(value) && !(Number(value) >= from && Number(value) <= to);

/** A row of a member whose values are listed; in other letters than a known one it is no new one. */
function listed(member: string, value: unknown, known: readonly string[]): Rows[number] {
  return [
    isOutside(value, known),
    member,
    `Invalid ${member.split('.').at(-1)} '${textOf(value)}'. Must be one of [${known.join(',')}]`,
    isMisspelt(value, known) ? 'misspelt' : 'enum',
  ];
}

const isMisspelt = (value: unknown, known: readonly string[]): boolean => {
  const letters = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return known.some((name) => letters(name) === letters(textOf(value)));
};

const isForFargate = (definition: JsonObject): boolean =>
  namesOf(definition, 'requiresCompatibilities').includes('FARGATE');

/** A member that is an object; without members where it is none. */
function partOf(owner: JsonObject, member: string): JsonObject {
  const part = owner[member];
  return typeof part === 'object' && part !== null ? (part as JsonObject) : {};
}

/** The objects of a member that is a list. */
function listOf(owner: JsonObject, member: string): readonly JsonObject[] {
  const list = owner[member];
  if (!Array.isArray(list)) return [];
  return list.filter((item) => typeof item === 'object' && item !== null) as readonly JsonObject[];
}

function namesOf(owner: JsonObject, member: string): readonly string[] {
  const list = owner[member];
  return Array.isArray(list) ? list.map(textOf) : [];
}

function numberOf(owner: JsonObject, member: string): number | undefined {
  const value = owner[member];
  return typeof value === 'number' ? value : undefined;
}

function sumOf(owners: readonly JsonObject[], member: string): number {
  return owners.reduce((sum, owner) => sum + (numberOf(owner, member) ?? 0), 0);
}

/** `"1024"`, `"1 vCPU"` or `"2GB"` in units; undefined where it is none of them. */
function units(value: unknown): number | undefined {
  const [, amount, unit] = /^([\d.]+)\s*(vcpu|gb)?$/i.exec(textOf(value)) ?? [];
  if (amount === undefined) return undefined;
  return Number(amount) * (unit === undefined ? 1 : 1024);
}
