import type { StoredImage } from '../aws/images.ts';
import { repositoryOf } from '../aws/repositories.ts';
import { skip, ok } from '../core/checks.ts';
import { shaOf } from '../core/ci.ts';
import type { Answer } from '../core/checks.ts';
import { parseImageReference, shownImage } from '../core/image.ts';
import { readStored } from './image.ts';
import type { ObservedImage } from './image.ts';
import type { ObserveTools } from './observe.ts';
import { valueOf } from './read.ts';

type Tools = Pick<ObserveTools, 'aws' | 'emit'>;

const REVISION_LABEL = 'org.opencontainers.image.revision';

/** Whether the commit that is about to run is an ancestor of the one that runs. */
export interface OlderCommit {
  readonly service: string;
  /** The image that runs. */
  readonly image: string;
  /** The platform of its tasks: which image of an index has the labels. */
  readonly platform: string;
  /** Full SHA of the commit that is about to run. */
  readonly commit: string;
  readonly ifOlder: 'warn' | 'refuse';
  /** A folder of the repository, absolute. */
  readonly directory: string;
}

/** Full SHA of the commit that the image of a run is built from; undefined where nothing says it. */
export function commitOf(image: ObservedImage): string | undefined {
  if (image.kind !== 'given') return shaOf(valueOf(image.destination)?.labels[REVISION_LABEL]);
  return commitOfStored(image.reference, valueOf(image.read)?.stored);
}

/** The tags of this tool begin with the commit; images of other tools can have the label. */
function commitOfStored(
  reference: string,
  stored: StoredImage | string | undefined,
): string | undefined {
  const labels = typeof stored === 'object' ? stored.labels : undefined;
  return shaOf(labels?.[REVISION_LABEL]) ?? shownImage(reference).commit ?? undefined;
}

/** Compares the commits with git; an unknown commit decides nothing. */
export async function checkOlder(
  tools: Tools,
  { service, image, platform, commit, ifOlder, directory }: OlderCommit,
): Promise<Answer> {
  const running = shownImage(image).commit ?? (await readCommit(tools, image, platform));
  if (running === undefined) return skip('the commit of the image that runs is not known');
  if (running === commit) return ok('the image that runs is of the same commit');
  const { isAncestor } = await import('../git.ts');
  const isOlder = await isAncestor(directory, commit, running);
  const [next, now] = [commit.slice(0, 7), running.slice(0, 7)];
  if (isOlder === undefined) return skip(`git cannot compare ${next} with ${now}, which runs`);
  if (!isOlder) return ok(`${next} is not older than ${now}, which runs`);
  const message = `"${service}" runs commit ${now}, which is newer than ${next}: this deploy goes back to an older commit.`;
  return ifOlder === 'warn'
    ? { status: 'warn', message, hint: 'to refuse older commits: --if-older refuse' }
    : {
        status: 'fail',
        code: 'commit-older',
        message,
        hint: 'to deploy it on purpose: --if-older deploy',
      };
}

async function readCommit(tools: Tools, image: string, platform: string) {
  const named = repositoryOf(tools.aws, image);
  if (named === undefined || !(await named.isOurs)) return undefined;
  const { tag = 'latest', digest } = parseImageReference(image);
  const stored = await readStored(tools, named.repository, { tag, digest }, platform);
  return commitOfStored(image, stored);
}
