import { serverTime } from '../aws/client.ts';
import { allOrRefuse, EcsDeployError, refuse } from '../errors.ts';
import { enforce } from '../plan/enforce.ts';
import { lookUp } from '../plan/lookups.ts';
import { observeServices, readController, withoutSchedules } from '../plan/observe.ts';
import { plan } from '../plan/plan.ts';
import { observeRollout } from '../plan/rollout.ts';
import { followSchedules } from '../rollout/follow-schedules.ts';
import { rollOut } from '../rollout/move.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf } from '../settings/config.ts';
import { prepareOnceIdle, prepareOnceStarted } from './busy.ts';
import { checkRollout } from './check.ts';
import { confirmMoves, requireTerminal } from './confirm.ts';
import { askPause } from './ask-pause.ts';
import { connectTools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { checkOrder, movesOf, rolloutResult, tellSteps } from './moves.ts';

/** Moves the services to a revision and follows their deployments; `--watch` only follows. */
export async function rollout(context: Context<'rollout'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  refuse(contradictions(config));
  checkOrder(context, config);
  requireTerminal(context, config);
  const [tools, named] = await allOrRefuse([connectTools(context), namedRevision(context)]);
  // `--watch` changes no schedules.
  const targets = config.watch ? config.targets.map(withoutSchedules) : config.targets;
  const prepare = async () => {
    const services = await observeServices(tools, { targets }, (there, target, service) =>
      observeRollout(there, config, target, named, readController(there, target, service)),
    );
    const now = serverTime(tools.aws);
    const made = plan(config, { services, images: [], checked: !config.watch, now });
    enforce(tools, made.findings);
    enforce(tools, await lookUp(tools, made.lookups));
    return { planned: made };
  };
  const { planned } = await (config.watch ? prepareOnceStarted : prepareOnceIdle)(
    tools,
    config,
    prepare,
  );
  // How long CodeDeploy waits is said before it starts.
  const isLong = planned.services.some(({ service }) => service.codeDeploy !== undefined);
  if ((config.confirm || isLong) && !config.watch)
    tellSteps(tools, planned, false, { isOrdered: true });
  await confirmMoves(context, config, 'Deploy');
  const start = performance.now();
  const moves = movesOf(planned);
  const moved = await rollOut(
    { ...tools, askPause: config.watch ? undefined : askPause(context, config) },
    config,
    moves,
  );
  const result = rolloutResult(config, moved, start);
  const ended = config.watch ? result : await checkRollout(context, tools, 'rollout', result);
  return { ...ended, services: await followSchedules(tools, config, moves, ended.services) };
}

/** Flags that contradict `--watch`, which changes nothing and waits. */
function contradictions({ watch, force, noWait }: ConfigOf<'rollout'>): EcsDeployError[] {
  const others = [force && '--force', noWait && '--no-wait'].filter((flag) => flag !== false);
  return others
    .filter(() => watch)
    .map(
      (flag) =>
        new EcsDeployError({
          code: 'usage',
          message: `--watch and ${flag} contradict each other.`,
          hint: '--watch follows the current deployment and changes nothing: leave out one of them',
        }),
    );
}

async function namedRevision({
  argument,
  config,
  readStdin,
}: Context<'rollout'>): Promise<string | undefined> {
  // The config can name one revision for each service; a piped one is for all of them.
  if (argument !== '-' && config.taskDefinition !== '-') return argument;
  const read = (await readStdin()).toString('utf8').trim();
  if (read !== '' && !/\s/.test(read)) return read;
  throw new EcsDeployError({
    code: 'usage',
    message: read === '' ? 'stdin has no revision.' : 'stdin has more than one revision.',
    hint: 'pipe in what `ecsdeploy register` prints, or name family:revision',
  });
}
