import { diffDefinitions } from '../core/changes.ts';
import { escapeJson } from '../core/foreign.ts';
import { nameOf } from '../core/service-name.ts';
import { serviceResult } from '../core/result.ts';
import type { ServiceResult } from '../core/result.ts';
import { runningByRevision, servingRevision } from '../core/status.ts';
import { isDefinitionFile } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { enforce } from '../plan/enforce.ts';
import { resolveName } from '../plan/image.ts';
import type { ObservedImage } from '../plan/image.ts';
import {
  observeServices,
  observeSource,
  readDefinition,
  withoutSchedules,
  withTags,
} from '../plan/observe.ts';
import { plan } from '../plan/plan.ts';
import { renderDefinition } from '../plan/render.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf, Target } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';

/** Prints the definition that `register` takes: the service's own, with the image replaced. */
export async function render(context: Context<'render'>): Promise<CommandResult> {
  const { config } = context;
  const edit = config.targets[0] ?? config;
  const { taskDefinition } = edit;
  const isFile = taskDefinition !== undefined && isDefinitionFile(taskDefinition);
  // A file alone can be the change.
  if (!isFile && !changesTask(edit) && !changesContainer(edit)) requireSettings(config, ['image']);
  if (taskDefinition === undefined) requireSettings(config, ['cluster', 'service']);
  const { before, after, service } = await renderOne(context);
  const changes = diffDefinitions(before, after, config);
  return {
    outcome: 'succeeded',
    image: null,
    services: [{ ...service, changes, definition: after }],
    seconds: {},
    output: config.diff
      ? { kind: 'diff', changes }
      : { kind: 'text', text: escapeJson(JSON.stringify(after, undefined, 2)) },
  };
}

type Edit = Omit<Target, 'cluster' | 'service' | 'imageName' | 'schedules' | 'codeDeploy'>;

/** Whether an edit changes the containers that it chooses, besides their image. */
const changesContainer = ({ setEnv, setSecrets, unsetEnv, setCommand }: Edit): boolean =>
  setCommand !== undefined ||
  [...Object.keys(setEnv), ...Object.keys(setSecrets), ...unsetEnv].length > 0;

/** Whether an edit changes the task, or containers that it names itself. */
function changesTask({ setCpu, setMemory, setTaskRole, setExecutionRole, ...edit }: Edit): boolean {
  const { containerImages, setTags } = edit;
  return (
    [setCpu, setMemory, setTaskRole, setExecutionRole].some((member) => member !== undefined) ||
    [...Object.keys(containerImages), ...Object.keys(setTags)].length > 0
  );
}

interface Rendered {
  /** The definition that runs now; without a service, the one that was rendered from. */
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly service: ServiceResult;
}

async function renderOne(context: Context<'render'>): Promise<Rendered> {
  const { config } = context;
  const tools = await connectTools(context);
  const [target, ...others] = config.targets;
  if (others.length > 0) {
    throw new EcsDeployError({
      code: 'usage',
      message: `render works on one service, but the config names ${config.targets.length}: ${config.targets.map(({ service }) => service).join(', ')}.`,
      hint: 'choose one with --service NAME',
    });
  }
  const outcome = 'succeeded';
  const naming = resolveNames(tools, config, target ?? config);
  if (target === undefined || target.cluster === '') {
    const { taskDefinition = '', skipCheck } = config;
    const before = withTags(await readDefinition(tools, skipCheck, taskDefinition), undefined);
    const { image, containerImages } = await naming;
    const edit = { ...withContainer(config, config), containerImages };
    const after = renderDefinition(edit, before, image);
    return { before, after, service: serviceResult({ cluster: '', service: '', outcome }) };
  }
  const { image, containerImages } = await naming;
  const targets = [withoutSchedules({ ...withContainer(config, target), containerImages })];
  const services = await observeServices(tools, { targets }, (there, item, service) =>
    observeSource(there, config, item, service),
  );
  const given = givenImage(image);
  const images = given === undefined ? [] : [{ name: target.imageName, image: given }];
  const planned = plan(config, { services, images, checked: false });
  enforce(tools, planned.findings);
  const [rendered] = planned.services;
  if (rendered === undefined) throw new Error('nothing was rendered');
  const { service, running, definition } = rendered;
  return {
    before: running.definition,
    after: definition,
    service: serviceResult({
      ...nameOf(service),
      outcome,
      previousTaskDefinition: running.arn,
      serving: servingRevision(service, undefined),
      runningByRevision: runningByRevision(service),
      desired: service.desired,
      running: service.running,
    }),
  };
}

/** The images as the definition names them. */
async function resolveNames(
  tools: Tools,
  { image, pin }: ConfigOf<'render'>,
  { containerImages }: Pick<Target, 'containerImages'>,
): Promise<Pick<Target, 'containerImages'> & { readonly image: string | undefined }> {
  const resolveOne = (reference: string) => resolveName(tools, pin, reference);
  const [own, ...others] = await Promise.all([
    image === undefined ? undefined : resolveOne(image),
    ...Object.entries(containerImages).map(
      async ([name, reference]) => [name, await resolveOne(reference)] as const,
    ),
  ]);
  return { image: own, containerImages: Object.fromEntries(others) };
}

/** The image without further reads: `render` checks nothing in a registry. */
function givenImage(reference: string | undefined): ObservedImage | undefined {
  if (reference === undefined) return undefined;
  return {
    kind: 'given',
    reference,
    read: { value: { stored: undefined, detail: undefined } },
  };
}

/** The target, without a container if none is changed: then the user need not choose one. */
function withContainer<T extends Edit>({ image }: ConfigOf<'render'>, target: T): T {
  const isNeeded =
    target.container !== undefined || image !== undefined || changesContainer(target);
  return isNeeded ? target : { ...target, container: [] };
}
