import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { EcsDeployError } from './errors.ts';
import { runProcess } from './processes.ts';

/** What identifies the source of an image. */
export interface Source {
  /** `<sha>`, or `<sha>-dirty-<8 hex of the changes>` with uncommitted changes. */
  readonly tag: string;
  readonly commit: string;
  /** URL of the remote `origin` without credentials; undefined when there is none. */
  readonly remote: string | undefined;
}

/** Reads commit and uncommitted changes of the work tree a folder is in; throws `tag-unknown`. */
export async function readSource(directory: string): Promise<Source> {
  const git = (...args: string[]) => runProcess({ command: 'git', args, directory });
  const head = await git('rev-parse', 'HEAD', '--show-toplevel').catch((error: unknown) =>
    noSource(directory, 'git is not installed', error),
  );
  const [commit, root] = head.stdout.trim().split('\n');
  if (head.status !== 0 || commit === undefined || root === undefined) {
    const reason = /unknown revision|ambiguous argument/.test(head.tail.join(' '))
      ? 'the repository has no commit yet'
      : /dubious ownership/.test(head.tail.join(' '))
        ? 'git does not trust the owner of the folder (git config --global --add safe.directory …)'
        : 'it is not in a git repository';
    return noSource(directory, reason, undefined);
  }
  const [status, remote] = await Promise.all([
    git('-C', root, 'status', '--porcelain=v1', '-z', '--untracked-files=all'),
    git('remote', 'get-url', 'origin'),
  ]);
  const url = remote.status === 0 ? remote.stdout.trim().replace(/\/\/[^/@]*@/, '//') : undefined;
  if (status.stdout === '') return { tag: commit, commit, remote: url };
  const changes = await hashChanges(root, status.stdout);
  return { tag: `${commit}-dirty-${changes.slice(0, 8)}`, commit, remote: url };
}

/** Digest of the diff against HEAD and of every file git does not know yet. */
async function hashChanges(root: string, status: string): Promise<string> {
  const hash = createHash('sha256');
  const diff = await runProcess({
    command: 'git',
    args: ['diff', 'HEAD', '--binary', '--no-ext-diff', '--no-color'],
    directory: root,
  });
  hash.update(diff.stdout);
  const untracked = status.split('\0').filter((entry) => entry.startsWith('?? '));
  for (const entry of untracked) {
    const path = entry.slice(3);
    hash.update(`\0${path}\0`);
    try {
      for await (const chunk of createReadStream(join(root, path))) hash.update(chunk as Buffer);
    } catch {
      // What cannot be read, a socket for one, is in no image either.
    }
  }
  return hash.digest('hex');
}

function noSource(directory: string, reason: string, cause: unknown): never {
  throw new EcsDeployError({
    code: 'tag-unknown',
    message: `No image tag can be made from the commit of ${directory}: ${reason}.`,
    hint: 'give the tag yourself: --tag TAG',
    cause,
  });
}
