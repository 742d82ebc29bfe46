import { chunks } from '../aws/ecs.ts';
import { optional } from '../aws/optional.ts';
import { describeRevision } from '../aws/revisions.ts';
import { containersOf } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import type { Target } from '../settings/config.ts';
import type { Tools } from './connect.ts';

/** Revisions that are read in parallel: ECS throttles bursts. */
const READS_AT_ONCE = 10;

/** The image of a revision, and the container that has it. */
export interface RevisionImage {
  readonly container: string;
  /** Reference, as the definition names it. */
  readonly image: string;
}

/** The images of revisions by their ARNs, of `known` and those that can be read in addition. */
export async function readImages(
  tools: Tools,
  target: Target,
  revisions: readonly string[],
  known: ReadonlyMap<string, RevisionImage>,
): Promise<ReadonlyMap<string, RevisionImage>> {
  const images = new Map(known);
  const unknown = [...new Set(revisions)].filter((arn) => !known.has(arn));
  for (const part of chunks(unknown, READS_AT_ONCE)) {
    const readings = part.map(async (arn) => {
      const image = imageOf(target, (await describeRevision(tools.ecs, arn)).definition);
      if (image !== undefined) images.set(arn, image);
    });
    const read = allOrRefuse(readings.map((reading) => reading.catch(ignoreDeleted)));
    // If one read is denied, all are.
    if ((await optional(tools, 'ecs:DescribeTaskDefinition', read)) === undefined) break;
  }
  return images;
}

/** Passes on every error except that a revision was deleted. */
function ignoreDeleted(error: unknown): void {
  if (error instanceof EcsDeployError && error.code === 'task-definition-missing') return;
  throw error;
}

/** The image of the configured container, else of the first one. */
function imageOf({ container }: Target, definition: JsonObject): RevisionImage | undefined {
  const containers = containersOf(definition);
  const named = containers.find(({ name }) => container?.includes(String(name)));
  const { name, image } = named ?? containers[0] ?? {};
  return typeof image === 'string' ? { container: String(name), image } : undefined;
}
