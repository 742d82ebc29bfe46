import { EcsDeployError } from '../../errors.ts';

/**
 * Prefixes that BuildKit adds to an error
 * (docs/explanation/how-docker-behaves.md#the-answer-of-a-build).
 */
const PREFIXES =
  /^(?:failed to solve(?: with frontend dockerfile\.v0)?: |failed to create LLB definition: |rpc error: code = \w+ desc = |failed to compute cache key: |failed to calculate checksum of ref \S+ |executor failed running )+/;

/** The `build-failed` error for an error of BuildKit and the last log lines of the failed step. */
export function buildFailed(
  message: string,
  log: readonly string[],
  cause?: unknown,
): EcsDeployError {
  const text = message.replace(PREFIXES, '').replace('" not found: not found', '": not found');
  const quoted = log.map((line) => `\n  | ${line}`).join('');
  return new EcsDeployError({
    code: DENIED_PUSH.test(text) ? 'permission-denied' : 'build-failed',
    message: `The build failed: ${text}${quoted}`,
    hint: hintFor(`${text}\n${log.join('\n')}`),
    cause,
  });
}

/** The registry denies the push; BuildKit before 0.14 drops the reason, which ECR gives. */
const DENIED_PUSH = /^[^\n]*failed to push [^\n]*403 Forbidden/;

/** Hints by what the error and the log say; the first match counts. */
const HINTS: readonly (readonly [RegExp, string | ((match: RegExpExecArray) => string)])[] = [
  [
    /exec format error/,
    'this Docker cannot run steps of that platform: register emulation (docker run --privileged --rm tonistiigi/binfmt --install all), or build on a machine with that CPU',
  ],
  [
    /no SSH key "(.+)" forwarded|no ssh agent is forwarded as (\S+)|Permission denied \(publickey/,
    ([, key, agent]) => {
      const id = key ?? agent ?? 'default';
      return id === 'default'
        ? 'forward an ssh agent to the step: --ssh default (with RUN --mount=type=ssh in the Dockerfile)'
        : `forward an ssh agent to the step: --ssh ${id}=SOCKET (with RUN --mount=type=ssh,id=${id} in the Dockerfile)`;
    },
  ],
  [
    /exporter "image" could not be found/,
    'this BuildKit is that of a Docker daemon whose image store cannot push; use one with the containerd image store, or another builder (docker buildx ls)',
  ],
  [
    /granting entitlement (\S+) is not allowed/,
    ([, name = '']) =>
      `permit it where the builder runs: buildkitd --allow-insecure-entitlement ${name}, or in daemon.json of Docker: "builder": { "entitlements": { "${name.replace('.', '-')}": true } }`,
  ],
  [
    /^[^\n]*(network\.host|security\.insecure) is not allowed/,
    ([, name]) => `permit it to the build: --allow ${name}`,
  ],
  [
    /^[^\n]*failed to push [^\n]*(?:denied|authoriz|40[13] )/i,
    'the policy needs ecr:BatchCheckLayerAvailability, ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload and ecr:PutImage on the repository',
  ],
  [
    /url not set for github actions cache/,
    'BuildKit before 0.20, which Docker 28 has, does not know the present cache service of GitHub: use a newer builder, or type=registry',
  ],
  [
    /failed to read downloaded context/,
    'this Docker daemon builds only with a session: allow POST /session and POST /grpc in the proxy before it',
  ],
  [
    /buildkit-syft-scanner/,
    'SBOMs are made by an image of Docker Hub that BuildKit pulls where it runs: permit that, or build without --sbom',
  ],
  [
    /unknown scheme oci-layout/,
    'the image store of this Docker daemon takes no OCI layouts: use one with the containerd image store, or a builder (--builder NAME)',
  ],
  [
    /no space left on device/i,
    'the disk of the Docker daemon is full: docker system df shows what uses it, docker system prune frees it',
  ],
  [
    /no active session/,
    'this build cannot pull the base image or log in to its registry: pull it first (docker pull --platform PLATFORM IMAGE)',
  ],
  [
    /((\d{12})\.dkr[.-]ecr[\w-]*\.([\w-]+)\.[\w.]+)\/[^]*(?:unauthorized|authorization failed|no basic auth|denied|forbidden|40[13])/i,
    ([, host, account, region]) =>
      `the policy of this identity, and in another account the repository policy of account ${account}, must allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer; to use other credentials: aws ecr get-login-password --region ${region} --profile NAME | docker login --username AWS --password-stdin ${host}`,
  ],
  [
    /^[^\n]*public\.ecr\.aws[^\n]*(?:40[13]|429|toomanyrequests|denied|unauthorized)/i,
    'log in to ECR Public, or log out if the login has expired (docker logout public.ecr.aws): aws ecr-public get-login-password --region us-east-1 | docker login --username AWS --password-stdin public.ecr.aws',
  ],
  [
    /^[^\n]*(?:toomanyrequests|\b429 )/i,
    'the registry of the base image limits pulls: log in (docker login REGISTRY), or use a pull-through cache of ECR',
  ],
  [
    /^[^\n]*\b5\d\d [A-Z]/,
    'the registry of the base image has a problem: run it again later, or pull the image first',
  ],
  [
    /^[^\n]*secret ([\w.-]+): not found/,
    ([, id]) => `give the build secret: --secret id=${id},src=FILE or id=${id},env=VARIABLE`,
  ],
  [
    /^[^\n]*unknown (?:flag|instruction)/i,
    'check the spelling; for syntax that is newer than the daemon, begin the Dockerfile with # syntax=docker/dockerfile:1',
  ],
  [
    /unauthorized|authorization failed|access denied|^[^\n]*\b40[13] |forbidden/i,
    'the registry of the base image requires a login: docker login REGISTRY (private images of your own ECR need none), and check the name of the image; it can also be that of a named context: --build-context NAME=SOURCE',
  ],
  [
    /failed to do request|no such host|connection refused|i\/o timeout/,
    'the Docker daemon cannot reach the registry of the base image: check its network, or pull the image first',
  ],
  [
    /"[^"]*": not found/,
    'check the path in the Dockerfile, and whether .dockerignore excludes it from the context',
  ],
];

function hintFor(text: string): string | undefined {
  for (const [pattern, hint] of HINTS) {
    const match = pattern.exec(text);
    if (match !== null) return typeof hint === 'string' ? hint : hint(match);
  }
  return undefined;
}
