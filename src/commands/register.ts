import { resolve } from 'node:path';
import { at, byPlace } from '../aws/ecs.ts';
import { describeRevision } from '../aws/revisions.ts';
import { describeService } from '../aws/services.ts';
import { serviceResult } from '../core/result.ts';
import { placeNote } from '../core/service-name.ts';
import type { Place } from '../core/ecs.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { secondsSince } from '../events.ts';
import { parseDefinition, readDefinitionFile } from '../plan/definition-file.ts';
import { withTags } from '../plan/observe.ts';
import { registerDrafts } from '../rollout/register.ts';
import type { ConfigOf } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';

/** Registers a definition from a file or stdin, unless an equal revision exists; prints the ARN. */
export async function register(context: Context<'register'>): Promise<CommandResult> {
  const { argument, directory, config, emit } = context;
  const { skipCheck } = config;
  const given =
    argument === undefined || argument === '-'
      ? await parseDefinition({ emit, skipCheck }, await context.readStdin(), 'stdin')
      : await readDefinitionFile({ emit, skipCheck }, resolve(directory, argument));
  const start = performance.now();
  const tools = await connectTools(context);
  const place = onlyPlace(config);
  const origin = await runningRevision(at(tools, { place }), config, given);
  const definition = withTags(given, origin);
  const [registration] = await registerDrafts(tools, [{ definition, origin, place }]);
  if (registration === undefined) throw new Error('nothing was registered');
  const { arn, registered } = registration;
  const outcome = registered ? 'succeeded' : 'unchanged';
  const [target] = config.targets;
  return {
    outcome,
    image: null,
    services: [
      serviceResult({
        cluster: target?.cluster ?? '',
        service: target?.service ?? '',
        outcome,
        taskDefinition: arn,
        previousTaskDefinition: origin?.arn ?? null,
        registered,
      }),
    ],
    seconds: { register: secondsSince(start) },
    output: { kind: 'text', text: arn },
  };
}

/** Where the services are: a revision is registered in one region and account. */
function onlyPlace({ targets }: ConfigOf<'register'>): Place | undefined {
  const [first, ...others] = byPlace(targets);
  if (others.length === 0) return first?.[0].place;
  throw new EcsDeployError({
    code: 'usage',
    message: `register works in one region and account, but the services of the config are in ${others.length + 1}: ${targets.map(({ service, place }) => `${service}${placeNote(place)}`).join(', ')}.`,
    hint: 'choose one with --service NAME, or with --region and --profile',
  });
}

/** The revision of the same family that the configured service runs: what `render` started from. */
async function runningRevision(
  { ecs, emit }: Tools,
  { targets }: ConfigOf<'register'>,
  definition: JsonObject,
): Promise<Revision | undefined> {
  for (const target of targets) {
    if (target.cluster === '') continue;
    try {
      const { taskDefinition } = await describeService(ecs, target);
      const running = await describeRevision(ecs, taskDefinition);
      if (running.family === definition['family']) return running;
    } catch (error) {
      if (!(error instanceof EcsDeployError) || error.code === 'credentials-missing') throw error;
      // The service is needed only to compare the definitions.
      if (error.code !== 'permission-denied') continue;
      const message = `Continuing without the revision that "${target.service}" runs: ${error.message}`;
      emit({ kind: 'warning', message, hint: error.hint });
    }
  }
  return undefined;
}
