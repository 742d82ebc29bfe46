import type { ErrorCode } from '../errors.ts';
import type { CauseCode } from '../core/diagnosis.ts';

/** What a code means, in one sentence, and what to do about it. */
export interface Explanation {
  readonly means: string;
  readonly remedy: string;
}

const explain = (means: string, remedy: string): Explanation => ({ means, remedy });

/** What every exit status means. */
export const STATUS_MEANINGS: Readonly<Record<number, string>> = {
  0: 'succeeded, unchanged or planned',
  1: 'unexpected failure: a bug, please report it',
  2: 'usage or configuration',
  3: 'refused before any write: a check failed',
  4: 'AWS refused or could not be reached: credentials, permission, missing resource',
  5: 'Docker: no daemon, build failed, push failed',
  6: 'the rollout failed; the service is left as ECS left it',
  7: 'the rollout failed and the service is back on its previous revision',
  8: 'superseded by another deployment',
  9: 'timed out, or sight of it was lost; the deployment goes on',
  130: 'interrupted',
};

/** Every error code, for `ecsdeploy help errors` and the README. */
export const ERROR_EXPLANATIONS: Readonly<Record<ErrorCode, Explanation>> = {
  unexpected: explain(
    'ecsdeploy met an error that it does not know: a bug.',
    'report it with the lines that it prints, and those of `--verbose`',
  ),
  usage: explain(
    'The command line names something that is not there, or contradicts itself.',
    '`ecsdeploy COMMAND --help` lists arguments and options',
  ),
  'setting-missing': explain(
    'The command needs a setting that nothing gives.',
    'give it as the flag, the variable or the key that the message names',
  ),
  'config-invalid': explain(
    'A flag, a variable or the config file holds a value or a key that cannot be.',
    'mend the lines that the message names; `.ecsdeployrc.example` explains every key',
  ),
  'config-not-found': explain(
    'The config file that `--config` names cannot be read.',
    'name one that exists, or leave `--config` out',
  ),
  'region-missing': explain(
    'No AWS region is set.',
    'give `--region`, set `AWS_REGION`, or write `region:` in the config or the profile',
  ),
  'profile-unknown': explain(
    'No file of `~/.aws` has the profile.',
    'name one that exists, or create it: `aws configure --profile NAME`',
  ),
  'arn-elsewhere': explain(
    'An ARN names another region or account than the one that is worked in.',
    'use the name in place of the ARN, or change `--region` or `--profile`',
  ),
  'tag-unknown': explain(
    'No image tag can be made from the commit, or the one that is given is none.',
    'give one with `--tag`',
  ),
  'dockerfile-missing': explain(
    'There is no Dockerfile where it is looked for.',
    'name it with `--dockerfile` or `build.dockerfile`',
  ),
  'context-missing': explain(
    'The build context is no folder.',
    'name it with `--context` or `build.context`',
  ),
  'secret-missing': explain(
    'A build secret has no value: its file or variable is not there.',
    'make the file or set the variable, or change `--secret`',
  ),
  'task-definition-invalid': explain(
    'A file or stdin holds no task definition.',
    'give the JSON that `ecsdeploy render` prints',
  ),
  'dockerignore-invalid': explain(
    'A pattern of `.dockerignore` cannot be read.',
    'mend the line that the message names',
  ),
  'container-ambiguous': explain(
    'The task definition has several containers, and none is named.',
    'name the one that gets the image with `--container`',
  ),
  'container-missing': explain(
    'The task definition has no container of that name.',
    'take one of those that the message lists',
  ),
  'container-port': explain(
    'The load balancer of the service sends to a container and port that the task definition lacks.',
    'keep the name and the port mapping of that container',
  ),
  'check-failed': explain(
    'A check found what would make the deployment fail; `ecsdeploy verify` shows all of them.',
    'do what the message says, or leave the check out: `--skip-check NAME`',
  ),
  'image-platform': explain(
    'The image is for another CPU than the tasks run on.',
    'build it with `--platform`, or set `runtimePlatform` in the task definition',
  ),
  'image-missing': explain(
    'The image is not in the registry, or not in the Docker daemon.',
    'push it first, or name one that exists',
  ),
  'image-archived': explain(
    'ECR has archived the image, and tasks cannot pull it.',
    'restore it with the command that the message gives',
  ),
  'tag-immutable': explain(
    'The tag holds another image already and cannot be moved.',
    'choose another with `--tag`',
  ),
  'service-inactive': explain(
    'The service is being deleted.',
    'create it again, or name another with `--service`',
  ),
  'deployment-controller': explain(
    'Not ECS itself deploys the service, but CodeDeploy or an external controller.',
    'deploy it there, or migrate it to the ECS deployment controller',
  ),
  'revision-failed': explain(
    'The latest revision failed on this service before, or there is no deployment of it to watch.',
    'name the revision to insist: `ecsdeploy rollout FAMILY:REVISION`',
  ),
  'revision-inactive': explain(
    'The revision was deregistered: ECS starts no new tasks of it.',
    'choose an active one',
  ),
  'rollback-impossible': explain(
    'No revision is known that was deployed successfully before.',
    'name one: `ecsdeploy rollback --to FAMILY:REVISION`',
  ),
  'credentials-missing': explain(
    'No AWS credentials were found, or their source gives none.',
    'run the command that the message names, for one `aws sso login --profile NAME`',
  ),
  'credentials-expired': explain(
    'The AWS credentials were good and are not any more.',
    'log in again: `aws sso login --profile NAME`; in CI assume the role again',
  ),
  'credentials-invalid': explain(
    'AWS does not accept the credentials: wrong keys, or a wrong clock.',
    'check the keys, and the clock of the machine',
  ),
  'permission-denied': explain(
    'A policy lacks the permission for a call, or denies it.',
    'add the statement that the message prints; `ecsdeploy help iam COMMAND` prints the whole policy',
  ),
  'aws-unreachable': explain(
    'No connection to AWS could be made.',
    'check network, region, and `AWS_ENDPOINT_URL` if it is set',
  ),
  'aws-answer-broken': explain(
    'AWS sent an answer that is incomplete or no answer of AWS.',
    'check the network for a proxy that answers in place of AWS, and `AWS_ENDPOINT_URL` if it is set',
  ),
  'aws-rejected': explain(
    'AWS rejected a call for another reason, which the message quotes.',
    'fix what it names; `--verbose` shows the calls',
  ),
  'cluster-missing': explain(
    'The region and account have no such cluster.',
    'take one of those that the message lists, or another region or profile',
  ),
  'service-missing': explain(
    'The cluster has no such service.',
    'take one of those that the message lists',
  ),
  'repository-missing': explain(
    'ECR has no such repository.',
    'take one of those that the message lists, or create it with `--create-repository`',
  ),
  'task-definition-missing': explain(
    'There is no such family or revision.',
    'take one of those that the message lists',
  ),
  'docker-unavailable': explain(
    'No Docker daemon answers.',
    'start it, or name another with `DOCKER_HOST` or `--docker-host`',
  ),
  'docker-unsuitable': explain(
    'The Docker daemon lacks something that this build needs.',
    'do what the message says, or use another daemon',
  ),
  'before-failed': explain(
    'A command of `build.before` failed.',
    'run it by hand in the folder of the config file',
  ),
  'build-failed': explain(
    'The build failed; the message quotes the step and its last lines.',
    'mend the Dockerfile, or what it copies and runs',
  ),
  'push-failed': explain(
    'The registry or the way to it failed, also after retries.',
    'check that the Docker daemon can reach the registry',
  ),
  'digest-mismatch': explain(
    'ECR holds another image under the tag than the one that was pushed.',
    'run it again with another `--tag`',
  ),
  'sight-lost': explain(
    'AWS could not be asked any more what became of the deployment, which goes on.',
    'watch on: `ecsdeploy rollout --watch`',
  ),
  interrupted: explain(
    'Ctrl-C, or a signal of the CI system.',
    'run it again, or watch on: `ecsdeploy rollout --watch`',
  ),
};

