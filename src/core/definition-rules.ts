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
}

/** The rules of one part of a definition; a row is broken where its condition holds. */
type Rows = readonly (readonly [
  isBroken: boolean,
  member: string,
  text: string,
  kind?: 'enum' | 'believed',
])[];

const NAME = /^[\w-]{1,255}$/;
const IMAGE = /^[\w.:/#@+-]{1,255}$/;
const NETWORK_MODES = ['bridge', 'host', 'awsvpc', 'none'];
const COMPATIBILITIES = ['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES'];
const ARCHITECTURES = ['X86_64', 'ARM64'];
const SYSTEMS = /^(?:LINUX|WINDOWS_SERVER_\w+)$/;
const CONDITIONS = ['START', 'COMPLETE', 'SUCCESS', 'HEALTHY'];
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
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack';
/** Members that share the network of a task, and so make no sense in `awsvpc`. */
const OWN_NETWORK = ['links', 'hostname', 'dnsServers', 'dnsSearchDomains', 'extraHosts'];
const MOST_CONTAINERS = 10;
const MOST_TAGS = 50;
/** Bytes of the whole definition. */
const LARGEST = 65_536;

/**
 * What ECS refuses when it registers a definition, in the order of its members. Sources: the API
 * reference of RegisterTaskDefinition and ContainerDefinition, the developer guide's pages on task
 * definition parameters and Fargate differences, and the texts that other tools have recorded. Fargate
 * sizes, roles and port conflicts between containers have checks of their own.
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
        ...portRules(path, definition, container),
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
      exception: kind === 'enum' ? 'InvalidParameterException' : 'ClientException',
      isCertain: kind !== 'believed',
    }));
}

function definitionRows(definition: JsonObject, containers: readonly JsonObject[]): Rows {
  const { family, networkMode, cpu, memory } = definition;
  const platform = partOf(definition, 'runtimePlatform');
  const size = Buffer.byteLength(JSON.stringify(definition));
  const storage = partOf(definition, 'ephemeralStorage')['sizeInGiB'];
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
    [
      isOutside(networkMode, NETWORK_MODES),
      'networkMode',
      `Invalid networkMode '${textOf(networkMode)}'. Must be one of [${NETWORK_MODES.join(',')}]`,
      'enum',
    ],
    [
      foreign !== undefined,
      'requiresCompatibilities',
      `Invalid compatibility '${foreign}'. Must be one of [${COMPATIBILITIES.join(',')}]`,
      'enum',
    ],
    [
      isOutside(cpuArchitecture, ARCHITECTURES),
      'runtimePlatform.cpuArchitecture',
      `Invalid cpuArchitecture '${textOf(cpuArchitecture)}'. Must be one of [${ARCHITECTURES.join(',')}]`,
      'enum',
    ],
    [
      isSet(operatingSystemFamily) && !SYSTEMS.test(textOf(operatingSystemFamily)),
      'runtimePlatform.operatingSystemFamily',
      `Invalid operatingSystemFamily '${textOf(operatingSystemFamily)}'.`,
      'enum',
    ],
    [
      isOutsideRange(storage, 21, 200),
      'ephemeralStorage.sizeInGiB',
      'Ephemeral storage size must be between 21 and 200 GiB.',
    ],
    [
      taskCpu !== undefined && cpuSum > taskCpu,
      'cpu',
      `The 'cpu' of the containers, ${cpuSum}, exceeds the 'cpu' of the task, ${taskCpu}.`,
    ],
    [
      taskMemory !== undefined && reserved > taskMemory,
      'memory',
      `The memory reserved by the containers, ${reserved}, exceeds the 'memory' of the task, ${taskMemory}.`,
    ],
    [
      onFargate && listOf(definition, 'placementConstraints').length > 0,
      'placementConstraints',
      'Tasks using the Fargate launch type do not support placement constraints.',
    ],
    [
      onFargate && isSet(definition['ipcMode']),
      'ipcMode',
      'Tasks using the Fargate launch type do not support ipcMode.',
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
  return [
    [!NAME.test(textOf(name)), 'name', `Volume name '${textOf(name)}' is invalid.`],
    [
      before.some((other) => other['name'] === name),
      'name',
      `Volume name '${textOf(name)}' is used more than once.`,
    ],
    [
      isSet(efsVolumeConfiguration) && !partOf(volume, 'efsVolumeConfiguration')['fileSystemId'],
      'efsVolumeConfiguration.fileSystemId',
      'EFS volume configuration requires fileSystemId.',
    ],
    [
      onFargate && isSet(host) && isSet(partOf(volume, 'host')['sourcePath']),
      'host.sourcePath',
      'Tasks using the Fargate launch type do not support host.sourcePath.',
    ],
    [
      onFargate && isSet(dockerVolumeConfiguration),
      'dockerVolumeConfiguration',
      'Tasks using the Fargate launch type do not support dockerVolumeConfiguration.',
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
      `Container names must be unique: ${textOf(name)}.`,
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
      `${setting} The 'memory' of the container, ${memory}, exceeds the 'memory' of the task, ${taskMemory}.`,
    ],
    [
      memory !== undefined && reservation !== undefined && reservation > memory,
      'memoryReservation',
      `${setting} 'memoryReservation' must not exceed 'memory'.`,
    ],
    [
      startTimeout !== undefined && startTimeout < 2,
      'startTimeout',
      `${setting} 'startTimeout' must be at least 2.`,
      'believed',
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
): readonly BrokenRule[] {
  const mappings = listOf(container, 'portMappings');
  const shares = networkMode === 'awsvpc' || networkMode === 'host';
  const hostPort = ({ hostPort: port, containerPort, protocol = 'tcp' }: JsonObject) => {
    const taken = shares ? containerPort : port;
    return taken ? `${textOf(taken)}/${textOf(protocol)}` : undefined;
  };
  return mappings.flatMap((mapping, index) => {
    const { containerPort, containerPortRange, protocol, name } = mapping;
    const taken = hostPort(mapping);
    return broken(`${path}portMappings[${index}].`, [
      [
        !isSet(containerPort) && !isSet(containerPortRange),
        'containerPort',
        'Port mapping requires containerPort or containerPortRange.',
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
      [
        isOutside(protocol, ['tcp', 'udp']),
        'protocol',
        `Invalid protocol '${textOf(protocol)}'. Must be one of [tcp,udp]`,
        'enum',
      ],
      [name === '', 'name', 'Port mapping name should not be empty.'],
      [
        networkMode === 'awsvpc' &&
          Boolean(mapping['hostPort']) &&
          mapping['hostPort'] !== containerPort,
        'hostPort',
        'When networkMode=awsvpc, the host ports and container ports in port mappings must match.',
      ],
      [
        taken !== undefined && mappings.slice(0, index).some((other) => hostPort(other) === taken),
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
  const without = 'Tasks using the Fargate launch type do not support';
  return [
    ...broken(
      path,
      OWN_NETWORK.map(
        (member) =>
          [
            isAwsvpc && isFilled(container[member]),
            member,
            `${member} is not supported when networkMode=awsvpc.`,
          ] as const,
      ),
    ),
    ...broken(path, [
      [onFargate && container['privileged'] === true, 'privileged', `${without} privileged.`],
      [
        onFargate && isFilled(linux['devices']),
        'linuxParameters.devices',
        `${without} linuxParameters.devices.`,
      ],
      [
        onFargate && isSet(linux['sharedMemorySize']),
        'linuxParameters.sharedMemorySize',
        `${without} linuxParameters.sharedMemorySize.`,
      ],
      [
        onFargate && odd !== undefined,
        'linuxParameters.capabilities.add',
        `${without} adding the capability ${odd}; only SYS_PTRACE.`,
      ],
      [onFargate && needsGpu, 'resourceRequirements', `${without} GPU.`],
      [
        onFargate && ulimit !== undefined,
        'ulimits',
        `${without} the ulimit ${textOf(ulimit?.['name'])}; only nofile.`,
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
        isOutside(condition, CONDITIONS) || !isSet(condition),
        'condition',
        `Invalid condition '${textOf(condition)}'. Must be one of [${CONDITIONS.join(',')}]`,
        'enum',
      ],
      [
        condition === 'HEALTHY' && dependency !== undefined && !isSet(dependency['healthCheck']),
        'condition',
        'A dependency container with HEALTHY condition must have health check configured',
      ],
      [
        ends && dependency !== undefined && dependency['essential'] !== false,
        'condition',
        `A dependency container with ${textOf(condition)} condition must not be essential: ${name}.`,
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
    ],
    [
      isAwslogs && !hasGroup,
      'logConfiguration.options',
      'Log driver awslogs requires options: awslogs-region, awslogs-group',
    ],
    [
      isAwslogs && onFargate && hasGroup && !options['awslogs-stream-prefix'],
      'logConfiguration.options',
      'Log driver awslogs requires options: awslogs-stream-prefix',
    ],
    [
      isAwslogs && odd !== undefined,
      'logConfiguration.options',
      `Log driver awslogs disallows options: ${odd}`,
    ],
    [
      driver === 'awsfirelens' && routers.length === 0,
      'logConfiguration.logDriver',
      'Log driver awsfirelens requires a container with firelensConfiguration.',
    ],
    [
      isSet(container['firelensConfiguration']) && routers[0] !== container,
      'firelensConfiguration',
      'Only one container can have a firelensConfiguration.',
    ],
    [
      isSet(container['firelensConfiguration']) &&
        !['fluentd', 'fluentbit'].includes(textOf(router['type'])),
      'firelensConfiguration.type',
      `Invalid firelensConfiguration type '${textOf(router['type'])}'. Must be one of [fluentd,fluentbit]`,
      'enum',
    ],
  ];
}

function valueRules(path: string, container: JsonObject): readonly BrokenRule[] {
  const variables = listOf(container, 'environment');
  const secrets = listOf(container, 'secrets');
  const names = secrets.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  const shared = variables.find(({ name }) => names.includes(name));
  const file = listOf(container, 'environmentFiles').find(({ type }) => type !== 's3');
  const limit = listOf(container, 'ulimits').find(
    ({ name }) => !ULIMITS.split(' ').includes(textOf(name)),
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
    [
      file !== undefined,
      'environmentFiles',
      `Invalid environmentFiles type '${textOf(file?.['type'])}'. Must be one of [s3]`,
      'enum',
    ],
    [
      limit !== undefined,
      'ulimits',
      `Invalid ulimit name '${textOf(limit?.['name'])}'. Must be one of [${ULIMITS.replaceAll(' ', ',')}]`,
      'enum',
    ],
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
