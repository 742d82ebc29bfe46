import type { ListedImage } from '../core/lifecycle.ts';
import { ecrClient } from './client.ts';
import { whole } from './ecs.ts';
import { awsErrorName } from './errors.ts';
import type { Repository } from './repositories.ts';

const sdk = () => import('./sdk/ecr.ts');

/** The lifecycle policy of a repository as JSON text; undefined where it has none. */
export async function lifecyclePolicy({
  aws,
  name,
  registryId,
  region,
}: Repository): Promise<string | undefined> {
  const [{ GetLifecyclePolicyCommand }, client] = await Promise.all([
    sdk(),
    ecrClient(aws, region),
  ]);
  const command = new GetLifecyclePolicyCommand({ repositoryName: name, registryId });
  try {
    const { lifecyclePolicyText } = await client.send(command, { abortSignal: aws.options.signal });
    return whole(lifecyclePolicyText, 'ecr:GetLifecyclePolicy', 'lifecyclePolicyText');
  } catch (error) {
    const isNone = /^(LifecyclePolicy|Repository)NotFoundException$/.test(awsErrorName(error));
    if (isNone) return undefined;
    throw error;
  }
}

/** Every image of a repository. */
export async function listImages({
  aws,
  name,
  registryId,
  region,
}: Repository): Promise<readonly ListedImage[]> {
  const [{ DescribeImagesCommand }, client] = await Promise.all([sdk(), ecrClient(aws, region)]);
  const action = 'ecr:DescribeImages';
  const found: ListedImage[] = [];
  let nextToken: string | undefined;
  do {
    const page = await client.send(
      new DescribeImagesCommand({ repositoryName: name, registryId, maxResults: 1000, nextToken }),
      { abortSignal: aws.options.signal },
    );
    for (const image of whole(page.imageDetails, action, 'imageDetails')) {
      found.push({
        digest: whole(image.imageDigest, action, 'imageDigest'),
        tags: image.imageTags ?? [],
        pushedAt: whole(image.imagePushedAt, action, 'imagePushedAt'),
        pulledAt: image.lastRecordedPullTime,
        isIndex: /image\.index|manifest\.list/.test(image.imageManifestMediaType ?? ''),
      });
    }
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return found;
}
