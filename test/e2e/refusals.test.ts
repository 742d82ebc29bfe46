import { afterAll, describe, expect, test } from 'vitest';
import { accessDenied, awsFault } from '../../src/sandbox/wire.ts';
import { readResult, runCli } from '../support/cli.ts';
import { HAS_DOCKER, removeImages } from '../support/docker.ts';
import { makeFolder } from '../support/files.ts';
import { CONFIG, HAS_GIT, makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

interface Wrong {
  readonly args: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  /** Docker of this machine instead of the stand-in. */
  readonly daemon?: true;
  readonly prepare?: (world: World) => unknown;
}

const DEPLOY = ['deploy'];

function denyUpload(world: World): void {
  const action = 'ecr:InitiateLayerUpload';
  world.sandbox.fail(action, accessDenied(action, '111122223333'));
}

function failReads(world: World, name: string, message: string): void {
  for (const action of ['ecs:DescribeServices', 'ecr:DescribeRepositories']) {
    world.sandbox.fail(action, awsFault(name, message));
  }
}

/** Runs it, shows that nothing was written, and gives what a user reads. */
async function refusal({
  args,
  files,
  environment,
  stdin,
  prepare,
  ...options
}: Wrong): Promise<string> {
  const world = await makeWorld({ ...options, ...(files && { files }) });
  await prepare?.(world);
  // In one process the SDK reads a file of profiles once.
  const start = environment?.['AWS_CONFIG_FILE'] === undefined ? world.run : world.spawn;
  const end = await start(
    args.map((arg) => arg.replace('REGISTRY', world.sandbox.registryHost)),
    { ...(environment && { environment }), ...(stdin !== undefined && { stdin }) },
  );
  expect(end.stdout).toBe('');
  expect(world.writes()).toEqual([]);
  return stable(`${end.stderr}status ${end.status}`, world);
}

test('no config and no flags', async () => {
  expect(await refusal({ args: DEPLOY, files: { '.ecsdeployrc': '' } })).toMatchInlineSnapshot(`
    "Error: Required settings are missing:
      cluster: set --cluster <name>, ECSDEPLOY_CLUSTER, or "cluster" in .ecsdeployrc
      service: set --service <name...>, ECSDEPLOY_SERVICE, or "service" in .ecsdeployrc
      repository: set --repository <name>, ECSDEPLOY_REPOSITORY, or "repository" in .ecsdeployrc
      → the config file is FOLDER/.ecsdeployrc
    status 2"
  `);
});

test('an unknown key', async () => {
  expect(await refusal({ args: DEPLOY, files: { '.ecsdeployrc': `${CONFIG}clutser: x\n` } }))
    .toMatchInlineSnapshot(`
      "Error: FOLDER/.ecsdeployrc:6: unknown key "clutser" (did you mean "cluster"? keys that exist: repository, extraTags, platform, pin, release, check, notify, timeout, poll, maxFailures, …)
        → see .ecsdeployrc.example, which comes with ecsdeploy
      status 2"
    `);
});

test('an unknown flag', async () => {
  expect(await refusal({ args: ['deploy', '--clutser', 'x'] })).toMatchInlineSnapshot(`
    "Error: Unknown option '--clutser'.
      → did you mean --cluster?
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('an unknown command', async () => {
  expect(await refusal({ args: ['deply'] })).toMatchInlineSnapshot(`
    "Error: Unknown command 'deply'.
      → did you mean deploy?
      → see ecsdeploy --help
    status 2"
  `);
});

test('no command', async () => {
  expect(await refusal({ args: [] })).toMatchInlineSnapshot(`
    "Error: No command was given.
      → commands: deploy, push, render, register, rollout, rollback, run, continue, status, diagnose, logs, history, prune, verify, init, completion, sandbox, help
      → see ecsdeploy --help
    status 2"
  `);
});

test('an argument too many', async () => {
  expect(await refusal({ args: ['deploy', 'now'] })).toMatchInlineSnapshot(`
    "Error: deploy takes no argument, but 1 was given.
      → use options instead, e.g. --service NAME
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('a bare number for a duration', async () => {
  expect(await refusal({ args: ['deploy', '--timeout', '30'] })).toMatchInlineSnapshot(`
    "Error: --timeout: "30" needs a unit: write 30s or 30m
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('flags that contradict --watch', async () => {
  expect(await refusal({ args: ['rollout', '--watch', '--force', '--no-wait'] }))
    .toMatchInlineSnapshot(`
      "Error: --watch and --force contradict each other.
        → --watch follows the current deployment and changes nothing: leave out one of them
      Error: --watch and --no-wait contradict each other.
        → --watch follows the current deployment and changes nothing: leave out one of them
      status 2"
    `);
});

test('a misspelt choice', async () => {
  expect(await refusal({ args: ['deploy', '--on-failure', 'rolback'] })).toMatchInlineSnapshot(`
    "Error: --on-failure: must be one of exit, watch, rollback, not "rolback" (did you mean "rollback"?)
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('a platform that ECS has not', async () => {
  expect(await refusal({ args: ['deploy', '--platform', 'linux/386'] })).toMatchInlineSnapshot(`
    "Error: --platform: must be one of linux/amd64, linux/arm64, not "linux/386"
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('an environment that is not there', async () => {
  expect(await refusal({ args: ['deploy', '--env', 'prod'] })).toMatchInlineSnapshot(`
    "Error: --env: FOLDER/.ecsdeployrc does not define the environment "prod" (there are no environments at all)
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('an unknown profile', async () => {
  expect(await refusal({ args: ['deploy', '--profile', 'prod'] })).toMatchInlineSnapshot(`
    "Error: The profile "prod" is neither in /dev/null nor in /dev/null.
      → there are no profiles at all; name one with --profile, or create it: aws configure --profile prod
    status 2"
  `);
});

test('no region', async () => {
  expect(
    await refusal({
      args: DEPLOY,
      files: { '.ecsdeployrc': CONFIG.replace(/region.*\n/, '') },
      environment: { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined },
    }),
  ).toMatchInlineSnapshot(`
    "Error: No AWS region is set.
      → set one with --region NAME, AWS_REGION, or "region:" in .ecsdeployrc or the profile
    status 2"
  `);
});

test('another region', async () => {
  expect(await refusal({ args: ['deploy', '--region', 'eu-west-1'] })).toMatchInlineSnapshot(`
    "Error: There is no cluster "backend" in eu-west-1.
      → there are no clusters at all
      → check the region and the account: ecsdeploy verify shows both
    Error: ECR has no repository "hyeon9mak-dev" in eu-west-1.
      → there are no repositories at all
      → to create it: --create-repository
    status 4"
  `);
});

test('no credentials', async () => {
  expect(
    await refusal({
      args: DEPLOY,
      environment: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined },
    }),
  ).toMatchInlineSnapshot(`
    "Error: No AWS credentials were found.
      → name a profile of ~/.aws (--profile NAME, AWS_PROFILE), run \`aws configure\` or \`aws sso login\`, or let the CI job assume a role
    status 4"
  `);
});

test('a cluster that is not there', async () => {
  expect(await refusal({ args: ['deploy', '--cluster', 'backnd'] })).toMatchInlineSnapshot(`
    "Error: There is no cluster "backnd" in ap-northeast-2.
      → did you mean "backend"? clusters that exist: backend
      → check the region and the account: ecsdeploy verify shows both
    status 4"
  `);
});

test('a service that is not there', async () => {
  expect(await refusal({ args: ['deploy', '--service', 'hyeon9mak-service-prod'] }))
    .toMatchInlineSnapshot(`
      "Error: The cluster "backend" has no service "hyeon9mak-service-prod" in ap-northeast-2.
        → did you mean "hyeon9mak-service-dev"? services that exist: hyeon9mak-service-dev
      status 4"
    `);
});

test('a repository that is not there', async () => {
  expect(await refusal({ args: ['deploy', '--repository', 'hyeon9mak'] })).toMatchInlineSnapshot(`
    "Error: ECR has no repository "hyeon9mak" in ap-northeast-2.
      → did you mean "hyeon9mak-dev"? repositories that exist: hyeon9mak-dev
      → to create it: --create-repository
    status 4"
  `);
});

test('a container that is not there', async () => {
  expect(await refusal({ args: ['deploy', '--container', 'hyeon9mak'] })).toMatchInlineSnapshot(`
    "Error: The task definition hyeon9mak-task-dev has no container "hyeon9mak".
      → did you mean "hyeon9mak-container"? containers that exist: hyeon9mak-container, datadog-agent, log_router; set --container or "container" in .ecsdeployrc
    status 3"
  `);
});

test('no container among several', async () => {
  expect(
    await refusal({ args: DEPLOY, files: { '.ecsdeployrc': CONFIG.replace(/container.*\n/, '') } }),
  ).toMatchInlineSnapshot(`
    "Error: The task definition hyeon9mak-task-dev has 3 containers: hyeon9mak-container, datadog-agent, log_router. Which one gets the image?
      → name it with --container NAME or "container" in .ecsdeployrc
    status 2"
  `);
});

test('a family that is not there', async () => {
  expect(await refusal({ args: ['deploy', '--task-definition', 'hyeon9mak-task-prod'] }))
    .toMatchInlineSnapshot(`
      "Error: There is no task definition "hyeon9mak-task-prod" in ap-northeast-2.
        → did you mean "hyeon9mak-task-dev"? families that exist: hyeon9mak-task-dev
      status 4"
    `);
});

test('everything wrong at once', async () => {
  expect(
    await refusal({ args: ['deploy', '--cluster', 'x', '--repository', 'yy', '--tag', 'a b'] }),
  ).toMatchInlineSnapshot(`
      "Error: There is no cluster "x" in ap-northeast-2.
        → clusters that exist: backend
        → check the region and the account: ecsdeploy verify shows both
      Error: ECR has no repository "yy" in ap-northeast-2.
        → repositories that exist: hyeon9mak-dev
        → to create it: --create-repository
      Error: "a b" is not a valid image tag.
        → a tag has up to 128 letters, digits, "_", "." and "-", and does not start with "." or "-"
      status 4"
    `);
});

test('a Dockerfile that is not there', async () => {
  expect(await refusal({ args: ['deploy', '--dockerfile', 'docker/Dockerfile'] }))
    .toMatchInlineSnapshot(`
    "Error: There is no Dockerfile at FOLDER/docker/Dockerfile.
      → set it with --dockerfile FILE or "build.dockerfile" in .ecsdeployrc; to deploy an existing image, use --image
    status 2"
  `);
});

test('a context that is not there', async () => {
  expect(await refusal({ args: ['deploy', '--context', 'nowhere'] })).toMatchInlineSnapshot(`
    "Error: The build context FOLDER/nowhere is not a folder.
      → set it with --context DIR or "build.context" in .ecsdeployrc
    status 2"
  `);
});

test('a build that fails', async () => {
  expect(
    await refusal({ args: DEPLOY, files: { Dockerfile: 'FROM scratch\nCOPY missing /app\n' } }),
  ).toMatchInlineSnapshot(`
    "Image REGISTRY/hyeon9mak-dev:COMMIT (to be built)
    Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:1
      container hyeon9mak-container
        - image: "REGISTRY/hyeon9mak-dev:first"
        + image: "REGISTRY/hyeon9mak-dev:COMMIT"
    Docker: the sandbox's stand-in at tcp://DOCKER
    Building for linux/amd64
      context: 4 files, 171 B
    Error: The build failed: "/missing": not found
      | [1/1] COPY missing /app
      → check the path in the Dockerfile, and whether .dockerignore excludes it from the context
    status 5"
  `);
});

test('a Dockerfile that is none', async () => {
  expect(await refusal({ args: DEPLOY, files: { Dockerfile: 'FROM scratch\nCOPPY app /app\n' } }))
    .toMatchInlineSnapshot(`
      "Image REGISTRY/hyeon9mak-dev:COMMIT (to be built)
      Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:1
        container hyeon9mak-container
          - image: "REGISTRY/hyeon9mak-dev:first"
          + image: "REGISTRY/hyeon9mak-dev:COMMIT"
      Docker: the sandbox's stand-in at tcp://DOCKER
      Building for linux/amd64
        context: 4 files, 168 B
      Error: The build failed: the sandbox's stand-in for Docker does not support COPPY (Dockerfile line 2); it builds FROM scratch with COPY, ADD, ARG, ENV, CMD, ENTRYPOINT, EXPOSE, LABEL, WORKDIR and USER; start a Docker daemon to build this
        | [0/0] COPPY app /app
      status 5"
    `);
});

test('no Docker daemon', async () => {
  expect(
    await refusal({ args: DEPLOY, environment: { DOCKER_HOST: 'unix:///nowhere/docker.sock' } }),
  ).toMatchInlineSnapshot(`
    "Error: The Docker daemon is not running: unix:///nowhere/docker.sock (DOCKER_HOST) does not exist.
      → start it: sudo systemctl start docker (Docker Desktop: systemctl --user start docker-desktop)
      → to install Docker: https://docs.docker.com/get-started/get-docker/
      → to deploy an image from a registry without Docker: --image REFERENCE
    status 5"
  `);
});

test('a Docker address of another kind', async () => {
  expect(await refusal({ args: DEPLOY, environment: { DOCKER_HOST: 'fd://builder' } }))
    .toMatchInlineSnapshot(`
    "Error: ecsdeploy does not support the Docker address fd://builder (DOCKER_HOST).
      → use unix://, tcp:// or ssh://
    status 5"
  `);
});

test('a daemon that is named and not there', async () => {
  expect(await refusal({ args: [...DEPLOY, '--docker-host', 'unix:///elsewhere/docker.sock'] }))
    .toMatchInlineSnapshot(`
    "Error: The Docker daemon is not running: unix:///elsewhere/docker.sock (--docker-host) does not exist.
      → start it: sudo systemctl start docker (Docker Desktop: systemctl --user start docker-desktop)
      → to install Docker: https://docs.docker.com/get-started/get-docker/
      → to deploy an image from a registry without Docker: --image REFERENCE
    status 5"
  `);
});

test('a context that is named and not there', async () => {
  expect(await refusal({ args: [...DEPLOY, '--docker-context', 'builder'] }))
    .toMatchInlineSnapshot(`
    "Error: There is no Docker context "builder".
      → choose one of \`docker context ls\` with docker context use NAME, or set DOCKER_HOST
    status 5"
  `);
});

test('a docker context that is not there', async () => {
  expect(
    await refusal({ args: DEPLOY, environment: { DOCKER_HOST: '', DOCKER_CONTEXT: 'builder' } }),
  ).toMatchInlineSnapshot(`
    "Error: There is no Docker context "builder".
      → choose one of \`docker context ls\` with docker context use NAME, or set DOCKER_HOST
    status 5"
  `);
});

test('a registry that refuses', async () => {
  expect(await refusal({ args: DEPLOY, prepare: (world) => denyUpload(world) }))
    .toMatchInlineSnapshot(`
      "Image REGISTRY/hyeon9mak-dev:COMMIT (to be built)
      Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:1
        container hyeon9mak-container
          - image: "REGISTRY/hyeon9mak-dev:first"
          + image: "REGISTRY/hyeon9mak-dev:COMMIT"
      Docker: the sandbox's stand-in at tcp://DOCKER
      Building for linux/amd64
        context: 4 files, 187 B
        [1/1] COPY app /app TIME
      Built for linux/amd64 in TIME
      Pushing
      Error: arn:aws:iam::111122223333:user/sandbox is not authorized to call ecr:InitiateLayerUpload: no identity-based policy allows it.
        → add to its policy: { "Effect": "Allow", "Action": "ecr:InitiateLayerUpload", "Resource": "*" }
        → for the full policy: ecsdeploy help iam
      status 4"
    `);
});

test('a tag that is none', async () => {
  expect(await refusal({ args: ['push', '--tag', '-x'] })).toMatchInlineSnapshot(`
    "Error: "-x" is not a valid image tag.
      → a tag has up to 128 letters, digits, "_", "." and "-", and does not start with "." or "-"
    status 2"
  `);
});

test('an image that is not there', async () => {
  expect(await refusal({ args: ['deploy', '--image', 'REGISTRY/hyeon9mak-dev:nowhere'] }))
    .toMatchInlineSnapshot(`
      "Error: ECR has no image REGISTRY/hyeon9mak-dev:nowhere.
        → push it first (ecsdeploy push), or name an existing one; to continue anyway: --skip-check image-exists
      status 3"
    `);
});

test('render without an image', async () => {
  expect(await refusal({ args: ['render'] })).toMatchInlineSnapshot(`
    "Error: Required settings are missing:
      image: set --image <reference> or ECSDEPLOY_IMAGE
      → the config file is FOLDER/.ecsdeployrc
    status 2"
  `);
});

test('register of nothing', async () => {
  expect(await refusal({ args: ['register'] })).toMatchInlineSnapshot(`
    "Error: stdin is not a task definition: it is empty.
      → use the JSON that \`ecsdeploy render\` prints, with "family" and "containerDefinitions"
    status 2"
  `);
});

test('register of no JSON', async () => {
  expect(await refusal({ args: ['register', '-'], stdin: '{ "family": ' })).toMatchInlineSnapshot(`
    "Error: stdin is not a task definition: unexpected end of input.
      → use the JSON that \`ecsdeploy render\` prints, with "family" and "containerDefinitions"
    status 2"
  `);
});

test('register of something else', async () => {
  expect(await refusal({ args: ['register'], stdin: '{ "family": "x" }' })).toMatchInlineSnapshot(`
    "Error: stdin is not a task definition: "containerDefinitions" is missing.
      → use the JSON that \`ecsdeploy render\` prints, with "family" and "containerDefinitions"
    status 2"
  `);
});

test('register of a file that is not there', async () => {
  expect(await refusal({ args: ['register', 'td.json'] })).toMatchInlineSnapshot(`
    "Error: There is no task definition file FOLDER/td.json.
      → give an existing JSON file, or - to read it from stdin
    status 2"
  `);
});

test('rollout to a revision that is not there', async () => {
  expect(await refusal({ args: ['rollout', 'hyeon9mak-task-dev:99'] })).toMatchInlineSnapshot(`
    "Error: There is no task definition "hyeon9mak-task-dev:99" in ap-northeast-2.
      → its revisions: aws ecs list-task-definitions --family-prefix hyeon9mak-task-dev
    status 4"
  `);
});

test('rollout to two revisions', async () => {
  expect(await refusal({ args: ['rollout', '-'], stdin: 'a:1\nb:2\n' })).toMatchInlineSnapshot(`
    "Error: stdin has more than one revision.
      → pipe in what \`ecsdeploy register\` prints, or name family:revision
    status 2"
  `);
});

test('a build secret without a value', async () => {
  expect(await refusal({ args: ['push', '--secret', 'id=npm,src=.npmrc'] })).toMatchInlineSnapshot(`
    "Error: The build secret "npm" has no value: there is no file FOLDER/.npmrc.
      → give it with --secret id=NAME,src=FILE or id=NAME,env=VARIABLE
    status 2"
  `);
});

test('build secrets without a session', async () => {
  expect(
    await refusal({
      args: ['push', '--secret', 'id=npm,src=.npmrc'],
      files: { '.npmrc': 'token' },
    }),
  ).toMatchInlineSnapshot(`
    "Docker: the sandbox's stand-in at tcp://DOCKER
    Building for linux/amd64
    Error: Build secrets and ssh agents need a BuildKit session, which the Docker daemon at tcp://DOCKER does not offer.
      → build with Docker 20.10 or newer, or remove --secret, --ssh and their settings in the config
    status 5"
  `);
});

test('a secret that is none', async () => {
  expect(await refusal({ args: ['push', '--secret', 'npm'] })).toMatchInlineSnapshot(`
    "Error: --secret: must be id=NAME,src=FILE or id=NAME,env=VARIABLE, not "npm"
      → see ecsdeploy push --help
    status 2"
  `);
});

test('an expired token', async () => {
  expect(
    await refusal({
      args: DEPLOY,
      prepare: (world) =>
        failReads(
          world,
          'ExpiredTokenException',
          'The security token included in the request is expired',
        ),
    }),
  ).toMatchInlineSnapshot(`
    "Error: The AWS credentials of the standard credential chain have expired (The security token included in the request is expired).
      → renew them (in CI: assume the role again), or name another profile with --profile NAME
    status 4"
  `);
});

test('a clock that is wrong', async () => {
  expect(
    await refusal({
      args: DEPLOY,
      prepare: (world) =>
        failReads(world, 'InvalidSignatureException', 'Signature expired: 1 is now earlier than 2'),
    }),
  ).toMatchInlineSnapshot(`
    "Error: AWS does not accept the credentials of the standard credential chain (InvalidSignatureException: Signature expired: 1 is now earlier than 2)
      → check the secret key, and that the clock of this machine is right
    status 4"
  `);
});

test('TLS to Docker without its files', async () => {
  expect(
    await refusal({
      args: DEPLOY,
      environment: { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' },
    }),
  ).toMatchInlineSnapshot(`
    "Error: Cannot read the TLS files of the Docker daemon: ENOENT: no such file or directory, open '/nowhere/ca.pem'
      → put ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH or ~/.docker; to connect without TLS, unset DOCKER_TLS_VERIFY
    status 5"
  `);
});

test('a check that is not there', async () => {
  expect(await refusal({ args: ['push', '--skip-check', 'imge-platform'] })).toMatchInlineSnapshot(`
    "Error: --skip-check: must be one of member-names, definition, image-platform, image-program, image-exists, image-scan, container-port, port-names, port-mappings, express, code-deploy, app-spec, network-mode, launch-type, volumes, task-size, execution-role, log-groups, secrets, deployment-in-progress, deployment-percent, older-commit, rollout-time, latest-revision, rollback-target, load-balancer, listener-rule, schedules, lifecycle-policy, build-context, emulation, not "imge-platform" (did you mean "image-platform"?)
      → see ecsdeploy push --help
    status 2"
  `);
});

test('an image that is none', async () => {
  expect(await refusal({ args: ['deploy', '--image', 'Bad Image'] })).toMatchInlineSnapshot(`
    "Error: --image: must be an image reference such as registry/repository:tag, not "Bad Image"
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('an image with two tags', async () => {
  expect(await refusal({ args: ['deploy', '--image', 'x:y:z'] })).toMatchInlineSnapshot(`
    "Error: --image: must be an image reference such as registry/repository:tag, not "x:y:z"
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('a port that is none', async () => {
  expect(await refusal({ args: ['sandbox', '--port', '99999'] })).toMatchInlineSnapshot(`
    "Error: --port: must be an integer from 1 to 65535, not "99999"
      → see ecsdeploy sandbox --help
    status 2"
  `);
});

test('a scenario that is not there', async () => {
  expect(await refusal({ args: ['sandbox', '--scenario', 'crsh'] })).toMatchInlineSnapshot(`
    "Error: --scenario: there is no scenario "crsh".
      → did you mean "crash"? scenarios that exist: success, load-balancer, slow-drain, desired-zero, autoscaling, image-gone, wrong-platform, wrong-architecture, pull-denied, cross-account, …; to see them explained: ecsdeploy sandbox --list
    status 2"
  `);
});

test('a config file that is no YAML', async () => {
  expect(
    await refusal({ args: DEPLOY, files: { '.ecsdeployrc': 'cluster: [backend\nservice: x\n' } }),
  ).toMatchInlineSnapshot(`
    "Error: FOLDER/.ecsdeployrc:2: Flow sequence in block collection must be sufficiently indented and end with a ]
      → see .ecsdeployrc.example, which comes with ecsdeploy
    status 2"
  `);
});

test('a config file that is a list', async () => {
  expect(await refusal({ args: DEPLOY, files: { '.ecsdeployrc': '- backend\n' } }))
    .toMatchInlineSnapshot(`
    "Error: FOLDER/.ecsdeployrc:1: must hold keys and values, as in .ecsdeployrc.example
      → see .ecsdeployrc.example, which comes with ecsdeploy
    status 2"
  `);
});

test('a config file with tabs', async () => {
  expect(await refusal({ args: DEPLOY, files: { '.ecsdeployrc': 'build:\n\tcontext: .\n' } }))
    .toMatchInlineSnapshot(`
    "Error: FOLDER/.ecsdeployrc:2: Tabs are not allowed as indentation
      → see .ecsdeployrc.example, which comes with ecsdeploy
    status 2"
  `);
});

test('many mistakes in one config file', async () => {
  expect(
    await refusal({
      args: DEPLOY,
      files: {
        '.ecsdeployrc': `${CONFIG}timeout: 30\nplatform: linux/x86_64\nbuild: { dokerfile: x, before: 3 }\nmaxFailures: none\nsetEnv: [A]\n`,
      },
    }),
  ).toMatchInlineSnapshot(`
    "Error: FOLDER/.ecsdeployrc:6: "timeout": "30" needs a unit: write 30s or 30m
    FOLDER/.ecsdeployrc:7: "platform": must be one of linux/amd64, linux/arm64, not "linux/x86_64" (did you mean "linux/amd64"?)
    FOLDER/.ecsdeployrc:8: unknown key "dokerfile" (did you mean "dockerfile"? keys that exist: context, dockerfile, target, args, labels, contexts, allow, network, addHosts, shmSize, …)
    FOLDER/.ecsdeployrc:9: "maxFailures": must be a positive integer, not "none"
    FOLDER/.ecsdeployrc:10: "setEnv": must be KEY=VALUE, not "A"
      → see .ecsdeployrc.example, which comes with ecsdeploy
    status 2"
  `);
});

test('a key twice', async () => {
  expect(await refusal({ args: DEPLOY, files: { '.ecsdeployrc': `${CONFIG}region: eu-west-1\n` } }))
    .toMatchInlineSnapshot(`
    "Error: FOLDER/.ecsdeployrc:6: the key "region" is repeated
      → see .ecsdeployrc.example, which comes with ecsdeploy
    status 2"
  `);
});

test('services that name none', async () => {
  expect(
    await refusal({
      args: DEPLOY,
      files: { '.ecsdeployrc': 'cluster: x\nservices:\n  - { container: app }\n' },
    }),
  ).toMatchInlineSnapshot(`
    "Error: FOLDER/.ecsdeployrc:3: an entry of "services" needs the key "service"
      → see .ecsdeployrc.example, which comes with ecsdeploy
    status 2"
  `);
});

test('a service that the config does not list', async () => {
  expect(
    await refusal({
      args: ['deploy', '-s', 'wrker'],
      files: {
        '.ecsdeployrc': 'cluster: x\nservices:\n  - { service: api }\n  - { service: worker }\n',
      },
    }),
  ).toMatchInlineSnapshot(`
    "Error: --service: "wrker" is not in the config file (did you mean "worker"? services that exist: api, worker)
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('a config file that is named and not there', async () => {
  expect(await refusal({ args: ['deploy', '--config', 'prod.yml'] })).toMatchInlineSnapshot(`
    "Error: The config file FOLDER/prod.yml does not exist.
      → give an existing file with --config, or omit the flag to search for .ecsdeployrc
    status 2"
  `);
});

test('a variable with a wrong value', async () => {
  expect(
    await refusal({
      args: DEPLOY,
      environment: { ECSDEPLOY_TIMEOUT: 'soon', ECSDEPLOY_JSON: 'maybe' },
    }),
  ).toMatchInlineSnapshot(`
    "Error: ECSDEPLOY_JSON: must be true or false, not "maybe"
    ECSDEPLOY_TIMEOUT: must be a duration such as 500ms, 90s, 30m or 1h30m, not "soon"
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('an environment variable for a choice', async () => {
  expect(await refusal({ args: DEPLOY, environment: { ECSDEPLOY_ON_FAILURE: 'roll-back' } }))
    .toMatchInlineSnapshot(`
    "Error: ECSDEPLOY_ON_FAILURE: must be one of exit, watch, rollback, not "roll-back" (did you mean "rollback"?)
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('a flag of another command', async () => {
  expect(await refusal({ args: ['status', '--image', 'x:1'] })).toMatchInlineSnapshot(`
    "Error: Unknown option '--image'.
      → --image is an option of render, deploy, verify, push, run
      → see ecsdeploy status --help
    status 2"
  `);
});

test('a flag without its value', async () => {
  expect(await refusal({ args: ['deploy', '--cluster'] })).toMatchInlineSnapshot(`
    "Error: Option '--cluster <name>' argument missing.
      → see ecsdeploy deploy --help
    status 2"
  `);
});

test('a service in place of its flag', async () => {
  expect(await refusal({ args: ['status', 'hyeon9mak-service-dev'] })).toMatchInlineSnapshot(`
    "Error: status takes no argument, but 1 was given.
      → use options instead, e.g. --service NAME
      → see ecsdeploy status --help
    status 2"
  `);
});

test('a build argument without a value', async () => {
  expect(await refusal({ args: ['push', '--build-arg', 'VERSION'] })).toMatchInlineSnapshot(`
    "Error: --build-arg: must be KEY=VALUE, not "VERSION"
      → see ecsdeploy push --help
    status 2"
  `);
});

test('a variable that is set without a value', async () => {
  expect(await refusal({ args: ['render', '--set-env', 'DEBUG'] })).toMatchInlineSnapshot(`
    "Error: --set-env: must be KEY=VALUE, not "DEBUG"
      → see ecsdeploy render --help
    status 2"
  `);
});

test('help on what is not there', async () => {
  expect(await refusal({ args: ['help', 'deply'] })).toMatchInlineSnapshot(`
    "Error: There is no help topic "deply".
      → see ecsdeploy help topics (did you mean "deploy"?)
    status 2"
  `);
});

test('help iam of what is not there', async () => {
  expect(await refusal({ args: ['help', 'iam', 'sandbox'] })).toMatchInlineSnapshot(`
    "Error: help iam has no policy for "sandbox".
      → commands that exist: deploy, push, render, register, rollout, rollback, continue, run, status, diagnose, …
    status 2"
  `);
});

test('rollout to two revisions by argument and flag', async () => {
  expect(await refusal({ args: ['rollout', 'a:1', '--task-definition', 'b:2'] }))
    .toMatchInlineSnapshot(`
    "Error: Two revisions are given: a:1 and --task-definition b:2.
      → give only one of them
    status 2"
  `);
});

test('a cluster of another region', async () => {
  expect(
    await refusal({
      args: ['deploy', '--cluster', 'arn:aws:ecs:eu-west-1:111122223333:cluster/backend'],
    }),
  ).toMatchInlineSnapshot(`
    "Error: arn:aws:ecs:eu-west-1:111122223333:cluster/backend is in eu-west-1, but the region is ap-northeast-2.
      → use --region eu-west-1, or give the name instead of the ARN
    status 2"
  `);
});

test('a revision of another account', async () => {
  expect(
    await refusal({
      args: [
        'rollout',
        'arn:aws:ecs:ap-northeast-2:999988887777:task-definition/hyeon9mak-task-dev:1',
      ],
    }),
  ).toMatchInlineSnapshot(`
    "Error: arn:aws:ecs:ap-northeast-2:999988887777:task-definition/hyeon9mak-task-dev:1 is in ap-northeast-2 of account 999988887777, but the service hyeon9mak-service-dev is in ap-northeast-2 of account 111122223333.
      → register it there first, or name a revision in the service's region and account: hyeon9mak-task-dev:1
    status 2"
  `);
});

test('a revision that is none', async () => {
  expect(await refusal({ args: ['rollout', 'hyeon9mak-task-dev:latest'] })).toMatchInlineSnapshot(`
    "Error: "hyeon9mak-task-dev:latest" is not a revision.
      → write REVISION, FAMILY:REVISION or its ARN, such as hyeon9mak-task-dev:42
    status 2"
  `);
});

test('a rollback to a revision that is not there', async () => {
  expect(await refusal({ args: ['rollback', '--to', 'hyeon9mak-task-dev:99'] }))
    .toMatchInlineSnapshot(`
    "Error: There is no task definition "hyeon9mak-task-dev:99" in ap-northeast-2.
      → its revisions: aws ecs list-task-definitions --family-prefix hyeon9mak-task-dev
    status 4"
  `);
});

test('a rollback where nothing was before', async () => {
  expect(await refusal({ args: ['rollback'] })).toMatchInlineSnapshot(`
    "Error: "hyeon9mak-service-dev" has no earlier successful deployment than hyeon9mak-task-dev:1.
      → name a revision: ecsdeploy rollback --cluster backend --service hyeon9mak-service-dev --to hyeon9mak-task-dev:REVISION
    status 3"
  `);
});

test('an ssh agent that does not run', async () => {
  expect(await refusal({ args: ['push', '--ssh', 'default'] })).toMatchInlineSnapshot(`
    "Error: Cannot reach the ssh agent "default": SSH_AUTH_SOCK is not set.
      → start one and add the key: eval "$(ssh-agent)" && ssh-add KEYFILE; then --ssh default
    status 2"
  `);
});

test('a .dockerignore that cannot be read', async () => {
  expect(await refusal({ args: ['push'], files: { '.dockerignore': 'a[' } }))
    .toMatchInlineSnapshot(`
    "Error: Docker rejects the pattern "a[" in FOLDER/.dockerignore, line 1: it has an unclosed or invalid [ ], or ends with \\.
      → to match a literal [ or \\, write \\[ or \\\\; otherwise remove the line
    status 2"
  `);
});

test('logs of a container that is not there', async () => {
  expect(await refusal({ args: ['logs', '--container', 'app'] })).toMatchInlineSnapshot(`
    "Error: The tasks of "hyeon9mak-service-dev" have no container "app".
      → containers that exist: hyeon9mak-container, datadog-agent, log_router
    status 3"
  `);
});

test('a profile that is misspelt', async () => {
  expect(
    await refusal({
      args: ['deploy', '--profile', 'prd'],
      files: {
        aws: '[default]\nregion = eu-west-1\n[profile prod]\nregion = eu-west-1\n[profile dev]\nregion = eu-west-1\n',
      },
      environment: { AWS_CONFIG_FILE: 'aws' },
    }),
  ).toMatchInlineSnapshot(`
    "Error: The profile "prd" is neither in aws nor in /dev/null.
      → did you mean "prod"? profiles that exist: default, prod, dev; name one with --profile, or create it: aws configure --profile prd
    status 2"
  `);
});

test('a profile that is in use of SSO, without a login', async () => {
  expect(
    await refusal({
      args: ['deploy', '--profile', 'sso'],
      files: {
        aws: '[profile sso]\nsso_session = work\nsso_account_id = 111122223333\nsso_role_name = deploy\n[sso-session work]\nsso_region = eu-west-1\nsso_start_url = https://work.awsapps.com/start\n',
      },
      environment: { AWS_CONFIG_FILE: 'aws' },
    }),
  ).toMatchInlineSnapshot(`
    "Error: The profile "sso" gives no AWS credentials: The SSO session token associated with profile=sso was not found or is invalid. To refresh this SSO session run 'aws sso login' with the corresponding profile.
      → run: aws sso login --profile sso
    status 4"
  `);
});

test('a profile whose source is not there', async () => {
  expect(
    await refusal({
      args: ['deploy', '--profile', 'chained'],
      files: {
        aws: '[profile chained]\nrole_arn = arn:aws:iam::111122223333:role/deploy\nsource_profile = gone\n',
      },
      environment: { AWS_CONFIG_FILE: 'aws' },
    }),
  ).toMatchInlineSnapshot(`
    "Error: The profile "chained" gives no AWS credentials: Could not resolve credentials using profile: [gone] in configuration/credentials file(s).
      → its source_profile "gone" does not exist or has no keys: fix it in ~/.aws/config, or run: aws configure --profile gone
    status 4"
  `);
});

test('a profile that asks for a code where nobody can answer', async () => {
  expect(
    await refusal({
      args: ['deploy', '--profile', 'mfa'],
      files: {
        aws: '[profile mfa]\nrole_arn = arn:aws:iam::111122223333:role/deploy\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/me\n[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret\n',
      },
      environment: { AWS_CONFIG_FILE: 'aws' },
    }),
  ).toMatchInlineSnapshot(`
    "Error: The profile "mfa" gives no AWS credentials: Profile mfa requires multi-factor authentication, but no MFA code callback was provided.
      → run the command in a terminal, which can ask for the MFA code
    status 4"
  `);
});

test('a profile whose process fails', async () => {
  expect(
    await refusal({
      args: ['deploy', '--profile', 'process'],
      files: { aws: '[profile process]\ncredential_process = false\n' },
      environment: { AWS_CONFIG_FILE: 'aws' },
    }),
  ).toMatchInlineSnapshot(`
    "Error: The profile "process" gives no AWS credentials: its credential_process failed.
      → run the credential_process of the profile by hand, or see: aws configure list --profile process
    status 4"
  `);
});

test('a role that cannot be assumed', async () => {
  expect(
    await refusal({
      args: ['deploy', '--profile', 'chained'],
      files: {
        aws: '[profile chained]\nrole_arn = arn:aws:iam::111122223333:role/deploy\nsource_profile = base\n[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret\n',
      },
      environment: { AWS_CONFIG_FILE: 'aws' },
      prepare: ({ sandbox }) =>
        sandbox.fail('sts:AssumeRole', accessDenied('sts:AssumeRole', '111122223333')),
    }),
  ).toMatchInlineSnapshot(`
    "Error: Profile "chained" gives no AWS credentials: arn:aws:iam::111122223333:user/sandbox is not authorized to call sts:AssumeRole: no identity-based policy allows it.
      → add to its policy: { "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" }
      → add arn:aws:iam::111122223333:user/sandbox as a principal to the trust policy of the role
    status 4"
  `);
});

describe.skipIf(!HAS_DOCKER)('Dockerfiles that a real daemon refuses', () => {
  afterAll(removeImages);

  // In the words of the daemon, which differ from version to version.
  test.each([
    ['an unknown instruction', 'FROM scratch\nCOPPY app /app\n', [], /unknown instruction: COPPY/i],
    [
      'a stage that is not there',
      'FROM scratch AS release\nCOPY app /app\n',
      ['--target', 'relase'],
      /target stage "?relase"? could not be found/,
    ],
    [
      'a file that .dockerignore leaves out',
      'FROM scratch\nCOPY app debug.log /\n',
      [],
      /debug\.log"?: not found[^]*→ check the path in the Dockerfile, and whether \.dockerignore/,
    ],
    ['an empty one', '', [], /empty|no build stage/],
    [
      'a base image from nowhere',
      'FROM 127.0.0.1:9/base:1\nCOPY app /app\n',
      [],
      /→ the Docker daemon cannot reach the registry of the base image/,
    ],
  ])('%s', async (_, Dockerfile, args, words) => {
    const files = { Dockerfile, '.dockerignore': '.git\n*.log\n', 'debug.log': '' };
    const text = await refusal({ args: ['push', ...args], files, daemon: true });
    expect(text).toMatch(/\nstatus 5$/);
    expect(text).toMatch(/^Error: The build failed: /m);
    expect(text).toMatch(words);
  });
});

test.each([
  ['usage', ['deploy', '--clutser']],
  ['config-invalid', ['deploy', '--timeout', '30']],
  ['setting-missing', ['deploy']],
])('with --json %s is a document too', async (code, args) => {
  const end = await runCli([...args, '--json'], { directory: makeFolder() });
  expect(end.status).toBe(2);
  expect(readResult(end)).toMatchObject({
    outcome: 'refused',
    services: [],
    image: null,
    error: { code },
  });
});

test.skipIf(!HAS_GIT)('outside a git repository a tag is needed', async () => {
  const world = await makeWorld();
  const folder = makeFolder({ Dockerfile: 'FROM scratch\n', '.ecsdeployrc': CONFIG });
  const end = await world.run(['push'], { directory: folder });
  expect(end.status).toBe(2);
  expect(end.stderr.replaceAll(folder, 'FOLDER')).toMatchInlineSnapshot(`
    "Error: Cannot make an image tag from the commit of FOLDER: the folder is not in a git repository.
      → set the tag with --tag TAG
    "
  `);
});
