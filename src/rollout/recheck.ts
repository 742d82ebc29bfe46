import { serverTime } from '../aws/client.ts';
import { describeAgain } from '../aws/services.ts';
import { changeOf } from '../core/busy.ts';
import { FRESH_POLLS } from '../core/pacing.ts';
import { flagsOf } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import { EcsDeployError, refuse } from '../errors.ts';
import type { Move, RolloutSettings, RolloutTools } from './tools.ts';

/**
 * Reads services again before they are moved, and throws `service-changed` for each that someone else
 * has deployed since it was planned: ECS has no conditional update, so that the later call would win.
 * What was read a moment ago counts as current; `--force` does not ask.
 */
export async function refuseChanged(
  { ecs }: Pick<RolloutTools, 'ecs'>,
  { poll, force }: Pick<RolloutSettings, 'poll' | 'force'>,
  moves: readonly Move[],
): Promise<void> {
  const oldest = performance.now() - FRESH_POLLS * poll;
  const stale = force
    ? []
    : moves.filter(({ way, readAt = Infinity }) => way === 'move' && readAt < oldest);
  const found = await describeAgain(
    ecs,
    stale.map(({ service }) => service),
  );
  const time = serverTime(ecs.aws);
  refuse(
    stale.flatMap((move) => {
      const now = found.find(({ arn }) => arn === move.service.arn);
      const change = now && changeOf(move.service, now, time);
      return change === undefined ? [] : [changed(move, change)];
    }),
  );
}

function changed({ service, revision, registered }: Move, change: string): EcsDeployError {
  const name = shortName(revision);
  const left = registered ? ` ${name} was registered, but not deployed.` : '';
  return new EcsDeployError({
    code: 'service-changed',
    message: `${change}${left} This run did not change the service.`,
    hint: `run it again: it starts from what runs now\nto replace it with ${name}: ecsdeploy rollout ${name} ${flagsOf(service)}`,
  });
}
