import type { CauseCode } from '../core/diagnosis.ts';
import { ERROR_STATUS } from '../errors.ts';
import type { ErrorCode, ExitStatus } from '../errors.ts';

/** The meaning of a code, in one sentence, and what to do. */
interface Explanation {
  readonly means: string;
  readonly remedy: string;
}

const explain = (means: string, remedy: string): Explanation => ({ means, remedy });

/** The meaning of every exit status. */
export const STATUS_MEANINGS: Readonly<Record<ExitStatus, string>> = {
  0: 'succeeded, unchanged, planned or paused as asked',
  1: 'unexpected failure: a bug, please report it',
  2: 'usage or configuration',
  3: 'refused before any write: a check failed',
  4: 'AWS refused or could not be reached: credentials, permission, missing resource',
  5: 'Docker: no daemon, build failed, push failed',
  6: 'the rollout failed; the service is left as ECS left it',
  7: 'the rollout failed and the service is back on its previous revision',
  8: 'superseded by another deployment',
  9: 'timed out, or AWS could no longer be reached; the deployment continues',
  10: 'a command (`run`, `release`) ran and failed, or could not run to its end; no service was changed',
  130: 'interrupted',
};

/** Every error code, for `ecsdeploy help errors` and docs/reference. */
const ERROR_EXPLANATIONS: Readonly<Record<ErrorCode, Explanation>> = {
  unexpected: explain(
    'An unexpected error occurred: a bug.',
    'report it with the lines printed by the same command with `--verbose`',
  ),
  usage: explain(
    'The command line names something that does not exist, or contradicts itself.',
    'see the arguments and options: `ecsdeploy COMMAND --help`',
  ),
  'setting-missing': explain(
    'A required setting is missing.',
    'set it with the flag, the variable or the key that the message names',
  ),
  'config-invalid': explain(
    'A flag, a variable or the config file has an invalid value or an unknown key.',
    'fix the lines that the message names; `.ecsdeployrc.example` explains every key',
  ),
  'config-not-found': explain(
    'The config file that `--config` names cannot be read.',
    'name a file that exists, or omit `--config`',
  ),
  'region-missing': explain(
    'No AWS region is set.',
    'use `--region`, set `AWS_REGION`, or add `region:` to the config file or the profile',
  ),
  'profile-unknown': explain(
    'The files in `~/.aws` do not have the profile.',
    'name a profile that exists, or create it: `aws configure --profile NAME`',
  ),
  'arn-elsewhere': explain(
    'An ARN names another region or account than the one in use.',
    'use the name instead of the ARN, or change `--region` or `--profile`',
  ),
  'tag-unknown': explain(
    'The commit gives no image tag, or the given tag is not valid.',
    'set the tag with `--tag`',
  ),
  'git-distrusted': explain(
    'The repository belongs to another user, so git refuses to read it.',
    'run the command that the message gives, if you trust the repository',
  ),
  'dockerfile-missing': explain(
    'The Dockerfile does not exist.',
    'name it with `--dockerfile` or `build.dockerfile`',
  ),
  'context-missing': explain(
    'The build context is not a folder.',
    'name it with `--context` or `build.context`',
  ),
  'secret-missing': explain(
    'A build secret has no value: its file or variable does not exist.',
    'create the file or set the variable, or change `--secret`',
  ),
  'task-definition-invalid': explain(
    'A file or stdin does not contain a task definition.',
    'use JSON as `ecsdeploy render` prints it',
  ),
  'dockerignore-invalid': explain(
    'A pattern in `.dockerignore` is not valid.',
    'fix the line that the message names',
  ),
  'container-ambiguous': explain(
    'The task definition has several containers, and no container is chosen.',
    'choose the container that gets the image with `--container`',
  ),
  'hook-ambiguous': explain(
    'The deployment waits at several pause hooks.',
    'name the one to answer: `ecsdeploy continue --hook ID`',
  ),
  'container-missing': explain(
    'The task definition has no container with this name.',
    'use a container that the message lists',
  ),
  'container-port': explain(
    'The task definition lacks the container or port that the load balancer or the service registry of the service uses.',
    'keep the name and the port mapping of this container',
  ),
  'check-failed': explain(
    'A check found a problem that would make the deployment fail; `ecsdeploy verify` shows all checks.',
    'follow the message, or skip the check: `--skip-check NAME`',
  ),
  'image-platform': explain(
    'The image is built for another CPU architecture than the tasks run on.',
    'build it with `--platform`, or set `runtimePlatform` in the task definition',
  ),
  'image-missing': explain(
    'The image is not in the registry, or not in the Docker daemon.',
    'push it first, or name an image that exists',
  ),
  'image-archived': explain(
    'ECR has archived the image, so that tasks cannot pull it.',
    'restore it with the command that the message gives',
  ),
  'commit-unknown': explain(
    'The repository does not have the commit of `--from-commit`, or git cannot check it out.',
    'check the name, or fetch the commit',
  ),
  'tag-immutable': explain(
    'The tag already names another image and is immutable.',
    'choose another tag with `--tag`',
  ),
  'tag-taken': explain(
    'The tag names an image that was built from other inputs.',
    'build it again with `--rebuild`, or choose another tag with `--tag`',
  ),
  'service-inactive': explain(
    'The service was deleted or is being deleted.',
    'create it again, or name another service with `--service`',
  ),
  'deployment-controller': explain(
    'An external controller deploys the service, not ECS or CodeDeploy.',
    'deploy it there, or migrate the service to the ECS deployment controller',
  ),
  'deployment-group-missing': explain(
    'No deployment group of CodeDeploy deploys the service.',
    'name the group with `codeDeploy:` in the config file, or create one',
  ),
  'app-spec-unreadable': explain(
    'The AppSpec of the last deployment cannot be read, so that its hooks would be lost.',
    'deploy once with an AppSpec that CodeDeploy stores, or continue without its hooks: `--skip-check app-spec`',
  ),
  'not-confirmed': explain(
    'The config has `confirm: true`, and the question was not answered with yes.',
    'run it again and type yes; in CI: `--yes`',
  ),
  'commit-older': explain(
    'The service runs a commit that is newer than the one to be deployed.',
    'deploy the newer commit, or this one on purpose with `--if-older deploy`',
  ),
  'service-busy': explain(
    'A deployment of the service is in progress, and `--if-busy` does not allow replacing it.',
    'follow it with `ecsdeploy rollout --watch`, wait for it with `--if-busy wait`, or replace it with `--if-busy supersede`',
  ),
  'service-changed': explain(
    'The service was deployed by someone else after this run had read it.',
    'run it again: it starts from what runs now',
  ),
  'revision-failed': explain(
    'The latest revision already failed on this service, or it has no deployment to watch.',
    'to deploy it anyway, name the revision: `ecsdeploy rollout FAMILY:REVISION`',
  ),
  'revision-inactive': explain(
    'The revision was deregistered, so that ECS starts no new tasks from it.',
    'choose an active revision',
  ),
  'rollback-impossible': explain(
    'The service has no earlier successful deployment.',
    'name the revision: `ecsdeploy rollback --to FAMILY:REVISION`',
  ),
  'not-paused': explain(
    'No deployment waits at a pause hook, or not at the named one.',
    'see what runs with `ecsdeploy status`, or follow the deployment with `ecsdeploy rollout --watch`',
  ),
  'credentials-missing': explain(
    'No AWS credentials were found, or their source returned an error.',
    'run the command that the message names, e.g. `aws sso login --profile NAME`',
  ),
  'credentials-expired': explain(
    'The AWS credentials have expired.',
    'log in again: `aws sso login --profile NAME`; in CI, assume the role again',
  ),
  'credentials-invalid': explain(
    'AWS does not accept the credentials: the keys or the clock of this machine are wrong.',
    'check the keys and the clock',
  ),
  'permission-denied': explain(
    'No policy allows a call, or a policy denies it.',
    'add the statement that the message prints; for the full policy: `ecsdeploy help iam COMMAND`',
  ),
  'aws-unreachable': explain(
    'Cannot connect to AWS.',
    'check the network and the region, and `HTTPS_PROXY`, `AWS_CA_BUNDLE` and `AWS_ENDPOINT_URL` if they are set',
  ),
  'aws-answer-broken': explain(
    'AWS, or a proxy in between, sent an incomplete or invalid answer.',
    'try again; check `AWS_ENDPOINT_URL` and the proxies',
  ),
  'aws-rejected': explain(
    'AWS rejected a call for another reason, which the message quotes.',
    'fix what it names; `--verbose` shows the calls',
  ),
  'cluster-missing': explain(
    'The cluster does not exist in the region and account.',
    'use a cluster that the message lists, or another region or profile',
  ),
  'service-missing': explain(
    'The service does not exist in the cluster.',
    'use a service that the message lists',
  ),
  'repository-missing': explain(
    'The repository does not exist in ECR.',
    'use a repository that the message lists, or create it with `--create-repository`',
  ),
  'task-definition-missing': explain(
    'The family or revision does not exist.',
    'use a family or revision that the message lists',
  ),
  'docker-unavailable': explain(
    'Cannot connect to a Docker daemon.',
    'start the daemon, or name another one with `DOCKER_HOST` or `--docker-host`',
  ),
  'docker-unsuitable': explain(
    'The Docker daemon lacks a feature that this build needs.',
    'follow the message, or use another daemon',
  ),
  'before-failed': explain(
    'A command in `build.before` failed.',
    'run the command by hand in the folder of the config file',
  ),
  'build-failed': explain(
    'The build failed; the message quotes the step and its last lines.',
    'fix the Dockerfile, or the files and commands that it uses',
  ),
  'push-failed': explain(
    'The push failed, also after retries.',
    'check that the Docker daemon can reach the registry',
  ),
  'digest-mismatch': explain(
    'The tag in ECR names another image than the one that was pushed.',
    'run it again with another `--tag`',
  ),
  'sight-lost': explain(
    'AWS could no longer be reached; the deployment continues.',
    'continue watching: `ecsdeploy rollout --watch`',
  ),
  'rollout-check-failed': explain(
    'The rollout succeeded, but the `check` of the config file failed after it.',
    'read its output; `--on-failure rollback` rolls back automatically',
  ),
  'command-failed': explain(
    'The command of `run` or of a `release` task failed, or could not run to its end. No service was changed.',
    'read the last lines of its log, fix the cause and run it again',
  ),
  interrupted: explain(
    'Ctrl-C or a signal ended the command.',
    'run it again, or continue watching: `ecsdeploy rollout --watch`',
  ),
};

