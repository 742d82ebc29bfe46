import { awsFault } from './wire.ts';

/** An image as a lifecycle policy sees it. */
export interface LifecycleImage {
  readonly digest: string;
  readonly tags: readonly string[];
  readonly pushedAt: number;
}

/** An image that a policy would expire, and the rule that does. */
export interface Expiry {
  readonly image: LifecycleImage;
  readonly rulePriority: number;
}

interface Rule {
  readonly rulePriority: number;
  readonly selection: {
    readonly tagStatus: 'tagged' | 'untagged' | 'any';
    readonly tagPrefixList?: readonly string[];
    readonly tagPatternList?: readonly string[];
    readonly countType: string;
    readonly countUnit?: string;
    readonly countNumber: number;
  };
  readonly action: { readonly type: string };
}

const DAY_SECONDS = 86_400;

/** Throws what PutLifecyclePolicy refuses. */
export function checkLifecyclePolicy(text: string): void {
  const refuse = (reason: string): never => {
    throw awsFault(
      'InvalidParameterException',
      `Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: ${reason}'`,
    );
  };
  const rules = rulesOf(text) ?? refuse('the text is not a policy with rules');
  const priorities = new Set<number>();
  for (const { rulePriority, selection, action } of rules) {
    if (!Number.isInteger(rulePriority) || rulePriority < 1)
      refuse('rulePriority must be positive');
    if (priorities.has(rulePriority)) refuse(`rulePriority ${rulePriority} occurs twice`);
    priorities.add(rulePriority);
    const { tagStatus, tagPrefixList, tagPatternList, countType, countUnit, countNumber } =
      selection;
    if (!['tagged', 'untagged', 'any'].includes(tagStatus)) refuse('tagStatus is not valid');
    const tags = tagPrefixList ?? tagPatternList ?? [];
    if ((tagStatus === 'tagged') !== tags.length > 0) {
      refuse('tagged needs tagPrefixList or tagPatternList, the others have none');
    }
    if (!/^(?:imageCountMoreThan|sinceImage(?:Pushed|Pulled|Transitioned))$/.test(countType)) {
      refuse('countType is not valid');
    }
    if ((countType !== 'imageCountMoreThan') !== (countUnit === 'days')) {
      refuse('countUnit must be days with a time, and imageCountMoreThan has none');
    }
    if (!Number.isInteger(countNumber) || countNumber < 1) refuse('countNumber must be positive');
    if (!['expire', 'transition'].includes(action.type)) refuse('action.type is not valid');
  }
  const last = Math.max(...priorities);
  if (rules.some((rule) => rule.selection.tagStatus === 'any' && rule.rulePriority !== last)) {
    refuse('a rule for any tag status must have the lowest priority');
  }
}

function rulesOf(text: string): readonly Rule[] | undefined {
  try {
    const { rules } = JSON.parse(text) as { rules?: readonly Rule[] };
    const isRule = (rule: Partial<Rule>) => Boolean(rule.selection && rule.action);
    return Array.isArray(rules) && rules.length > 0 && rules.every(isRule) ? rules : undefined;
  } catch {
    return undefined;
  }
}

/** The images that a valid policy expires at a time. An image belongs to the first rule that selects it. */
export function expiries(text: string, images: readonly LifecycleImage[], now: number): Expiry[] {
  let left = images.toSorted((one, other) => other.pushedAt - one.pushedAt);
  const rules = (rulesOf(text) ?? []).toSorted(
    (one, other) => one.rulePriority - other.rulePriority,
  );
  return rules.flatMap(({ rulePriority, selection, action }) => {
    const selected = left.filter((image) => isSelected(selection, image));
    left = left.filter((image) => !selected.includes(image));
    const { countType, countNumber } = selection;
    const expired =
      countType === 'imageCountMoreThan'
        ? selected.slice(countNumber)
        : selected.filter(({ pushedAt }) => pushedAt < now - countNumber * DAY_SECONDS);
    // Only what expires is in a preview; pulls and transitions are not known here.
    return action.type === 'expire' && !/Pulled|Transitioned/.test(countType)
      ? expired.map((image) => ({ image, rulePriority }))
      : [];
  });
}

function isSelected(
  { tagStatus, tagPrefixList = [], tagPatternList = [] }: Rule['selection'],
  { tags }: LifecycleImage,
): boolean {
  if (tagStatus === 'any') return true;
  if (tagStatus === 'untagged') return tags.length === 0;
  // Only images that have tags for all of the prefixes or patterns are selected.
  return (
    tags.length > 0 &&
    tagPrefixList.every((prefix) => tags.some((tag) => tag.startsWith(prefix))) &&
    tagPatternList.every((pattern) => tags.some((tag) => matchesWildcards(pattern, tag)))
  );
}

/** Whether a text matches a pattern, in which `*` is a wildcard. */
export function matchesWildcards(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^\w-]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text);
}
