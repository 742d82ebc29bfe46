import type { ErrorCode } from '../errors.ts';
import type { CheckName } from './check-names.ts';
import { brokenRules } from './definition-rules.ts';
import { isFargate } from './ecs.ts';
import type { Service } from './ecs.ts';
import type { StartProblem, Trace } from './start.ts';
import { flagsOf } from './service-name.ts';
import { containersOf, placeOfArn, shortName } from './task-definition.ts';
import type { JsonObject } from './task-definition.ts';

/** What a check found. */
export interface Answer {
  readonly status: 'ok' | 'warn' | 'fail' | 'skip';
  /** What was found, naming the thing. */
  readonly message: string;
  readonly hint?: string | undefined;
  /** Code of the error that a failure ends in; `check-failed` when absent. */
  readonly code?: ErrorCode;
}

/** An answer with the check that gave it and what was checked. */
export interface Finding extends Answer {
  readonly check: CheckName;
  /** Groups the tree, e.g. `service api in backend`. */
  readonly about: string;
}

/** An answer that needs no attention. */
export const ok = (message: string): Answer => ({ status: 'ok', message });
/** An answer of a check that does not apply. */
export const skip = (message: string): Answer => ({ status: 'skip', message });

/**
 * Whether ECS would register a definition. What the revision that it came from breaks as well is no
 * problem: ECS has registered that one. A value that AWS may have added since is a warning.
 */
export function checkDefinition(definition: JsonObject, origin: JsonObject): Answer {
  const accepted = new Set(brokenRules(origin).map(({ text }) => text));
  const rules = brokenRules(definition).filter(({ text }) => !accepted.has(text));
  if (rules.length === 0) return ok(`${containersOf(definition).length} containers`);
  const refused = rules.filter(({ isCertain, mayBeNew }) => isCertain && !mayBeNew);
  const isRefused = refused.length > 0;
  const told = isRefused ? refused : rules;
  const [members, them] = told.length === 1 ? ['that member', 'it'] : ['those members', 'them'];
  return {
    status: isRefused ? 'fail' : 'warn',
    message: [
      `ECS ${isRefused ? 'refuses' : 'may refuse'} the task definition:`,
      ...told.map(({ path, text }) => `  ${placeOf(definition, path, text)}: ${text}`),
    ].join('\n'),
    hint: isRefused
      ? `change ${members} of the task definition`
      : `change ${members} of the task definition, unless AWS has come to accept ${them}`,
  };
}

