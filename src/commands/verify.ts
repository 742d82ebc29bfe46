import { openEcs, regionOf } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import type { Aws } from '../aws/client.ts';
import { callerIdentity } from '../aws/identity.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import type { Answer, Finding } from '../core/checks.ts';
import { containersOf, shortName } from '../core/task-definition.ts';
import { measureContext } from '../docker/context/check.ts';
import { EcsDeployError } from '../errors.ts';
import { examine, isBlind, serviceChecks } from '../plan/checks.ts';
import { observeTarget, renderTarget } from '../plan/observe.ts';
import type { Observed } from '../plan/observe.ts';
import {
  checkBuild,
  checkEmulation,
  checkIgnoreFile,
  findDaemon,
  findGivenImage,
  findPlace,
} from '../plan/image.ts';
import { checkPlatform, choosePlatform, platformsOf } from '../plan/platform.ts';
import { connectAws, isWithheld } from '../aws/optional.ts';

/** Runs every check that a deploy makes before its first write, and shows what each found. */
export async function verify(context: Context): Promise<CommandResult> {
  const { config, emit } = context;
  requireSettings(config, ['cluster', 'service']);
  const aws = await connectAws(context);
  const ecs = await openEcs(aws);
  const observing = config.targets.map((target) => observeTarget(context, ecs, target));
  const groups = await Promise.all([
    verifyAccount(ecs),
    ...config.targets.map((target, index) =>
      verifyService(context, aws, ecs, target, observing[index]),
    ),
    verifyImage(context, aws, observing),
  ]);
  const checks = groups.flat();
  emit({ kind: 'checked', findings: checks });
  const failed = checks.some(({ status }) => status === 'fail');
  return {
    outcome: failed ? 'refused' : 'succeeded',
    image: null,
    services: [],
    checks,
    seconds: {},
  };
}

/** A step of a deploy as one check: what it read, if it could, and what is to be said of it. */
interface Attempt<T> {
  readonly value: T | undefined;
  readonly findings: readonly Finding[];
}

async function attempt<T>(
  about: string,
  check: string,
  work: Promise<T>,
  say: (value: T) => Answer | string,
  isDoubtful: (problem: EcsDeployError) => boolean = isWithheld,
): Promise<Attempt<T>> {
  try {
    const value = await work;
    const said = say(value);
    const answer = typeof said === 'string' ? ({ status: 'ok', message: said } as const) : said;
    return { value, findings: [{ check, about, ...answer }] };
  } catch (error) {
    if (!(error instanceof EcsDeployError)) throw error;
    const problems = error.problems.length > 0 ? error.problems : [error];
    return {
      value: undefined,
      findings: problems.map((problem) => ({
        check,
        about,
        status: isDoubtful(problem) ? ('warn' as const) : ('fail' as const),
        message: problem.message,
        hint: problem.hint,
      })),
    };
  }
}

async function verifyAccount(ecs: Ecs): Promise<readonly Finding[]> {
  const region = await regionOf(ecs);
  const { findings } = await attempt(
    'account',
    'credentials',
    callerIdentity(ecs),
    ({ account, arn }) => `${account} in ${region}, as ${arn}`,
    // Networks that let only ECS and ECR through are no reason to refuse.
    isBlind,
  );
  return findings;
}

async function verifyService(
  context: Context,
  aws: Aws,
  ecs: Ecs,
  target: Target,
  observing: Promise<Observed> | undefined,
): Promise<readonly Finding[]> {
  const about = `service ${target.service} in ${shortName(target.cluster)}`;
  const read = await attempt(
    about,
    'service',
    observing ?? observeTarget(context, ecs, target),
    ({ service, running }) =>
      `ACTIVE, runs ${shortName(running.arn)} in ${service.runningCount} of ${service.desiredCount} tasks`,
  );
  const { value: observed } = read;
  if (observed === undefined) return read.findings;
  const render = async () => renderTarget(context, observed, context.config.image);
  const draft = await attempt(about, 'containers', render(), (definition) =>
    containersOf(definition)
      .map(({ name }) => String(name))
      .join(', '),
  );
  const definition = draft.value ?? observed.source;
  const checks = serviceChecks(aws, ecs, observed, definition);
  return [...read.findings, ...draft.findings, ...(await examine(context, about, checks))];
}

