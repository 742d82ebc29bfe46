import { checkContainerImages, chooseContainers, render } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Target } from '../settings/config.ts';

/** The settings of a target that change its definition. */
export type TargetEdit = Omit<
  Target,
  'cluster' | 'service' | 'taskDefinition' | 'imageName' | 'schedules' | 'codeDeploy'
>;

/** The most tags that a resource can have (AWS General Reference, tags). */
const MOST_TAGS = 50;

/**
 * Puts what a target sets into a definition.
 *
 * Throws `container-ambiguous`, `container-missing` and `usage`.
 */
export function renderDefinition(
  { container, ...edit }: TargetEdit,
  source: JsonObject,
  image: string | undefined,
): JsonObject {
  const { containerImages } = edit;
  checkContainerImages(source, Object.keys(containerImages));
  const containers = chooseContainers(source, container);
  const twice = containers.find((name) => Object.hasOwn(containerImages, name));
  if (image !== undefined && twice !== undefined) {
    throw new EcsDeployError({
      code: 'usage',
      message: `The container "${twice}" gets two images: ${image} and ${containerImages[twice]}.`,
      hint: 'leave it out of --container-image ("containerImages"), or choose another with --container',
    });
  }
  const rendered = render(source, { ...edit, containers, image });
  const tags = rendered['tags'];
  if (Array.isArray(tags) && tags.length > MOST_TAGS) {
    throw new EcsDeployError({
      code: 'usage',
      message: `The revision would have ${tags.length} tags, but AWS allows ${MOST_TAGS}.`,
      hint: 'set fewer with --set-tag ("setTags"), or remove some from the task definition',
    });
  }
  return rendered;
}
