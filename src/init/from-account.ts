import type { Readable, Writable } from 'node:stream';
import type * as clack from '@clack/prompts';
import type { Aws } from '../aws/client.ts';
import { regionOf } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { clusterNames, repositoryNames, serviceNames } from '../aws/names.ts';
import { optional } from '../aws/optional.ts';
import { describeRevision } from '../aws/revisions.ts';
import { readServices } from '../aws/services.ts';
import { printable } from '../core/foreign.ts';
import { ecrRegistry, parseImageReference } from '../core/image.ts';
import { containersOf } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import { withGiven } from './draft.ts';
import type { Draft, Values } from './draft.ts';

/** A name of the account, as it is shown. */
const toOption = (value: string) => ({ value, label: printable(value) });

/** Where questions are asked. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
}

/** What the questions use. */
export interface Asking {
  readonly aws: Aws;
  readonly ecs: Ecs;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
}

type Prompts = typeof clack;

/** Asks for one of several names, or for a name where they cannot be listed. */
type Choose = (question: string, names: readonly string[] | undefined) => Promise<string>;

/** The settings that a file needs, asked from what the account has where the draft lacks them. */
export async function askAccount(asking: Asking, draft: Draft): Promise<Draft> {
  const { aws, ecs, emit } = asking;
  const prompts = await import('@clack/prompts');
  const choose = chooser(prompts, asking);
  const region = await regionOf(ecs);
  const has = (key: keyof Values) => hasSetting(draft, key);
  const cluster =
    textOf(draft.values.cluster) ??
    (has('cluster')
      ? undefined
      : await choose(
          'Cluster',
          await optional({ emit }, 'the names of clusters', clusterNames(ecs)),
        ));
  const services = has('service')
    ? undefined
    : await chooseServices(prompts, asking, cluster ?? 'default');
  const [service = textOf(draft.values.service)] = services ?? [];
  const running =
    service === undefined || cluster === undefined
      ? []
      : await runningContainers(asking, cluster, service);
  const container = has('container') ? undefined : await chooseContainer(choose, running);
  const own = running.find(({ name }) => name === (container ?? textOf(draft.values.container)));
  const repository = has('repository')
    ? undefined
    : await chooseRepository(choose, asking, own?.image, aws);
  const answers = {
    region: has('region') ? undefined : region,
    cluster: has('cluster') ? undefined : cluster,
    service: services?.length === 1 ? services[0] : services,
    container,
    repository,
  };
  return withGiven(draft, given(answers));
}

/** Settings of the user, which come from no line of a file. */
export function given(values: Readonly<Record<string, unknown>>): Values {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, { value, place: '' }]],
    ),
  );
}

/** Whether a draft has a setting, in every environment and for every service. */
export function hasSetting(draft: Draft, key: keyof Values): boolean {
  const sections = [draft, ...draft.environments.values()];
  return sections.some(
    ({ values, services, images }) =>
      values[key] !== undefined ||
      services?.some((service) => service[key] !== undefined) === true ||
      [...images.values()].some((image) => image[key] !== undefined),
  );
}

const textOf = (noted: Values[keyof Values]) =>
  typeof noted?.value === 'string' ? noted.value : undefined;

/** Asks whether to write a file. */
export async function confirmWrite({ terminal, signal }: Asking, file: string): Promise<boolean> {
  const prompts = await import('@clack/prompts');
  return answered(await prompts.confirm({ ...terminal, signal, message: `Write ${file}?` }));
}

/** Throws `interrupted` for Ctrl-C and Esc. */
function answered<T>(answer: T): Exclude<T, symbol> {
  if (typeof answer !== 'symbol') return answer as Exclude<T, symbol>;
  throw new EcsDeployError({ code: 'interrupted', message: 'Interrupted. Nothing was written.' });
}

function chooser(prompts: Prompts, { terminal, signal }: Asking): Choose {
  return async (message, names) => {
    const common = { ...terminal, signal, message };
    if (names === undefined || names.length === 0) {
      const validate = (text: string | undefined) => (text?.trim() ? undefined : 'Type a name.');
      return answered(await prompts.text({ ...common, validate })).trim();
    }
    const options = names.map(toOption);
    // Where nothing is found, Enter would answer with nothing.
    const validate = (value: string | string[] | undefined) =>
      value === undefined ? 'Type other letters.' : undefined;
    return answered(await prompts.autocomplete({ ...common, options, maxItems: 10, validate }));
  };
}

async function chooseServices(
  prompts: Prompts,
  asking: Asking,
  cluster: string,
): Promise<readonly string[]> {
  const { ecs, emit, terminal, signal } = asking;
  const names = await optional({ emit }, 'the names of services', serviceNames(ecs, cluster));
  if (names === undefined || names.length < 2) {
    return [await chooser(prompts, asking)('Service', names)];
  }
  const answer = await prompts.autocompleteMultiselect({
    ...terminal,
    signal,
    message: 'Services',
    options: names.map(toOption),
    required: true,
    maxItems: 10,
  });
  return answered(answer);
}

interface RunningContainer {
  readonly name: string;
  readonly image: string;
}

/** The containers of what a service runs; none where that cannot be read. */
async function runningContainers(
  { ecs, emit }: Asking,
  cluster: string,
  service: string,
): Promise<readonly RunningContainer[]> {
  const name = { cluster, service };
  const found = await optional({ emit }, 'the service', readServices(ecs, [name])(name));
  if (found === undefined) return [];
  const revision = await optional(
    { emit },
    'the containers of the service',
    describeRevision(ecs, found.taskDefinition),
  );
  return containersOf(revision?.definition ?? {}).map((container) => ({
    name: String(container['name']),
    image: String(container['image']),
  }));
}

/** The container to update: the only one, or one of several with those of ECR first. */
async function chooseContainer(
  choose: Choose,
  running: readonly RunningContainer[],
): Promise<string | undefined> {
  const isOwn = ({ image }: RunningContainer) =>
    ecrRegistry(parseImageReference(image).registry ?? '') !== undefined;
  const names = [...running.filter(isOwn), ...running.filter((item) => !isOwn(item))].map(
    ({ name }) => name,
  );
  return names.length > 1 ? choose('Container to update', names) : names[0];
}

/** The repository, with the one of the running image first. */
async function chooseRepository(
  choose: Choose,
  { emit }: Asking,
  image: string | undefined,
  aws: Aws,
): Promise<string> {
  const own = image === undefined ? undefined : parseImageReference(image).repository;
  const names = await optional({ emit }, 'the names of repositories', repositoryNames(aws));
  const first = names?.filter((name) => name === own) ?? [];
  return choose('ECR repository', names && [...first, ...names.filter((name) => name !== own)]);
}
