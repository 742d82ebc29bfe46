import type { StoredImage } from '../aws/images.ts';
import { isImmutable } from '../aws/repositories.ts';
import type { Repository } from '../aws/repositories.ts';
import type { CheckName } from '../core/check-names.ts';
import { checkPlatform, ok, skip } from '../core/checks.ts';
import type { Answer } from '../core/checks.ts';
import {
  CACHE_TAG,
  INPUTS_LABEL,
  DEFAULT_PLATFORM,
  likelyPlatform,
  parseImageReference,
  platformsIn,
} from '../core/image.ts';
import type { TaskPlatform } from '../core/image.ts';
import { EcsDeployError } from '../errors.ts';
import type { Config } from '../settings/config.ts';
import { failures } from './findings.ts';
import type { Check, Part, PlanFinding } from './findings.ts';
import { isRebuild } from './image.ts';
import type { Destination, GivenImage, ObservedImage, ReadImage } from './image.ts';
import { checkBuild, checkGaps } from './plan-build.ts';
import { attemptNow, valueOf } from './read.ts';

/** What happens to the image. */
export type ImagePlan =
  | {
      /** Nothing is built or pushed: the image is already in a registry. */
      readonly kind: 'use';
      readonly reference: string;
      readonly digest: string | null;
      readonly platform: string | null;
    }
  | {
      readonly kind: 'build' | 'push';
      /** `registry/repository:tag`; without a registry while the repository does not exist. */
      readonly reference: string;
      readonly platform: string;
    };

/** The settings that the plan of an image depends on. */
export type ImagePlanSettings = Partial<
  Pick<Config, 'platform' | 'cache' | 'rebuild' | 'noCache' | 'pull' | 'fromCommit'>
>;

/** Plans what happens to an image; pure. */
export function planImage(
  check: Check,
  image: ObservedImage,
  config: ImagePlanSettings,
  tasks: readonly TaskPlatform[],
): Part<ImagePlan> {
  if (image.kind === 'given') return planGiven(check, image, tasks);
  const chosen = attemptNow(() => choosePlatform(config.platform, tasks));
  const platform = valueOf(chosen)?.platform;
  const choice =
    'error' in chosen
      ? failures('image-platform', 'image', chosen.error)
      : checkTasks(check, {
          what: 'The image would be built',
          platforms: platformsIn(chosen.value.platform),
          tasks: tasks.length === 0 ? eachPlatform(chosen.value) : tasks,
          hint: buildHint,
        });
  const gaps = valueOf(image.destination)?.gaps;
  const building =
    image.kind === 'built' && image.build !== undefined
      ? checkBuild(check, image.build, platform, gaps && checkGaps(gaps, config))
      : [];
  if ('error' in image.destination) {
    const missing = failures('repository', 'image', image.destination.error);
    return { plan: undefined, findings: [...choice, ...missing, ...building] };
  }
  const destination = image.destination.value;
  const { reference } = destination;
  const { stored } = destination.present;
  const extras = checkExtras(destination);
  if (image.kind === 'local') {
    if ('error' in image.local) {
      const missing = failures('docker', 'build', image.local.error);
      return { plan: undefined, findings: [...extras, ...missing] };
    }
    const local = image.local.value;
    if (typeof stored === 'object' && [stored.config, stored.digest].includes(local.id)) {
      return { plan: useOf(reference, stored, platform ?? null), findings: extras };
    }
    return {
      plan:
        platform === undefined
          ? undefined
          : { kind: 'push', reference, platform: platformsIn(platform)[0] },
      findings: [...('error' in chosen ? choice : []), ...extras, ...checkImmutable(destination)],
    };
  }
  if (typeof stored === 'object' && !isRebuild(config)) {
    return {
      plan: useOf(reference, stored, platform ?? null),
      findings: [
        ...checkInputs(destination, stored),
        ...building.filter(({ check: name }) => name === 'docker'),
        ...('error' in chosen
          ? choice
          : checkTasks(check, {
              what: `${reference} is already in ECR, built`,
              platforms: stored.platforms,
              tasks: eachPlatform(chosen.value),
              hint: (wanted) => `build it under another tag: --platform ${wanted} --tag TAG`,
            })),
        note('repository', `${reference} exists and is not built again`),
        ...extras,
        ...checkPresent(check, destination.present, destination.repository?.name, reference),
      ],
    };
  }
  return {
    plan: platform === undefined ? undefined : { kind: 'build', reference, platform },
    findings: [
      ...choice,
      ...checkBuildable(platform),
      note('repository', `${reference} will be built`),
      ...(typeof stored === 'object' && isSame(destination, stored)
        ? []
        : checkImmutable(destination)),
      ...checkCache(config, destination),
      ...extras,
      ...building,
    ],
  };
}

/** Whether an image was built from the inputs that a build would have now. */
const isSame = ({ labels }: Destination, stored: StoredImage): boolean =>
  stored.labels?.[INPUTS_LABEL] === labels[INPUTS_LABEL];

