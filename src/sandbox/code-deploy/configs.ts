/** How the production traffic shifts: percentages of the new task set, and minutes between them. */
export interface Shift {
  readonly type: 'AllAtOnce' | 'TimeBasedCanary' | 'TimeBasedLinear';
  readonly percentage: number;
  readonly minutes: number;
}

const NAME =
  /^CodeDeployDefault\.ECS(?:AllAtOnce|(Linear|Canary)(\d+)Percent(?:Every)?(\d+)Minutes)$/;

/** The configuration of groups that name none. */
export const DEFAULT_CONFIG = 'CodeDeployDefault.ECSAllAtOnce';

/** The predefined configurations of the compute platform ECS. */
export const CONFIG_NAMES = [
  DEFAULT_CONFIG,
  'CodeDeployDefault.ECSLinear10PercentEvery1Minutes',
  'CodeDeployDefault.ECSLinear10PercentEvery3Minutes',
  'CodeDeployDefault.ECSCanary10Percent5Minutes',
  'CodeDeployDefault.ECSCanary10Percent15Minutes',
];

/** What a predefined configuration says; undefined for a name of no configuration. */
export function readConfig(name: string): Shift | undefined {
  if (!CONFIG_NAMES.includes(name)) return undefined;
  const [, kind, percentage = '100', minutes = '0'] = NAME.exec(name) ?? [];
  const type = kind === undefined ? 'AllAtOnce' : (`TimeBased${kind}` as Shift['type']);
  return { type, percentage: Number(percentage), minutes: Number(minutes) };
}

/** The successive percentages of the production traffic. */
export function weightsOf({ type, percentage }: Shift): readonly number[] {
  if (type !== 'TimeBasedLinear') return [...new Set([percentage, 100])];
  return Array.from({ length: 100 / percentage }, (_, index) => (index + 1) * percentage);
}
