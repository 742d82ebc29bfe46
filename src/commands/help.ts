import { requireSettings } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import { CAUSE_EXPLANATIONS, ERROR_EXPLANATIONS, STATUS_MEANINGS } from '../report/explanations.ts';
import type { Explanation } from '../report/explanations.ts';
import { furtherActions, IAM_COMMANDS, policyOf } from '../core/iam.ts';
import type { IamCommand, PolicyNames } from '../core/iam.ts';
import { suggest } from '../core/nearest.ts';
import { EcsDeployError, ERROR_STATUS } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/** Prints the minimal IAM policy of a command, for the names in the config; AWS is not asked. */
export async function help(context: Context): Promise<CommandResult> {
  const { config, rest, emit } = context;
  const command = readCommand(rest);
  if (config.json) {
    throw new EcsDeployError({
      code: 'usage',
      message: 'help iam prints a policy document, not a result.',
      hint: 'leave --json out: the policy is JSON anyway',
    });
  }
  if (command === 'push') requireSettings(config, ['repository']);
  else if (command !== 'register') requireSettings(config, ['cluster', 'service']);
  if (command === 'deploy') requireSettings(config, ['repository']);
  const names: PolicyNames = {
    region: config.region ?? context.environment['AWS_REGION'],
    targets: config.targets,
    repository: config.repository,
    occasions: new Set([
      ...(config.createRepository ? (['createRepository'] as const) : []),
      ...(config.onFailure === 'rollback' ? (['onFailure'] as const) : []),
    ]),
  };
  const policy = policyOf(command, names);
  const text = JSON.stringify(policy, undefined, 2);
  const hints = [
    ...narrower(text, config.targets[0]?.taskDefinition),
    ...furtherActions(command, names),
  ];
  if (hints.length > 0) {
    emit({
      kind: 'warning',
      message: 'The policy is as narrow as the config says; what it does not say is *.',
      hint: hints.join('\n'),
    });
  }
  return { outcome: 'unchanged', image: null, services: [], seconds: {}, output: text };
}

function readCommand([command = 'deploy', ...more]: readonly string[]): IamCommand {
  const found = IAM_COMMANDS.find((name) => name === command);
  if (found !== undefined && more.length === 0) return found;
  throw new EcsDeployError({
    code: 'usage',
    message:
      found === undefined
        ? `help iam knows no permissions of "${command}".`
        : 'help iam takes one command.',
    hint: suggest(command, IAM_COMMANDS, 'commands'),
  });
}

/** How a policy can be made narrower than the config allows. */
function narrower(policy: string, family = 'FAMILY'): string[] {
  return [
    ...(/:(?:ecs|ecr):[^:]*:\*:/.test(policy)
      ? ['account: name the cluster by its ARN and the repository by its URI in the config']
      : []),
    ...(/:(?:ecs|ecr):\*:/.test(policy) ? ['region: give --region'] : []),
    ...(policy.includes('iam:PassRole')
      ? [
          `roles that may be passed: put in place of role/* what this prints: aws ecs describe-task-definition --task-definition ${family.split(':')[0]} --query 'taskDefinition.[taskRoleArn,executionRoleArn]'`,
        ]
      : []),
    ...(policy.includes('logs:GetLogEvents')
      ? ['log groups: put in place of log-group:* those that the task definition names']
      : []),
  ];
}

/** The error of a topic that there is no help on. */
export function unknownTopic(topic: string, commands: readonly string[]): EcsDeployError {
  return new EcsDeployError({
    code: 'usage',
    message: `There is no help on "${topic}".`,
    hint: suggest(topic, ['iam', 'errors', ...commands], 'topics'),
  });
}

/** Every code of an error and of a cause: what it means and what to do. */
export function helpErrors(): string {
  const codes = Object.keys(ERROR_EXPLANATIONS) as ErrorCode[];
  const groups = Object.entries(STATUS_MEANINGS).flatMap(([status, meaning]) => {
    const here = codes.filter((code) => ERROR_STATUS[code] === Number(status));
    return [`${status}: ${meaning}`, ...here.map((code) => block(code, ERROR_EXPLANATIONS[code]))];
  });
  const causes = Object.entries(CAUSE_EXPLANATIONS).map(([code, words]) => block(code, words));
  return [
    'Exit statuses, and the codes of the errors that end with them:',
    ...groups,
    'Why tasks fail, as rollout, deploy and diagnose name it:',
    ...causes,
  ].join('\n\n');
}

function block(code: string, { means, remedy }: Explanation): string {
  return `  ${code}\n    ${means}\n    → ${remedy}`.replaceAll('`', '');
}
