import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { EcsDeployError } from './errors.ts';
import { runProcess } from './processes.ts';

/** The commit that an image is built from. */
export interface Source {
  /** `<sha>`, or with uncommitted changes `<sha>-dirty-<8 hex digits of their hash>`. */
  readonly tag: string;
  readonly commit: string;
  /** URL of the remote `origin` without credentials; undefined when there is none. */
  readonly remote: string | undefined;
}

/** Reads the commit and the uncommitted changes of a folder's work tree; throws `tag-unknown`. */
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
        ? `git does not trust the owner of the folder (git config --global --add safe.directory ${directory})`
        : 'the folder is not in a git repository';
    return noSource(directory, reason, undefined);
  }
  const [status, remote] = await Promise.all([
    git('-C', root, 'status', '--porcelain=v1', '-z', '--untracked-files=all'),
    git('remote', 'get-url', 'origin'),
  ]);
  const url = remote.status === 0 ? withoutCredentials(remote.stdout.trim()) : undefined;
  if (status.stdout === '') return { tag: commit, commit, remote: url };
  const changes = await hashChanges(root, status.stdout);
  return { tag: `${commit}-dirty-${changes.slice(0, 8)}`, commit, remote: url };
}

/** Removes user names and passwords, the query and the fragment; the user of `git@host:path` stays. */
function withoutCredentials(url: string): string {
  return (
    url
      // A password can contain "@" and even "/"; a colon before digits and "/" is a port.
      .replace(/(?<=^[a-z0-9+.-]+:\/\/)(?:[^/@]*:(?!\d+\/).*|[^/]*)@/i, '')
      .replace(/^[^/]*:[^/]*@/, '')
      .replace(/[?#].*$/, '')
  );
}

/** Hashes the diff against HEAD and every untracked file. */
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
      // A file that cannot be read, such as a socket, cannot get into the image either.
    }
  }
  return hash.digest('hex');
}

function noSource(directory: string, reason: string, cause: unknown): never {
  throw new EcsDeployError({
    code: 'tag-unknown',
    message: `Cannot make an image tag from the commit of ${directory}: ${reason}.`,
    hint: 'set the tag with --tag TAG',
    cause,
  });
}