async function verifyImage(
  context: Context,
  aws: Aws,
  observing: readonly Promise<Observed>[],
): Promise<readonly Finding[]> {
  const { config } = context;
  const tasks = await platformsOf(observing);
  if (config.image !== undefined) return verifyGiven(context, aws, config.image, tasks);
  if (config.repository === undefined) {
    const message = 'neither "repository" nor --image is given';
    return [{ check: 'image', about: 'image', status: 'skip', message }];
  }
  const platform = await attempt(
    'image',
    'image-platform',
    (async () => choosePlatform(config.platform, tasks))(),
    (chosen) => {
      for (const wanted of tasks) {
        checkPlatform(context, {
          what: 'The image would be built',
          platforms: [chosen],
          wanted,
          hint: `build it with --platform ${wanted}, or set runtimePlatform in the task definition`,
        });
      }
      return chosen;
    },
  );
  const wanted = platform.value ?? '';
  const place = await attempt(
    'image',
    'repository',
    findPlace(context, aws),
    ({ reference, existing }) => {
      if (existing === undefined) return `${reference} is to be built`;
      checkPlatform(context, {
        what: `${reference} is in ECR already, built`,
        platforms: existing.platforms,
        wanted,
        hint: `build it anew under another tag: --platform ${wanted} --tag TAG`,
      });
      return `${reference} is there already: it is not built again`;
    },
  );
  const findings = [
    ...platform.findings,
    ...place.findings,
    ...(await scanned(context, place.value?.scan)),
  ];
  if (place.value?.existing !== undefined) return findings;
  return [...findings, ...(await verifyBuild(context, wanted))];
}

async function verifyGiven(
  context: Context,
  aws: Aws,
  image: string,
  tasks: readonly string[],
): Promise<readonly Finding[]> {
  const { value, findings } = await attempt(
    'image',
    'image-exists',
    findGivenImage(context, aws, image),
    ({ reference, stored }) => {
      if (stored === undefined) {
        return {
          status: 'skip',
          message: `${reference} cannot be asked for: ECR does not hold it`,
        };
      }
      for (const wanted of tasks) {
        checkPlatform(context, {
          what: `${reference} is built`,
          platforms: stored.platforms,
          wanted,
          hint: `build it with --platform ${wanted}, or set runtimePlatform in the task definition`,
        });
      }
      return `${reference} is there, for ${stored.platforms?.join(', ') ?? 'a platform that could not be read'}`;
    },
  );
  return [...findings, ...(await scanned(context, value?.scan))];
}

function scanned(context: Context, scan: Answer | undefined): Promise<readonly Finding[]> {
  return examine(context, 'image', scan === undefined ? {} : { 'image-scan': () => scan });
}

async function verifyBuild(context: Context, platform: string): Promise<readonly Finding[]> {
  const { config } = context;
  const [daemon, files] = await Promise.all([
    attempt('build', 'docker', findDaemon(context), ({ address, version, standIn }) =>
      standIn
        ? `the sandbox's stand-in at ${address.host}`
        : `${version} at ${address.host} (${address.source})`,
    ),
    attempt('build', 'files', checkBuild(context), () => config.dockerfile),
  ]);
  const { value: opened } = daemon;
  const more = await examine(context, 'build', {
    ...(opened && { emulation: () => checkEmulation(context, opened, platform) }),
    ...(files.findings.every(({ status }) => status === 'ok') && {
      'build-context': () => checkContextSize(config),
    }),
  });
  return [...daemon.findings, ...files.findings, ...more];
}

async function checkContextSize(config: Context['config']): Promise<Answer> {
  const answer = checkIgnoreFile(config);
  if (answer.status !== 'ok') return answer;
  const { files, bytes } = await measureContext(config.context, config.dockerfile);
  const size = `${files} files, ${Math.ceil(bytes / 1000)} kB`;
  return { status: 'ok', message: `${size}; ${answer.message}` };
}
