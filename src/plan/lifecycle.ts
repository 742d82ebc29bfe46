import type { Ecs } from '../aws/ecs.ts';
import type { Aws } from '../aws/client.ts';
import { lifecyclePolicy, listImages } from '../aws/lifecycle.ts';
import { repositoryOf } from '../aws/repositories.ts';
import type { Repository } from '../aws/repositories.ts';
import { describeRevision } from '../aws/revisions.ts';
import { allTasksOf } from '../aws/tasks.ts';
import { ok, skip } from '../core/checks.ts';
import type { Answer } from '../core/checks.ts';
import type { Service } from '../core/ecs.ts';
import { parseImageReference } from '../core/image.ts';
import { expiryMessage, expiryOf } from '../core/lifecycle.ts';
import type { Expiring } from '../core/lifecycle.ts';
import { containersOf } from '../core/task-definition.ts';
import type { Revision } from '../core/task-definition.ts';

interface Tools {
  readonly aws: Aws;
  readonly ecs: Ecs;
}

/** The revisions of a service whose images must stay in ECR. */
export interface LifecycleSubject {
  readonly service: Service;
  readonly running: Revision;
  /** ARN of the revision that a rollback goes to. */
  readonly previous: string;
}

/** An image of a container, and where ECR has it. */
interface Needed {
  readonly revision: string;
  readonly container: string;
  readonly image: string;
  readonly repository: Repository;
}

/** Whether a lifecycle policy takes away an image that the running or the rollback revision needs. */
export async function findExpiring(tools: Tools, subject: LifecycleSubject): Promise<Answer> {
  const { running, previous, service } = subject;
  const revisions =
    previous === running.arn ? [running] : [running, await describeRevision(tools.ecs, previous)];
  const needed = (await Promise.all(revisions.map((revision) => imagesOf(tools, revision)))).flat();
  const repositories = new Map(needed.map(({ repository }) => [repository.uri, repository]));
  const policies = await Promise.all([...repositories.values()].map(lifecyclePolicy));
  const limited = [...repositories.values()].flatMap((repository, index) => {
    const policy = policies[index];
    return policy === undefined ? [] : [{ repository, policy }];
  });
  if (limited.length === 0) return skip('no repository has a lifecycle policy');
  const isPinned = needed.every(({ image }) => parseImageReference(image).digest !== undefined);
  const tasks = isPinned ? [] : await allTasksOf(tools.ecs, service, 'RUNNING');
  const found: Expiring[] = [];
  for (const { repository, policy } of limited) {
    const images = await listImages(repository);
    const now = new Date(
      Math.max(
        Date.now() + tools.aws.clock.offset,
        ...images.map(({ pushedAt }) => pushedAt.getTime()),
      ),
    );
    for (const { revision, container, image } of needed.filter(
      (item) => item.repository.uri === repository.uri,
    )) {
      const { tag = 'latest', digest } = parseImageReference(image);
      // A tag may name another image by now than the one that the tasks run.
      const ran = tasks
        .filter(({ taskDefinition }) => taskDefinition === revision)
        .flatMap(({ containers }) => containers)
        .find(({ name }) => name === container)?.imageDigest;
      const own = digest ?? ran ?? images.find(({ tags }) => tags.includes(tag))?.digest;
      const expiry = own === undefined ? undefined : expiryOf(policy, images, own, now);
      if (expiry !== undefined)
        found.push({ ...expiry, revision, image, repository: repository.name });
    }
  }
  const [first] = found;
  if (first === undefined) {
    return ok(
      `the policy of ${limited.map(({ repository }) => repository.name).join(', ')} keeps the images`,
    );
  }
  return {
    status: 'warn',
    message: expiryMessage(first),
    hint: `deploy a newer image, or let the policy keep more: aws ecr get-lifecycle-policy --repository-name ${first.repository}`,
  };
}

/** The images of a revision that are in ECR. */
async function imagesOf({ aws }: Tools, { arn, definition }: Revision): Promise<readonly Needed[]> {
  const found = await Promise.all(
    containersOf(definition).map(async (container): Promise<Needed[]> => {
      const image = String(container['image']);
      const named = repositoryOf(aws, image);
      if (named === undefined || !(await named.isOurs)) return [];
      const name = String(container['name']);
      return [{ revision: arn, container: name, image, repository: named.repository }];
    }),
  );
  return found.flat();
}
