import { checkContainerImages, chooseContainers, render } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Target } from '../settings/config.ts';

/** The settings of a target that change its definition. */
export type TargetEdit = Pick<
  Target,
  'container' | 'containerImages' | 'setEnv' | 'setSecrets' | 'unsetEnv'
>;

/**
 * Puts images, variables and secrets into the containers of a definition.
 *
 * Throws `container-ambiguous`, `container-missing` and `usage`.
 */
export function renderDefinition(
  { container, containerImages, setEnv, setSecrets, unsetEnv }: TargetEdit,
  source: JsonObject,
  image: string | undefined,
): JsonObject {
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
  return render(source, { containers, image, containerImages, setEnv, setSecrets, unsetEnv });
}
