import { access, readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EcsDeployError } from '../../errors.ts';
import { readIgnored } from './dockerignore.ts';
import type { ContextFiles } from './dockerignore.ts';
import { walk } from './walk.ts';

/**
 * Throws `context-missing` or `dockerfile-missing`, naming the path and the setting, and
 * `dockerignore-invalid`, naming the pattern.
 */
export async function checkContext(files: ContextFiles): Promise<void> {
  const { context, dockerfile } = files;
  const folder = await stat(context).catch(() => undefined);
  if (folder?.isDirectory() !== true) {
    throw new EcsDeployError({
      code: 'context-missing',
      message: `The build context ${context} is not a folder.`,
      hint: 'set it with --context DIR or "build.context" in .ecsdeployrc',
    });
  }
  const isReadable = await access(dockerfile).then(
    () => true,
    () => false,
  );
  if (!isReadable) throw await dockerfileMissing(dockerfile);
  await readIgnored(files);
}

async function dockerfileMissing(dockerfile: string): Promise<EcsDeployError> {
  const names = await readdir(dirname(dockerfile)).catch(() => []);
  const similar = names.filter((name) => /dockerfile|containerfile/i.test(name));
  const found = similar.length > 0 ? `; that folder contains ${similar.join(', ')}` : '';
  return new EcsDeployError({
    code: 'dockerfile-missing',
    message: `There is no Dockerfile at ${dockerfile}.`,
    hint: `set it with --dockerfile FILE or "build.dockerfile" in .ecsdeployrc${found}; to deploy an existing image, use --image`,
  });
}

/** The files that a build may send, and their bytes: all that `.dockerignore` does not exclude. */
export async function measureContext(
  files: ContextFiles,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const exclude = await readIgnored(files);
  const count = { files: 0, bytes: 0 };
  for (const { kind, stat } of walk(files.context, { exclude })) {
    if (kind !== 'file') continue;
    count.files += 1;
    count.bytes += Number(stat.size);
  }
  return count;
}