/** Whether the image that has the tag is the one that would be built. */
function checkInputs(destination: Destination, stored: StoredImage): PlanFinding[] {
  const { reference, repository, tag } = destination;
  if (isSame(destination, stored)) return [];
  const isFixed = repository !== undefined && isImmutable(repository, tag);
  const again = isFixed ? '' : 'to build it again: --rebuild; ';
  const name = { check: 'image-tag', about: 'image' } as const;
  if (stored.labels?.[INPUTS_LABEL] === undefined) {
    const reason =
      stored.labels === undefined
        ? 'the labels of the image cannot be read'
        : `the image has no label ${INPUTS_LABEL}, so another tool built it`;
    const message = `${reference} is used without a comparison of its build inputs: ${reason}.`;
    return [{ ...name, status: 'warn', message, hint: `${again}to choose another tag: --tag TAG` }];
  }
  return [
    {
      ...name,
      status: 'fail',
      code: 'tag-taken',
      message: `${reference} exists, but was built from other inputs: another commit, other files or other build settings.`,
      hint: `${again}to choose another tag: --tag TAG; to deploy it as it is: ecsdeploy deploy --image ${reference}`,
    },
  ];
}

const note = (check: CheckName, message: string): PlanFinding => ({
  check,
  about: 'image',
  ...ok(message),
});

const useOf = (reference: string, { digest }: StoredImage, platform: string | null): ImagePlan => ({
  kind: 'use',
  reference,
  digest,
  platform,
});

/** Plans the use of an image that is already in a registry; pure. */
export function planGiven(
  check: Check,
  { reference, read }: GivenImage,
  tasks: readonly TaskPlatform[],
): Part<ImagePlan> {
  if ('error' in read) {
    return { plan: undefined, findings: failures('image-exists', 'image', read.error) };
  }
  const { stored } = read.value;
  const unknown: ImagePlan = { kind: 'use', reference, digest: null, platform: null };
  if (stored === undefined) {
    const isShort = parseImageReference(reference).registry === undefined;
    const answer = (): Answer =>
      isShort
        ? {
            status: 'warn',
            message: `${reference} names no registry: ECS pulls it from Docker Hub, where it cannot be checked.`,
            hint: 'for an image in ECR, use its full name: REGISTRY/REPOSITORY:TAG',
          }
        : skip(`${reference} could not be checked: ECR does not hold it`);
    return { plan: unknown, findings: [check('image-exists', 'image', answer)] };
  }
  if (stored === 'missing-repository') {
    const answer = (): Answer => ({
      status: 'warn',
      message: `ECR has no repository for ${reference}: the image could not be checked.`,
      hint: 'a pull-through cache or a creation template creates it at the first pull; otherwise check the name',
    });
    return { plan: unknown, findings: [check('image-exists', 'image', answer)] };
  }
  if (stored === 'missing') {
    const answer = (): Answer => ({
      status: 'fail',
      code: 'image-missing',
      message: `ECR has no image ${reference}.`,
      hint: 'push it first (ecsdeploy push), or name an existing one',
    });
    return { plan: unknown, findings: [check('image-exists', 'image', answer)] };
  }
  const found = stored.platforms?.join(', ') ?? 'an unknown platform';
  return {
    plan: useOf(reference, stored, stored.platforms?.[0] ?? null),
    findings: [
      check('image-exists', 'image', () => ok(`${reference} exists, for ${found}`)),
      ...checkTasks(check, {
        what: `${reference} is built`,
        platforms: stored.platforms,
        tasks,
        hint: buildHint,
      }),
      ...checkPresent(check, read.value, undefined, reference),
    ],
  };
}

/** The platform to build for: the named one, else the one that all tasks run on. */
function choosePlatform(named: string | undefined, tasks: readonly TaskPlatform[]): TaskPlatform {
  const certain = tasks.filter(({ isAssumed }) => !isAssumed);
  const platforms = [...new Set(certain.map(({ platform }) => platform))];
  if (named === undefined && platforms.length > 1) {
    throw new EcsDeployError({
      code: 'image-platform',
      message: `The services run on ${platforms.join(' and ')}: one image cannot be built for both.`,
      hint: `build it for both: --platform ${platforms.join(',')}; or deploy the services of one platform at a time with --service NAME`,
    });
  }
  return {
    platform: named ?? likelyPlatform(tasks) ?? DEFAULT_PLATFORM,
    isAssumed: named === undefined && tasks.length > 0 && certain.length === 0,
  };
}

const eachPlatform = ({ platform, ...task }: TaskPlatform): TaskPlatform[] =>
  platformsIn(platform).map((one) => ({ ...task, platform: one }));

const buildHint = (wanted: string): string =>
  wanted.startsWith('windows/')
    ? 'use an image for Windows, or set runtimePlatform in the task definition'
    : `build it with --platform ${wanted}, or set runtimePlatform in the task definition`;

