import { ok, skip } from '../core/checks.ts';
import type { Answer } from '../core/checks.ts';
import { platformsIn } from '../core/image.ts';
import type { BuildKit } from '../docker/buildkit/builder.ts';
import type { Daemon } from '../docker/engine/daemon.ts';
import type { Config } from '../settings/config.ts';
import { failures } from './findings.ts';
import type { Check, PlanFinding } from './findings.ts';
import type { ContextGaps } from './identity.ts';
import type { BuildPlace } from './image.ts';

/** Whether this machine can build the image. */
export function checkBuild(
  check: Check,
  place: BuildPlace,
  platform: string | undefined,
  gaps: readonly Answer[] = [],
): PlanFinding[] {
  const { machine, files } = place;
  const about = 'build';
  return [
    ...('error' in machine
      ? failures('docker', about, machine.error)
      : [{ check: 'docker', about, ...ok(describeMachine(machine.value)) } as const]),
    ...('error' in files
      ? failures('files', about, files.error)
      : [{ check: 'files', about, ...ok(place.dockerfile) } as const]),
    ...('value' in machine && platform !== undefined
      ? platformsIn(platform).map((one) =>
          check('emulation', about, () => checkEmulation(place, machine.value, one)),
        )
      : []),
    ...gaps.map((answer) => check('build-context', about, () => answer)),
    ...('value' in files ? [check('build-context', about, () => checkIgnoreFile(place))] : []),
  ];
}

/** What a complete checkout would have in the build context. */
export function checkGaps(
  { submodules, pointers }: ContextGaps,
  { fromCommit }: Pick<Partial<Config>, 'fromCommit'>,
): Answer[] {
  const isOwn = fromCommit === undefined;
  const answers: Answer[] = [];
  if (submodules.length > 0) {
    answers.push({
      status: 'fail',
      message: `The build context has submodules that are not checked out, as empty folders: ${submodules.join(', ')}.`,
      hint: `${isOwn ? 'check them out: git submodule update --init --recursive' : '--from-commit leaves out submodules: build from a clone with them'}; or add them to .dockerignore`,
    });
  }
  if (pointers.length > 0) {
    const [first, ...others] = pointers;
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    answers.push({
      status: 'warn',
      message: `The build context has pointers of Git LFS in place of files: ${first}${more}.`,
      hint: isOwn
        ? 'download the files: git lfs pull'
        : 'a checkout has the files where Git LFS is installed: git lfs install',
    });
  }
  return answers;
}

function describeMachine(machine: Daemon | BuildKit): string {
  if ('connect' in machine) return machine.name;
  const { address, version, standIn } = machine;
  const { host, source } = address;
  return standIn ? `the sandbox's stand-in at ${host}` : `${version} at ${host} (${source})`;
}

/** Whether steps can run for the platform; only the build shows whether they have to. */
function checkEmulation(
  { hasRun, runnable }: BuildPlace,
  machine: Daemon | BuildKit,
  platform: string,
): Answer {
  if (!hasRun) return skip('no step runs a program');
  if (runnable === undefined) return skip('the daemon does not report its platforms');
  const isBuilder = 'connect' in machine;
  const native = isBuilder ? machine.platforms[0] : `linux/${machine.architecture}`;
  if (platform === native) return ok(platform);
  const who = isBuilder
    ? `${machine.name[0]?.toUpperCase()}${machine.name.slice(1)}`
    : 'This Docker daemon';
  const cross = 'use FROM --platform=$BUILDPLATFORM in that stage and cross-compile';
  const elsewhere = 'build on a machine with that CPU (--docker-host ssh://HOST)';
  if (runnable.includes(platform)) {
    return {
      status: 'warn',
      message: `${who} emulates ${platform}: RUN steps take several times as long.`,
      hint: `for faster builds, ${cross}, or ${elsewhere}`,
    };
  }
  return {
    status: 'warn',
    message: `${who} runs programs for ${runnable.join(' and ')} only: a RUN step for ${platform} will fail with "exec format error".`,
    hint: `set up emulation (docker run --privileged --rm tonistiigi/binfmt --install ${platform.replace('linux/', '')}), ${elsewhere}, or ${cross}`,
  };
}

/** Whether a .dockerignore keeps history and dependencies out of the build context. */
function checkIgnoreFile({ ignoreFile, hasIgnoreFile, heavy }: BuildPlace): Answer {
  if (hasIgnoreFile) return ok('there is a .dockerignore');
  if (heavy.length === 0) return ok('no .dockerignore is needed');
  return {
    status: 'warn',
    message: `There is no .dockerignore: COPY . includes ${heavy.join(' and ')} in the image.`,
    hint: `list ${heavy.length === 1 ? 'it' : 'them'} in ${ignoreFile}`,
  };
}
