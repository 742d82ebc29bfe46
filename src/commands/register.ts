import { resolve } from 'node:path';
import { describeRevision, describeService, openEcs } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import type { CommandResult, Context } from './context.ts';
import { serviceResult } from '../core/result.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { withTags } from '../plan/observe.ts';
import { parseDefinition, readDefinitionFile } from '../plan/definition-file.ts';
import { registerDrafts } from '../rollout/register.ts';
import { connectAws, since } from '../aws/optional.ts';

/** Registers a definition from a file or stdin, unless an equal revision exists; prints the ARN. */
export async function register(context: Context): Promise<CommandResult> {
  const { argument, directory } = context;
  const given =
    argument === undefined || argument === '-'
      ? await parseDefinition(context, await context.readStdin(), 'stdin')
      : await readDefinitionFile(context, resolve(directory, argument));
  const start = performance.now();
  const ecs = await openEcs(await connectAws(context));
  const origin = await runningRevision(context, ecs, given);
  const definition = withTags(given, origin);
  const [registration] = await registerDrafts(context, ecs, [{ definition, origin }]);
  const outcome = registration?.registered === true ? 'succeeded' : 'unchanged';
  const [target] = context.config.targets;
  return {
    outcome,
    image: null,
    services: [
      serviceResult({
        cluster: target?.cluster ?? '',
        service: target?.service ?? '',
        outcome,
        taskDefinition: registration?.arn ?? null,
        previousTaskDefinition: origin?.arn ?? null,
        registered: registration?.registered ?? false,
      }),
    ],
    seconds: { register: since(start) },
    output: registration?.arn,
  };
}

/** The revision of the same family that the configured service runs: what `render` started from. */
async function runningRevision(
  { config, emit }: Context,
  ecs: Ecs,
  definition: JsonObject,
): Promise<Revision | undefined> {
  for (const { cluster, service } of config.targets) {
    if (cluster === '') continue;
    try {
      const { taskDefinition } = await describeService(ecs, cluster, service);
      const running = await describeRevision(ecs, taskDefinition ?? '');
      if (running.family === definition['family']) return running;
    } catch (error) {
      if (!(error instanceof EcsDeployError) || error.code === 'credentials-missing') throw error;
      // Only a comparison is lost: registering needs no service.
      if (error.code !== 'permission-denied') continue;
      const message = `Going on without a look at the revision that "${service}" runs: ${error.message}`;
      emit({ kind: 'warning', message, hint: error.hint });
    }
  }
  return undefined;
}
