import { awsFault } from '../wire.ts';
import type { Operation } from '../wire.ts';
import type { Tag } from './definition.ts';
import { allTasks, allServices, ecsArn } from './lookups.ts';
import type { Simulation } from './state.ts';
import { findTaskDefinition } from './task-definitions.ts';

type Input = Parameters<Operation>[0];

const MOST_TAGS = 50;

/** The operations on tags of resources, by name. */
export const TAG_OPERATIONS = {
  ListTagsForResource: (simulation: Simulation, input: Input) => ({
    tags: findTagged(simulation, input).tags,
  }),

  TagResource: (simulation: Simulation, input: Input) => {
    const resource = findTagged(simulation, input);
    const added = input['tags'] as readonly Tag[];
    if (added.some(({ key }) => /^aws:/i.test(key))) {
      throw invalid('Tag keys cannot start with aws:');
    }
    const kept = resource.tags.filter(({ key }) => !added.some((tag) => tag.key === key));
    const tags = [...kept, ...added];
    if (tags.length > MOST_TAGS) {
      throw invalid('The maximum number of tags (50) has been exceeded.');
    }
    resource.tags = tags;
    return {};
  },

  UntagResource: (simulation: Simulation, input: Input) => {
    const resource = findTagged(simulation, input);
    const keys = input['tagKeys'] as readonly string[];
    resource.tags = resource.tags.filter(({ key }) => !keys.includes(key));
    return {};
  },
};

const invalid = (message: string): Error => awsFault('InvalidParameterException', message);

/** The cluster, service, task, task definition or capacity provider of an ARN. */
function findTagged(simulation: Simulation, input: Input): { tags: readonly Tag[] } {
  const arn = String(input['resourceArn']);
  const clusters = [...simulation.clusters.values()];
  const hasArn = (resource: { readonly arn: string }) => resource.arn === arn;
  const definition = findTaskDefinition(simulation, arn);
  const found =
    clusters.find((cluster) => hasArn(cluster)) ??
    allServices(simulation).find((service) => hasArn(service)) ??
    (definition?.arn === arn ? definition : undefined) ??
    clusters.flatMap((cluster) => allTasks(cluster)).find((task) => hasArn(task)) ??
    [...simulation.capacityProviders.values()].find(
      ({ name }) => arn === ecsArn(simulation, `capacity-provider/${name}`),
    );
  if (found !== undefined) return found;
  throw invalid('The specified resource is invalid or does not exist.');
}