/** Every code of a cause, for `ecsdeploy help errors` and docs/reference. */
const CAUSE_EXPLANATIONS: Readonly<Record<CauseCode, Explanation>> = {
  'wrong-architecture': explain(
    'The image is built for another CPU architecture than the task runs on.',
    'build it with `--platform`, or set `runtimePlatform`',
  ),
  'image-not-found': explain(
    'The image is not in the registry.',
    'push it, or name an image that exists',
  ),
  'image-pull-denied': explain(
    'The execution role is not allowed to pull the image.',
    'allow the role to read from ECR; for another account, add a policy to the repository',
  ),
  'network-unreachable': explain(
    'The task cannot reach the registry or AWS.',
    'add a route: a public IP, NAT, or VPC endpoints',
  ),
  'pull-rate-limited': explain(
    'The registry limits the rate of pulls.',
    'mirror the image to ECR, or use a pull-through cache',
  ),
  'secret-unavailable': explain(
    'The task cannot read a secret of its task definition.',
    'check the name and JSON key of the secret, and the permissions of the execution role',
  ),
  'log-group-missing': explain(
    'The task cannot write to its log group.',
    'create the log group, or set `awslogs-create-group` and allow the execution role to create it',
  ),
  'out-of-memory': explain(
    'A container exceeded its memory limit.',
    'raise its memory, or fix the leak',
  ),
  'application-exit': explain(
    'The main process of a container exited.',
    'see its last log lines: `ecsdeploy logs`',
  ),
  'command-not-found': explain(
    'The command is not in the image, or is not executable.',
    'check `command` and `entryPoint`, CMD and ENTRYPOINT',
  ),
  'health-check': explain(
    'The health check of a container fails.',
    'run its command in the container; raise `startPeriod` if the application starts slowly',
  ),
  'load-balancer-health-check': explain(
    'The load balancer reports the tasks as unhealthy.',
    'fix the path, port or expected status of the target group, the security groups, or raise `healthCheckGracePeriodSeconds`; the summary says which',
  ),
  'no-capacity': explain(
    'There is no capacity for the tasks.',
    'add instances, subnets or capacity providers, or request higher quotas',
  ),
  'placement-blocked': explain(
    'No container instance meets the placement constraints.',
    'change the constraints, or add instances that meet them',
  ),
  'role-not-assumable': explain(
    'ECS cannot assume the task role or the execution role.',
    'add `ecs-tasks.amazonaws.com` to the trust policy of the role',
  ),
  volume: explain(
    'A volume cannot be mounted.',
    'check the file system, mount targets and security groups',
  ),
  'disk-full': explain(
    'The disk of the task is full.',
    'make the image smaller, or raise `ephemeralStorage`',
  ),
  'spot-interruption': explain(
    'AWS reclaimed the Spot capacity; ECS starts another task.',
    'nothing to fix; use on-demand capacity to avoid it',
  ),
  'stopped-by-user': explain('A user stopped the task.', 'nothing to fix if it was intended'),
  unknown: explain(
    'The reason is not a known one; the evidence quotes ECS.',
    'read the evidence, and report it so that it gets a code',
  ),
};

