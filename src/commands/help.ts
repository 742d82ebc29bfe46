import { requireSettings } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import { furtherActions, IAM_COMMANDS, policyOf } from '../core/iam.ts';
import type { IamCommand, PolicyNames } from '../core/iam.ts';
import { didYouMean, suggest } from '../core/nearest.ts';
import { EcsDeployError } from '../errors.ts';

/** Prints the minimal IAM policy of a command for the names in the config, without calling AWS. */
export async function help(context: Context<'help'>): Promise<CommandResult> {
  const { config, rest, emit } = context;
  const command = readCommand(rest);
  if (config.json) {
    throw new EcsDeployError({
      code: 'usage',
      message: 'help iam prints a policy document, not a result document.',
      hint: 'omit --json: the policy is already JSON',
    });
  }
  if (command === 'push') requireSettings(config, ['repository']);
  else if (command !== 'register' && command !== 'init')
    requireSettings(config, ['cluster', 'service']);
  if (command === 'deploy') requireSettings(config, ['repository']);
  const names: PolicyNames = {
    region: config.region ?? context.environment['AWS_REGION'],
    targets: config.targets,
    repositories: config.images.flatMap(({ repository }) => repository ?? []),
    occasions: new Set([
      ...(config.createRepository ? (['createRepository'] as const) : []),
      ...(config.onFailure === 'rollback' ? (['onFailure'] as const) : []),
      ...(config.release.length > 0 ? (['release'] as const) : []),
      ...(config.targets.some(({ schedules }) => schedules !== false)
        ? (['schedules'] as const)
        : []),
      ...(config.targets.some(({ codeDeploy }) => codeDeploy !== undefined)
        ? (['codeDeploy'] as const)
        : []),
    ]),
  };
  const policy = policyOf(command, names);
  const text = JSON.stringify(policy, undefined, 2);
  const wide = narrower(text, config.targets[0]?.taskDefinition);
  const hints = [...wide, ...furtherActions(command, names)];
  if (hints.length > 0) {
    const message =
      wide.length > 0
        ? 'The policy uses * for the names that the config does not give.'
        : 'Some cases need more than the policy allows.';
    emit({ kind: 'warning', message, hint: hints.join('\n') });
  }
  return {
    outcome: 'unchanged',
    image: null,
    services: [],
    seconds: {},
    output: { kind: 'text', text },
  };
}

function readCommand([command = 'deploy', ...more]: readonly string[]): IamCommand {
  const found = IAM_COMMANDS.find((name) => name === command);
  if (found !== undefined && more.length === 0) return found;
  throw new EcsDeployError({
    code: 'usage',
    message:
      found === undefined
        ? `help iam has no policy for "${command}".`
        : 'help iam takes only one command.',
    hint: suggest(command, IAM_COMMANDS, 'commands'),
  });
}

/** How to narrow a policy further than the config does. */
function narrower(policy: string, family = 'FAMILY'): string[] {
  return [
    ...(/:(?:ecs|ecr):[^:]*:\*:/.test(policy)
      ? ['account: use the ARN of the cluster and the URI of the repository in the config']
      : []),
    ...(/:(?:ecs|ecr):\*:/.test(policy) ? ['region: use --region'] : []),
    ...(policy.includes('iam:PassRole')
      ? [
          `roles to pass: replace role/* with the output of: aws ecs describe-task-definition --task-definition ${family.split(':')[0]} --query 'taskDefinition.[taskRoleArn,executionRoleArn]'`,
        ]
      : []),
    ...(policy.includes('logs:GetLogEvents')
      ? ['log groups: replace log-group:* with the log groups of the task definition']
      : []),
  ];
}

/** The error for a help topic that does not exist. */
export function unknownTopic(topic: string, topics: readonly string[]): EcsDeployError {
  return new EcsDeployError({
    code: 'usage',
    message: `There is no help topic "${topic}".`,
    hint: `see ecsdeploy help topics${didYouMean(topic, topics)}`,
  });
}