/** Every code of a cause, for `ecsdeploy help errors` and the README. */
export const CAUSE_EXPLANATIONS: Readonly<Record<CauseCode, Explanation>> = {
  'wrong-architecture': explain(
    'The image is for another CPU than the task runs on.',
    'build it with `--platform`, or set `runtimePlatform`',
  ),
  'image-not-found': explain('The registry has no such image.', 'push it, or name one that exists'),
  'image-pull-denied': explain(
    'The execution role may not pull the image.',
    'give it the ECR reads; for another account also a policy of the repository',
  ),
  'network-unreachable': explain(
    'The task reaches neither registry nor AWS.',
    'give it a route: a public IP, NAT, or VPC endpoints',
  ),
  'pull-rate-limited': explain(
    'The registry limits pulls.',
    'mirror the image to ECR, or use a pull-through cache',
  ),
  'secret-unavailable': explain(
    'A secret of the task definition cannot be read.',
    'check its name and JSON key, and the permissions of the execution role',
  ),
  'log-group-missing': explain(
    'The task cannot write to its log group.',
    'create the group, or let `awslogs-create-group` and the execution role do so',
  ),
  'out-of-memory': explain(
    'A container used more memory than it may.',
    'raise its memory, or find the leak',
  ),
  'application-exit': explain(
    'The program ended by itself.',
    'read its last log lines: `ecsdeploy logs`',
  ),
  'command-not-found': explain(
    'The program to start is not in the image, or cannot be run.',
    'check `command` and `entryPoint`, CMD and ENTRYPOINT',
  ),
  'health-check': explain(
    'The health check of a container fails.',
    'run its command in the container; raise `startPeriod` if it only starts slowly',
  ),
  'load-balancer-health-check': explain(
    'The load balancer finds the tasks unhealthy.',
    'check path, port and expected status of the target group, and the security groups',
  ),
  'no-capacity': explain(
    'There is no room for the tasks.',
    'add instances, subnets or capacity providers, or ask for higher quotas',
  ),
  'placement-blocked': explain(
    'No instance fulfils the placement constraints.',
    'change the constraints, or add instances that fulfil them',
  ),
  'role-not-assumable': explain(
    'ECS may not assume the task role or the execution role.',
    'let its trust policy name `ecs-tasks.amazonaws.com`',
  ),
  volume: explain(
    'A volume cannot be mounted.',
    'check file system, mount targets and security groups',
  ),
  'disk-full': explain(
    'The disk of the task is full.',
    'make the image smaller, or raise `ephemeralStorage`',
  ),
  'spot-interruption': explain(
    'Spot capacity was taken back; ECS starts another task.',
    'nothing, or use on-demand capacity',
  ),
  'stopped-by-user': explain('Somebody stopped the task.', 'nothing, if that was meant'),
  unknown: explain(
    'None of the known reasons; the evidence quotes what ECS says.',
    'read the evidence, and report it so that it gets a name',
  ),
};

/** The error codes in Markdown: one row per code. */
export function errorTable(statusOf: (code: ErrorCode) => number): string {
  const codes = Object.keys(ERROR_EXPLANATIONS) as ErrorCode[];
  const rows = codes.map((code) => {
    const { means, remedy } = ERROR_EXPLANATIONS[code];
    return `| \`${code}\` | ${statusOf(code)} | ${means} | ${remedy} |`;
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