/** Windows images are built by daemons on Windows, without BuildKit. */
function checkBuildable(platform: string | undefined): PlanFinding[] {
  if (platform?.startsWith('windows/') !== true) return [];
  const error = new EcsDeployError({
    code: 'image-platform',
    message: `The tasks run on ${platform}, but ecsdeploy builds images for Linux only.`,
    hint: 'build and push the image on Windows, and deploy it with --image REFERENCE; if the tasks run on Linux: --platform linux/amd64',
  });
  return failures('image-platform', 'image', error);
}

function checkTasks(
  check: Check,
  image: {
    readonly what: string;
    readonly platforms: readonly string[] | undefined;
    readonly tasks: readonly TaskPlatform[];
    readonly hint: (wanted: string) => string;
  },
): PlanFinding[] {
  const { what, platforms, tasks, hint } = image;
  const byPlatform = new Map(tasks.map((task) => [JSON.stringify(task), task]));
  return [...byPlatform.values()].map(({ platform: wanted, isAssumed, canSwitch }) =>
    check('image-platform', 'image', () =>
      checkPlatform({ what, platforms, wanted, isAssumed, canSwitch, hint: hint(wanted) }),
    ),
  );
}

/** Severities of an ECR scan that cause a warning. */
const GRAVE = ['CRITICAL', 'HIGH'];

/** Whether tasks can pull an image in ECR, and the findings of its scan. */
function checkPresent(
  check: Check,
  { stored, detail }: ReadImage,
  repository: string | undefined,
  reference: string,
): PlanFinding[] {
  if (typeof stored !== 'object') return [];
  const name = repository ?? nameOf(reference);
  const id = `--repository-name ${name} --image-id imageDigest=${stored.digest}`;
  const archived = (): Answer => ({
    status: 'fail',
    code: 'image-archived',
    message: `${reference} is archived in ECR: tasks cannot pull it.`,
    hint: `restore it: aws ecr update-image-storage-class ${id} --target-storage-class STANDARD`,
  });
  const scan = (): Answer => {
    if (detail?.findings === undefined) return skip('it was not scanned');
    const { findings } = detail;
    const grave = GRAVE.filter((severity) => (findings[severity] ?? 0) > 0);
    if (grave.length === 0) return ok('no critical or high findings');
    const counts = grave.map((severity) => `${findings[severity]} ${severity}`).join(' and ');
    return {
      status: 'warn',
      message: `The scan of ${reference} found ${counts}.`,
      hint: `see the findings: aws ecr describe-image-scan-findings ${id}`,
    };
  };
  return [
    ...(detail?.archived === true ? [check('image-exists', 'image', archived)] : []),
    check('image-scan', 'image', scan),
  ];
}

function nameOf(reference: string): string {
  return reference.slice(reference.indexOf('/') + 1).replace(/[:@].*$/, '');
}

/** The finding for a tag that exists and is immutable. */
function checkImmutable({ repository, tag, reference, present }: Destination): PlanFinding[] {
  const { stored } = present;
  if (repository === undefined || typeof stored !== 'object') return [];
  if (!isImmutable(repository, tag)) return [];
  return [immutable(reference, stored, 'choose another tag with --tag')];
}

/** A build cache that could not be replaced is not written at all. */
function checkCache(
  { cache = false }: ImagePlanSettings,
  { repository }: Destination,
): PlanFinding[] {
  if (!cache || repository === undefined || !isImmutable(repository, CACHE_TAG)) return [];
  return [
    {
      check: 'image-tag',
      about: 'image',
      status: 'warn',
      message: `The build cache ${repository.uri}:${CACHE_TAG} is not written: the tags of its repository are immutable, so it could not be replaced.`,
      hint: `exclude its tag: ${excludeTag(repository, CACHE_TAG)}`,
    },
  ];
}

const excludeTag = ({ name }: Repository, tag: string): string =>
  `aws ecr put-image-tag-mutability --repository-name ${name} --image-tag-mutability IMMUTABLE_WITH_EXCLUSION --image-tag-mutability-exclusion-filters filterType=WILDCARD,filter=${tag}`;

function checkExtras({ repository, extras, present }: Destination): PlanFinding[] {
  if (repository === undefined) return [];
  if (repository.isCreatedOnPush === true) {
    return [
      {
        check: 'repository',
        about: 'image',
        status: 'warn',
        message: `ECR has no repository "${repository.name}": a creation template creates it at the push.`,
        hint: 'otherwise check the name',
      },
    ];
  }
  const own = typeof present.stored === 'object' ? present.stored.digest : undefined;
  return extras.flatMap(({ tag, stored }) => {
    if (stored === undefined || stored.digest === own || !isImmutable(repository, tag)) return [];
    const hint = `leave out --extra-tag ${tag}, or exclude it from the immutable tags: ${excludeTag(repository, tag)}`;
    return [immutable(`${repository.uri}:${tag}`, stored, hint)];
  });
}

function immutable(reference: string, { digest }: StoredImage, hint: string): PlanFinding {
  return {
    check: 'image-tag',
    about: 'image',
    status: 'fail',
    code: 'tag-immutable',
    message: `${reference} already names another image (${digest}), and the tags of its repository are immutable.`,
    hint,
  };
}