/** Every code of an error and of a cause: its meaning and what to do. */
export function helpErrors(): string {
  const codes = Object.keys(ERROR_EXPLANATIONS) as ErrorCode[];
  const groups = Object.entries(STATUS_MEANINGS).flatMap(([status, meaning]) => {
    const here = codes.filter((code) => ERROR_STATUS[code] === Number(status));
    return [`${status}: ${meaning}`, ...here.map((code) => block(code, ERROR_EXPLANATIONS[code]))];
  });
  const causes = Object.entries(CAUSE_EXPLANATIONS).map(([code, words]) => block(code, words));
  return [
    'Exit statuses, and the error codes of each:',
    ...groups,
    'Why tasks fail, as rollout, deploy and diagnose report it:',
    ...causes,
  ].join('\n\n');
}

function block(code: string, { means, remedy }: Explanation): string {
  return `  ${code}\n    ${means}\n    → ${remedy}`.replaceAll('`', '');
}

/** The error codes in Markdown: one row per code. */
export function errorTable(): string {
  const codes = Object.keys(ERROR_EXPLANATIONS) as ErrorCode[];
  const rows = codes.map((code) => {
    const { means, remedy } = ERROR_EXPLANATIONS[code];
    return `| \`${code}\` | ${ERROR_STATUS[code]} | ${means} | ${remedy} |`;
  });
  return [
    '| code | status | what happened | what to do |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

/** The codes of causes in Markdown: one row per code. */
export function causeTable(): string {
  const rows = Object.entries(CAUSE_EXPLANATIONS).map(
    ([code, { means, remedy }]) => `| \`${code}\` | ${means} | ${remedy} |`,
  );
  return ['| code | why the tasks fail | what to do |', '| --- | --- | --- |', ...rows].join('\n');
}
