import { existsSync, realpathSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { Config } from '../settings/config.ts';

/** The settings that a checkout moves. */
type Places = Pick<
  Config,
  'fromCommit' | 'directory' | 'context' | 'dockerfile' | 'paths' | 'images'
>;

type Files = Pick<Places, 'context' | 'dockerfile' | 'paths'>;

/**
 * Does `work` with the build settings in a checkout of `fromCommit`, which is removed afterwards;
 * without that setting, in the work tree. Throws `commit-unknown` and `config-invalid`.
 */
export async function withCheckout<C extends Places, T>(
  { emit, signal }: { readonly emit: Emit; readonly signal: AbortSignal },
  config: C,
  work: (config: C) => Promise<T>,
): Promise<T> {
  const { fromCommit, directory, images } = config;
  if (fromCommit === undefined) return work(config);
  const { checkOut } = await import('../git.ts');
  const parent = await mkdtemp(join(await realpath(tmpdir()), 'ecsdeploy-'));
  try {
    const folder = join(parent, 'checkout');
    const { root, commit, remove } = await checkOut(directory, fromCommit, folder, signal);
    try {
      const move = (what: string, path: string) => {
        const place = relative(root, path);
        if (place !== '..' && !/^\.\.[/\\]/.test(place) && !isAbsolute(place)) {
          return join(folder, place);
        }
        throw new EcsDeployError({
          code: 'config-invalid',
          message: `The ${what} ${path} is outside of the repository ${root}, so --from-commit cannot include it.`,
          hint: 'move it into the repository, or build without --from-commit',
        });
      };
      // A link is one in the checkout, too.
      const itself = (path: string) => join(realPath(dirname(path)), basename(path));
      const files = ({ context, dockerfile, paths }: Files) => ({
        context: move('build context', realPath(context)),
        dockerfile: move('Dockerfile', itself(dockerfile)),
        paths: paths?.map((path) =>
          move('path', path === directory ? realPath(path) : itself(path)),
        ),
      });
      const isNamed = images.some(({ name }) => name !== undefined);
      const moved = {
        directory: move('folder', realPath(directory)),
        // With `images`, nothing is built from the settings of the top level.
        ...(isNamed ? {} : files(config)),
        images: images.map((image) => ({ ...image, ...files(image) })),
      };
      if (!existsSync(moved.directory)) {
        throw new EcsDeployError({
          code: 'commit-unknown',
          message: `The commit ${commit} has no folder ${relative(folder, moved.directory)}.`,
          hint: 'name a later commit with --from-commit',
        });
      }
      emit({ kind: 'commit-checked-out', commit });
      return await work({ ...config, ...moved });
    } finally {
      await remove();
    }
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

const realPath = (path: string) => (existsSync(path) ? realpathSync(path) : path);
