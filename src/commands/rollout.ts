import type { Service } from '@aws-sdk/client-ecs';
import { describeRevision, describeService, lastGood, openEcs, pastRollouts } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { requireSettings } from '../settings/config.ts';
import type { Config, Target } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import { overallOutcome } from '../core/result.ts';
import type { ServiceResult } from '../core/result.ts';
import { isDefinitionFile, shortName } from '../core/task-definition.ts';
import type { Revision } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError, EXIT_STATUS, refuse } from '../errors.ts';
import { aboutService, enforce, examine, serviceChecks } from '../plan/checks.ts';
import { checkPlace, checkService } from '../plan/observe.ts';
import { readDefinitionFile } from '../plan/definition-file.ts';
import { followDeployments, rollOut } from '../rollout/move.ts';
import { connectAws, optional, since } from '../aws/optional.ts';
import type { Move } from '../rollout/watch.ts';

/** Moves the services to a revision and follows their deployments; `--watch` only follows. */
export async function rollout(context: Context): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  refuse(contradictions(config));
  const aws = await connectAws(context);
  const ecs = await openEcs(aws);
  const named = await namedRevision(context);
  const plans = await allOrRefuse(
    config.targets.map((target) => planMove(context, ecs, target, named)),
  );
  const moves = plans.map(({ move }) => move);
  if (!config.watch) {
    const findings = plans.map(({ move: { service, definition }, target }) => {
      const checks = serviceChecks(aws, ecs, { service, target, running: undefined }, definition);
      return examine(context, aboutService(service), checks);
    });
    enforce(context, (await Promise.all(findings)).flat());
  }
  const start = performance.now();
  const services = await (config.watch ? followDeployments : rollOut)(context, ecs, moves);
  return rolloutResult(context, services, start);
}

/** Flags that `--watch`, which changes nothing and waits, leaves no meaning. */
function contradictions({ watch, force, noWait }: Config): EcsDeployError[] {
  const others = [force && '--force', noWait && '--no-wait'].filter((flag) => flag !== false);
  return others
    .filter(() => watch)
    .map(
      (flag) =>
        new EcsDeployError({
          code: 'usage',
          message: `--watch and ${flag} contradict each other.`,
          hint: '--watch follows the deployment that runs and changes nothing: leave one of them out',
        }),
    );
}

/** The result of a command that ends with a rollout. */
export function rolloutResult(
  { config }: Context,
  services: readonly ServiceResult[],
  start: number,
): CommandResult {
  const outcome = overallOutcome(services.map((service) => service.outcome));
  // Without a wait the verdict is unknown by the user's own wish, which is no failure.
  const status = config.noWait && outcome === 'unknown' ? EXIT_STATUS.succeeded : undefined;
  return { outcome, status, image: null, services, seconds: { rollout: since(start) } };
}

async function namedRevision({
  argument,
  config,
  readStdin,
}: Context): Promise<string | undefined> {
  // What the settings name may differ between services; what is piped in holds for all.
  if (argument !== '-' && config.taskDefinition !== '-') return argument;
  const read = (await readStdin()).trim();
  if (read !== '' && !/\s/.test(read)) return read;
  throw new EcsDeployError({
    code: 'usage',
    message: read === '' ? 'stdin holds no revision.' : 'stdin holds more than one revision.',
    hint: 'pipe what `ecsdeploy register` prints, or name family:revision',
  });
}

async function planMove(
  context: Context,
  ecs: Ecs,
  target: Target,
  named: string | undefined,
): Promise<{ readonly move: Move; readonly target: Target }> {
  const service = await describeService(ecs, target.cluster, target.service);
  checkService(service);
  const wanted = named ?? target.taskDefinition;
  checkPlace(service, wanted ?? '');
  const revision = await chooseRevision(context, ecs, service, wanted);
  const move = {
    service,
    taskDefinition: revision.arn,
    previous: lastGood(service),
    definition: revision.definition,
    registered: false,
    containers: [],
  };
  return { move, target };
}

async function chooseRevision(
  context: Context,
  ecs: Ecs,
  service: Service,
  named: string | undefined,
): Promise<Revision> {
  if (context.config.watch) return watchedRevision(ecs, service, named);
  const family = shortName(service.taskDefinition ?? '').split(':')[0] ?? '';
  const isFile = named !== undefined && isDefinitionFile(named);
  // A file says which family is meant.
  const wanted = isFile ? String((await readDefinitionFile(context, named))['family']) : named;
  const revision = await describeRevision(ecs, wanted ?? family);
  if (revision.status !== 'ACTIVE') {
    throw new EcsDeployError({
      code: 'revision-inactive',
      message: `The revision ${shortName(revision.arn)} is ${revision.status}: ECS starts no new tasks of it.`,
      hint: `choose an active one: aws ecs list-task-definitions --family-prefix ${revision.family}`,
    });
  }
  // A revision somebody names is meant; the latest may be the one that was rolled back.
  const insisted = wanted !== undefined && wanted.includes(':');
  if (!insisted) await checkLastRollout(context, ecs, service, revision);
  return revision;
}

/** The revision the service is on; refuses to watch another one, whose deployment must have ended. */
async function watchedRevision(
  ecs: Ecs,
  service: Service,
  named: string | undefined,
): Promise<Revision> {
  const current = await describeRevision(ecs, service.taskDefinition ?? '');
  const wanted = named === undefined ? current : await describeRevision(ecs, named);
  if (!named?.includes(':') || wanted.arn === current.arn) return current;
  throw new EcsDeployError({
    code: 'revision-failed',
    message: `No deployment of ${shortName(wanted.arn)} is there to watch: "${service.serviceName}" is on ${shortName(current.arn)}. It was rolled back, or superseded.`,
    hint: 'leave the revision out to watch what runs now',
  });
}

async function checkLastRollout(
  context: Context,
  ecs: Ecs,
  service: Service,
  { arn }: Revision,
): Promise<void> {
  if (arn === service.taskDefinition) return;
  const rollouts = await optional(
    context,
    'ecs:ListServiceDeployments',
    pastRollouts(ecs, service),
  );
  const status = rollouts?.find(({ taskDefinition }) => taskDefinition === arn)?.status;
  if (status === undefined || !/^(ROLLBACK_|STOPPED)/.test(status)) return;
  throw new EcsDeployError({
    code: 'revision-failed',
    message: `The latest revision, ${shortName(arn)}, was deployed to "${service.serviceName}" before and failed (${status}).`,
    hint: `to try it again name it: ecsdeploy rollout ${shortName(arn)}`,
  });
}
