import type { Ecs } from '../ecs/index.ts';
import type { Operation, Operations } from '../wire.ts';
import { CODE_DEPLOY_OPERATIONS } from './api.ts';
import { advance } from './deployments.ts';
import { createOldGroup } from './start-world.ts';
import type { CodeDeployWorld } from './start-world.ts';
import type { CodeDeployScene, CodeDeployState } from './state.ts';

/** A simulated CodeDeploy: its API operations, and a function that builds the start world. */
export interface CodeDeploy {
  readonly operations: Operations;
  /** Creates an application and a group that deploy a service of the start world. */
  readonly createGroup: (world: CodeDeployWorld) => void;
}

/** Creates a simulated CodeDeploy without applications; in other regions it stays empty. */
export function createCodeDeploy({ home }: Pick<Ecs, 'home'>, scene: CodeDeployScene): CodeDeploy {
  const inRegion = (): CodeDeployState => ({
    simulation: home,
    applications: new Map(),
    deployments: new Map(),
    files: new Map(),
    scene,
  });
  const state = inRegion();
  home.observers.push(() => advance(state));
  return {
    operations: Object.fromEntries(
      Object.entries(CODE_DEPLOY_OPERATIONS).map(([name, operation]): [string, Operation] => [
        name,
        (input, { region }) =>
          home.enter(() => operation(region === home.region ? state : inRegion(), input)),
      ]),
    ),
    createGroup: (world) => home.enter(() => createOldGroup(state, world)),
  };
}