/** A path with what its text does not say: the container, among several, and a short value. */
function placeOf(definition: JsonObject, path: string, text: string): string {
  const steps = path.split(/[.[\]]+/).filter((step) => step !== '');
  const value = steps.reduce<unknown>(
    (owner, step) => (owner as JsonObject | undefined)?.[step],
    definition,
  );
  const containers = containersOf(definition);
  const name = steps[0] === 'containerDefinitions' && containers[Number(steps[1])]?.['name'];
  const isAmong = typeof name === 'string' && containers.length > 1 && !text.includes(name);
  const shown = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  const isSaid =
    text.startsWith(`${shown} `) ||
    [`'${shown}'`, `[${shown}]`, ` ${shown}.`, `: ${shown}`].some((part) => text.includes(part));
  return [
    path,
    isAmong && value !== name ? `of "${name}"` : '',
    shown === '' || isSaid ? '' : `is ${shortened(JSON.stringify(value))}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

const LONGEST_VALUE = 60;

const shortened = (text: string): string =>
  text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;

/** MiB of memory that Fargate gives to CPU units: from, to, in steps (ECS guide, task sizes). */
const SIZES: Readonly<Record<number, readonly [from: number, to: number, step: number]>> = {
  512: [1024, 4096, 1024],
  1024: [2048, 8192, 1024],
  2048: [4096, 16_384, 1024],
  4096: [8192, 30_720, 1024],
  8192: [16_384, 61_440, 4096],
  16_384: [32_768, 122_880, 8192],
};

/** Whether Fargate has this pair of CPU and memory. */
export function checkTaskSize(definition: JsonObject): Answer {
  const cpu = units(definition['cpu'], /^([\d.]+)\s*vcpu$/i);
  const memory = units(definition['memory'], /^([\d.]+)\s*gb$/i);
  if (cpu === undefined || memory === undefined) {
    return {
      status: 'fail',
      message:
        'The task definition names no cpu or no memory for the whole task, which Fargate needs.',
      hint: 'set both in the task definition, e.g. "cpu": "256" and "memory": "512"',
    };
  }
  const size = `${cpu} CPU units with ${memory} MiB`;
  const allowed = cpu === 256 ? [512, 1024, 2048] : rangeOf(SIZES[cpu]);
  // A size that is not in the table may be newer than it.
  if (allowed === undefined) return skip(`${size}: not a size that is known here`);
  if (allowed.includes(memory)) return ok(size);
  const nearest = allowed.toSorted((a, b) => Math.abs(a - memory) - Math.abs(b - memory))[0];
  return {
    status: 'fail',
    message: `Fargate has no tasks of ${size}.`,
    hint: `for ${cpu} CPU units the memory is ${allowed[0]} to ${allowed.at(-1)}; the nearest is ${nearest}`,
  };
}

function rangeOf(row: readonly [number, number, number] | undefined): number[] | undefined {
  if (row === undefined) return undefined;
  const [from, to, step] = row;
  return Array.from({ length: (to - from) / step + 1 }, (_, index) => from + index * step);
}

/** `"1024"`, `"1 vCPU"` or `"2GB"` as a number of units. */
function units(value: unknown, large: RegExp): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const [, amount] = large.exec(String(value)) ?? [];
  const read = amount === undefined ? Number(value) : Number(amount) * 1024;
  return Number.isFinite(read) && read > 0 ? read : undefined;
}

interface Mapping {
  readonly name?: string;
  readonly containerPort?: number;
  readonly hostPort?: number;
  readonly protocol?: string;
}

/** Whether containers that share one network address have different ports on it. */
export function checkPorts(definition: JsonObject): Answer {
  const mode = definition['networkMode'];
  if (mode !== 'awsvpc' && mode !== 'host') return skip('containers have their own ports');
  const taken = new Map<string, string>();
  for (const container of containersOf(definition)) {
    const name = String(container['name']);
    for (const mapping of mappingsOf(container)) {
      const { containerPort, hostPort, protocol = 'tcp' } = mapping;
      if (containerPort === undefined) continue;
      if (hostPort !== undefined && hostPort !== 0 && hostPort !== containerPort) {
        return {
          status: 'fail',
          message: `Container "${name}" maps port ${containerPort} to host port ${hostPort}: in ${mode} mode they must be the same.`,
          hint: 'leave hostPort out',
        };
      }
      const port = `${containerPort}/${protocol}`;
      const other = taken.get(port);
      if (other !== undefined) {
        return {
          // In host mode only the start of the task shows it.
          status: mode === 'awsvpc' ? 'fail' : 'warn',
          message:
            other === name
              ? `Container "${name}" maps port ${port} twice.`
              : `Containers "${other}" and "${name}" both map port ${port}: in ${mode} mode they share one address.`,
          hint: 'remove one of the mappings, or give it another port',
        };
      }
      taken.set(port, name);
    }
  }
  return ok(taken.size === 0 ? 'no ports' : `ports ${[...taken.keys()].join(', ')}`);
}

/**
 * Whether there is an execution role where tasks cannot start without one, and whether the roles are
 * of the account of the service: ECS refuses to pass others.
 */
export function checkExecutionRole(
  definition: JsonObject,
  onFargate: boolean,
  { arn }: Pick<Service, 'arn'>,
): Answer {
  const own = placeOfArn(arn)?.account;
  for (const member of ['executionRoleArn', 'taskRoleArn']) {
    const account = placeOfArn(String(definition[member]))?.account;
    if (!account || account === own) continue;
    return {
      status: 'fail',
      message: `The ${member} of the task definition is in account ${account}, but the service is in account ${own}: ECS accepts roles of its own account only.`,
      hint: `use a role of account ${own}`,
    };
  }
  const role = definition['executionRoleArn'];
  if (typeof role === 'string' && role !== '') return ok(role);
  const containers = containersOf(definition);
  const uses = (member: string) => containers.some((container) => container[member] !== undefined);
  const needs: readonly (readonly [boolean, string])[] = [
    [secretsOf(definition).length > 0, 'secrets'],
    [uses('repositoryCredentials'), 'repository credentials'],
    [containers.some(({ environmentFiles: files }) => isFilled(files)), 'environment files'],
    [
      onFargate && containers.some(({ image }) => /\.dkr[.-]ecr/.test(String(image))),
      'images of ECR',
    ],
    [onFargate && logGroupsOf(definition).length > 0, 'the awslogs log driver'],
  ];
  const reasons = needs.flatMap(([isNeeded, reason]) => (isNeeded ? [reason] : []));
  if (reasons.length === 0) return ok('none is needed');
  return {
    status: 'fail',
    message: `The task definition has no execution role, which ${reasons.join(' and ')} need.`,
    hint: 'set executionRoleArn, e.g. to the role ecsTaskExecutionRole of the account',
  };
}

const isFilled = (list: unknown): boolean => Array.isArray(list) && list.length > 0;

/** A secret that a container gets. */
export interface SecretReference {
  readonly container: string;
  readonly name: string;
  /** ARN of a secret or a parameter, or a parameter's name. */
  readonly valueFrom: string;
}

/** All secrets of a definition, those of log drivers included. */
export function secretsOf(definition: JsonObject): readonly SecretReference[] {
  return containersOf(definition).flatMap((container) => {
    const log = (container['logConfiguration'] ?? {}) as { secretOptions?: unknown };
    const listed = [container['secrets'], log.secretOptions].flatMap(
      (list) => (list ?? []) as readonly { name: string; valueFrom: string }[],
    );
    return listed.map(({ name, valueFrom }) => ({
      container: String(container['name']),
      name,
      valueFrom,
    }));
  });
}

/** A parameter that ECS cannot read, whether it exists or not; undefined when there is none. */
export function checkParameters(
  references: readonly SecretReference[],
  own: string | undefined,
): Answer | undefined {
  for (const { container, name, valueFrom } of references) {
    const [, account, path] = /^arn:[^:]+:ssm:[^:]*:(\d*):parameter\/?(.*)$/.exec(valueFrom) ?? [];
    const what = `The secret ${name} of container "${container}"`;
    if (account && own !== undefined && account !== own) {
      return {
        status: 'fail',
        message: `${what} is a parameter of account ${account}, but ECS reads parameters of account ${own} only: ${valueFrom}.`,
        hint: 'copy it to that account, or share a secret of Secrets Manager',
      };
    }
    const isSecret = valueFrom.startsWith('arn:') && path === undefined;
    const [, version] = (path ?? valueFrom).split(':');
    if (isSecret || version === undefined) continue;
    return {
      status: 'fail',
      message: `${what} names the version or label "${version}" of a parameter, but ECS reads the latest version only: ${valueFrom}.`,
      hint: `name the parameter alone: ${valueFrom.slice(0, -version.length - 1)}`,
    };
  }
  return undefined;
}

/** A log group that containers write to. */
export interface LogGroup {
  readonly group: string;
  readonly region: string | undefined;
}

/** The log groups that must be there before a task starts, each once. */
export function logGroupsOf(definition: JsonObject): readonly LogGroup[] {
  const found = new Map<string, LogGroup>();
  for (const container of containersOf(definition)) {
    const { logDriver, options = {} } = (container['logConfiguration'] ?? {}) as {
      logDriver?: string;
      options?: Record<string, string>;
    };
    const group = options['awslogs-group'];
    if (logDriver !== 'awslogs' || group === undefined) continue;
    if (options['awslogs-create-group'] === 'true') continue;
    const region = options['awslogs-region'];
    found.set(`${region} ${group}`, { group, region });
  }
  return [...found.values()];
}

/** Whether a rolling deployment has room to start or to stop a task. */
export function checkCapacity(service: Service): Answer {
  const { desired, isDaemon, settings } = service;
  const { minimumHealthyPercent: min, maximumPercent: max, strategy } = settings;
  if (strategy !== 'ROLLING') return skip(`${strategy} deployments`);
  if (isDaemon) return skip('a daemon service');
  const most = Math.floor((desired * max) / 100);
  const least = Math.ceil((desired * min) / 100);
  const room = `${least} to ${most} tasks run during a deployment`;
  if (desired === 0 || most > desired || least < desired) return ok(room);
  return {
    status: 'fail',
    message: `A deployment cannot make progress: with ${desired} ${desired === 1 ? 'task' : 'tasks'}, minimumHealthyPercent ${min} and maximumPercent ${max}, ECS can neither start nor stop a task.`,
    hint: `allow it: aws ecs update-service ${flagsOf(service)} --deployment-configuration minimumHealthyPercent=100,maximumPercent=200`,
  };
}

/** Whether the containers and ports that receive traffic are in the definition: UpdateService requires it. */
export function checkContainerPorts(
  { name, loadBalancers, registries }: Service,
  draft: JsonObject,
): Answer {
  const targets = [
    ...loadBalancers.map((item) => ({ what: 'load balancer', does: 'sends traffic to', ...item })),
    ...registries.map((item) => ({ what: 'service registry', does: 'publishes', ...item })),
  ];
  for (const { what, does, container: wanted, port } of targets) {
    const container = containersOf(draft).find((item) => item['name'] === wanted);
    const isThere = mappingsOf(container).some(({ containerPort }) => containerPort === port);
    if (port === undefined ? container !== undefined : isThere) continue;
    return {
      status: 'fail',
      code: 'container-port',
      message: `The ${what} of "${name}" ${does} ${port === undefined ? '' : `port ${port} of `}container "${wanted}", which the task definition does not have.`,
      hint: `keep the name and the port mapping of that container, or change the ${what} of the service first`,
    };
  }
  return targets.length === 0
    ? skip('no load balancer or service registry')
    : ok('container and port are there');
}

const mappingsOf = (container: JsonObject | undefined): readonly Mapping[] =>
  (container?.['portMappings'] ?? []) as readonly Mapping[];

/** Whether the port names that the service refers to are in the definition: UpdateService requires it. */
export function checkPortNames({ name, portNames }: Service, draft: JsonObject): Answer {
  const names = new Set(
    containersOf(draft)
      .flatMap(mappingsOf)
      .map((mapping) => mapping.name),
  );
  const missing = portNames.find((wanted) => !names.has(wanted.name));
  if (missing !== undefined) {
    return {
      status: 'fail',
      message: `${missing.by} of "${name}" uses the port name "${missing.name}", which no port mapping of the task definition has.`,
      hint: `add "name": "${missing.name}" to that port mapping, or change ${missing.by} of the service first`,
    };
  }
  return portNames.length === 0
    ? skip('no port name is used')
    : ok(portNames.map((wanted) => wanted.name).join(', '));
}

/** Whether the network mode fits the service: UpdateService requires it. */
export function checkNetworkMode(service: Service, { networkMode = 'bridge' }: JsonObject): Answer {
  const { name, hasNetwork } = service;
  const mode = String(networkMode);
  if (hasNetwork === (mode === 'awsvpc')) return ok(mode);
  return {
    status: 'fail',
    message: hasNetwork
      ? `The service "${name}" has a network configuration, which ECS accepts only with the network mode awsvpc, but the task definition has ${mode}.`
      : `The task definition has the network mode awsvpc, but the service "${name}" has no network configuration.`,
    hint: hasNetwork
      ? 'set "networkMode": "awsvpc" in the task definition'
      : `set another network mode, or give the service subnets: aws ecs update-service ${flagsOf(service)} --network-configuration …`,
  };
}

/** Whether the definition fits where the service starts tasks: UpdateService requires it. */
export function checkLaunchType(service: Service, definition: JsonObject): Answer {
  const { launchType, capacityProviders } = service;
  const where = capacityProviders.length > 0 ? capacityProviders.join(', ') : launchType;
  if (where === undefined) return skip('the service names none');
  const required = definition['requiresCompatibilities'];
  const isOpen = !Array.isArray(required) || required.length === 0;
  // ECS adds EC2 to the compatibilities of every definition.
  const wanted = isFargate(service, definition)
    ? 'FARGATE'
    : launchType === 'EXTERNAL'
      ? 'EXTERNAL'
      : undefined;
  if (wanted === undefined || isOpen || required.includes(wanted)) return ok(where);
  return {
    status: 'fail',
    message: `The service "${service.name}" starts tasks on ${where}, but the task definition requires ${required.join(', ')}.`,
    hint: `add "${wanted}" to requiresCompatibilities of the task definition`,
  };
}

/** Whether the volumes that the service configures are those of the definition: UpdateService requires it. */
export function checkVolumes({ name, volumes }: Service, definition: JsonObject): Answer {
  const listed = (definition['volumes'] ?? []) as readonly JsonObject[];
  const open = listed
    .filter(({ configuredAtLaunch }) => configuredAtLaunch === true)
    .map((volume) => String(volume['name']));
  const missing = volumes.find((volume) => !open.includes(volume));
  if (missing !== undefined) {
    return {
      status: 'fail',
      message: `The service "${name}" configures the volume "${missing}", which the task definition does not leave to it.`,
      hint: `add { "name": "${missing}", "configuredAtLaunch": true } to the volumes of the task definition`,
    };
  }
  const unset = open.find((volume) => !volumes.includes(volume));
  if (unset !== undefined) {
    return {
      status: 'fail',
      message: `The task definition leaves the volume "${unset}" to the service "${name}", which does not configure it.`,
      hint: 'configure it in the service first (volumeConfigurations of UpdateService), or remove configuredAtLaunch',
    };
  }
  return open.length === 0 ? skip('none is configured at launch') : ok(open.join(', '));
}

/** Whether the service runs its family's latest revision; `latest` is undefined where it cannot be read. */
export function checkLatest(running: string, latest: string | undefined): Answer {
  if (latest === undefined) return skip('the latest revision could not be read');
  if (latest === running) return ok(shortName(running));
  return {
    status: 'warn',
    message: `The service runs ${shortName(running)}, but the latest revision is ${shortName(latest)}: it was registered without being deployed, or it was rolled back.`,
    hint: `the new revision is made from ${shortName(running)}; to use the latest: --task-definition ${shortName(latest)}`,
  };
}

/** Whether the image has the platform that the tasks run on; an assumption is no refusal. */
export function checkPlatform(image: {
  /** The image with its verb, e.g. `The image would be built`. */
  readonly what: string;
  /** Undefined where they could not be read. */
  readonly platforms: readonly string[] | undefined;
  readonly wanted: string;
  readonly isAssumed?: boolean;
  readonly canSwitch?: boolean | undefined;
  readonly hint: string;
}): Answer {
  const { what, platforms, wanted, isAssumed = false, canSwitch = false, hint } = image;
  if (platforms === undefined) return skip('the platform of the image could not be read');
  if (platforms.includes(wanted)) return ok(wanted);
  const found = `${what} for ${platforms.join(', ')}`;
  if (isAssumed) {
    return {
      status: 'warn',
      message: `${found}, but the task definition does not say that the tasks run there: without runtimePlatform the machines of the cluster decide.`,
      hint: 'set runtimePlatform in the task definition',
    };
  }
  if (canSwitch) {
    return {
      status: 'warn',
      message: `${found}, but the task definition says ${wanted}: Express Mode may start the tasks on the platform of the image, or the container fails with "exec format error".`,
      hint,
    };
  }
  return {
    status: 'fail',
    code: 'image-platform',
    message: `${found}, but the tasks run on ${wanted}: the container would fail with "exec format error".`,
    hint,
  };
}

/**
 * Whether a container can start: as its task definition says (`deployed`; `configured` where it is
 * only pushed, and may be a base image), or as the image itself says (`unknown`).
 */
export function checkStart(
  image: string,
  { problem }: Pick<Trace, 'problem'>,
  use: 'deployed' | 'configured' | 'unknown',
): Answer {
  if (problem === undefined) return ok(`${image} can start`);
  const { reason, hint } = PROBLEMS[problem.kind](problem);
  const isRefused = use === 'deployed' || (use === 'configured' && problem.kind !== 'nothing');
  if (isRefused && problem.isCertain) {
    return { status: 'fail', message: `A container of ${image} cannot start: ${reason}.`, hint };
  }
  const verdict = problem.isCertain
    ? 'cannot start unless the task definition sets command or entryPoint'
    : 'will probably not start';
  return { status: 'warn', message: `A container of ${image} ${verdict}: ${reason}.`, hint };
}

/** Why a container cannot start, and what to do, by kind of problem. */
const PROBLEMS: Readonly<
  Record<
    StartProblem['kind'],
    (problem: StartProblem) => { readonly reason: string; readonly hint: string }
  >
> = {
  nothing: () => ({
    reason: 'the image has neither ENTRYPOINT nor CMD',
    hint: 'add CMD to the Dockerfile, or set command in the task definition',
  }),
  missing: ({ path }) => ({
    reason: `${path} is not in the image`,
    hint: 'copy it there, or correct ENTRYPOINT or CMD in the Dockerfile',
  }),
  'not-in-path': ({ path, detail }) => ({
    reason: `"${path}" is in no folder of PATH (${detail})`,
    hint: 'install it in the image, or name its path in ENTRYPOINT or CMD',
  }),
  'no-shell': ({ path, detail }) => ({
    reason: `the shell form of ENTRYPOINT and CMD needs ${path}, which is not in the image`,
    hint: `use the exec form: CMD ${/["'$|&;<>`\\]/.test(detail) ? '["PROGRAM", "ARGUMENT"]' : JSON.stringify(detail.trim().split(/\s+/))}`,
  }),
  folder: ({ path }) => ({
    reason: `${path} is a folder`,
    hint: 'name a program in ENTRYPOINT or CMD',
  }),
  'not-executable': ({ path }) => ({
    reason: `${path} has no permission to be executed`,
    hint: `in the Dockerfile: RUN chmod +x ${path}; or in git: git update-index --chmod=+x FILE`,
  }),
  'line-ends': ({ path, detail }) => ({
    reason: `the first line of ${path} ends with CR LF, so that its interpreter "${detail}\\r" is not found`,
    hint: 'save the file with LF line ends, and keep them: FILE text eol=lf in .gitattributes',
  }),
  'no-interpreter': ({ path, detail }) => ({
    reason: `the interpreter of ${path}, ${detail}, is not in the image`,
    hint: 'install it in the image, or correct the first line of the file',
  }),
  'no-loader': ({ path, detail }) => ({
    reason: `${path} needs the loader ${detail}, which is not in the image`,
    hint: 'link it statically (Go: CGO_ENABLED=0), or use a base image with the C library that it was built for',
  }),
  'no-format': ({ path }) => ({
    reason: `${path} is neither a program nor a script that begins with #!`,
    hint: 'begin a script with #!/bin/sh',
  }),
};
