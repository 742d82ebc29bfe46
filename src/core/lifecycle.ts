import { shortName } from './task-definition.ts';

/** An image as ECR lists it. */
export interface ListedImage {
  readonly digest: string;
  readonly tags: readonly string[];
  readonly pushedAt: Date;
  /** Undefined where it was never pulled. */
  readonly pulledAt: Date | undefined;
  /** It holds the images of several platforms, which have no tags of their own. */
  readonly isIndex: boolean;
}

/** The members of a rule of a lifecycle policy that are evaluated here. */
interface Rule {
  readonly rulePriority: number;
  readonly selection: {
    readonly tagStatus: string;
    readonly tagPrefixList?: readonly string[];
    readonly tagPatternList?: readonly string[];
    readonly storageClass?: string;
    readonly countType: string;
    readonly countNumber: number;
  };
  readonly action: { readonly type: string };
}

/** When a policy takes an image away: within a day, after one more push, or at a time to come. */
export interface Expiry {
  /** Priority of the rule. */
  readonly rule: number;
  /** `transition` archives the image, so that tasks cannot pull it either. */
  readonly action: string;
  readonly when: 'due' | 'next-push' | Date;
}

const DAY = 86_400_000;
/** Days before the end of an image at which it is worth a warning. */
const NOTICE_DAYS = 14;

/**
 * What a lifecycle policy, as its JSON text, does to an image of a repository in the near future;
 * undefined where it keeps it, or cannot be evaluated here
 * (docs/explanation/how-ecs-behaves.md#lifecycle-policies).
 */
export function expiryOf(
  policy: string,
  images: readonly ListedImage[],
  digest: string,
  now: Date,
): Expiry | undefined {
  const image = images.find((item) => item.digest === digest);
  const rule = rulesOf(policy).find((item) => image !== undefined && selects(item, image));
  // Images of an index have no tags, but ECR keeps them as long as the index.
  const isPart = image?.tags.length === 0 && images.some(({ isIndex }) => isIndex);
  if (image === undefined || rule === undefined || isPart) return undefined;
  const when = whenOf(rule, images, image, now);
  return when && { rule: rule.rulePriority, action: rule.action.type, when };
}

/** By priority: the first rule that selects an image is the only one that can expire it. */
function rulesOf(policy: string): readonly Rule[] {
  const { rules = [] } = JSON.parse(policy) as { readonly rules?: readonly Rule[] };
  return rules
    .filter(({ selection }) => selection.storageClass !== 'archive')
    .toSorted((a, b) => a.rulePriority - b.rulePriority);
}

function selects({ selection }: Rule, { tags }: ListedImage): boolean {
  const { tagStatus, tagPrefixList = [], tagPatternList = [] } = selection;
  if (tagStatus === 'any') return true;
  if (tagStatus === 'untagged') return tags.length === 0;
  // Each entry of a list has to match a tag.
  return (
    tags.length > 0 &&
    tagPrefixList.every((prefix) => tags.some((tag) => tag.startsWith(prefix))) &&
    tagPatternList.every((pattern) => tags.some((tag) => matches(pattern, tag)))
  );
}

function matches(pattern: string, tag: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^\w-]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`).test(tag);
}

function whenOf(
  rule: Rule,
  images: readonly ListedImage[],
  image: ListedImage,
  now: Date,
): Expiry['when'] | undefined {
  const { countType, countNumber } = rule.selection;
  switch (countType) {
    case 'imageCountMoreThan': {
      const newer = images.filter(
        (item) => selects(rule, item) && item.pushedAt.getTime() > image.pushedAt.getTime(),
      ).length;
      if (newer >= countNumber) return 'due';
      return newer + 1 >= countNumber ? 'next-push' : undefined;
    }
    case 'sinceImagePushed':
      return endOf(image.pushedAt, countNumber, now);
    case 'sinceImagePulled':
      return endOf(image.pulledAt ?? image.pushedAt, countNumber, now);
    default:
      return undefined;
  }
}

function endOf(start: Date, days: number, now: Date): 'due' | Date | undefined {
  const end = start.getTime() + days * DAY;
  if (end <= now.getTime()) return 'due';
  return end <= now.getTime() + NOTICE_DAYS * DAY ? new Date(end) : undefined;
}

/** An image that a policy takes away from a revision. */
export interface Expiring extends Expiry {
  /** ARN. */
  readonly revision: string;
  readonly image: string;
  /** Name of the repository. */
  readonly repository: string;
}

/** What happens, for a finding. */
export function expiryMessage({
  revision,
  image,
  repository,
  rule,
  action,
  when,
}: Expiring): string {
  const verb = action === 'transition' ? 'archives' : 'expires';
  const moment =
    when === 'due'
      ? 'within a day'
      : when === 'next-push'
        ? 'after the next push'
        : `on ${when.toISOString().slice(0, 10)}`;
  return `Rule ${rule} of the lifecycle policy of ${repository} ${verb} ${image} ${moment}, but ${shortName(revision)} needs it.`;
}
