import { connect } from '../aws/client.ts';
import type { Aws } from '../aws/client.ts';
import { openEcs } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import type { Emit } from '../events.ts';
import type { Config } from '../settings/config.ts';
import type { Context } from './context.ts';

/** The parts of a run that commands pass on. */
export interface Tools {
  readonly aws: Aws;
  readonly ecs: Ecs;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly environment: Context['environment'];
}

/** Connects to AWS, at all places that the services of a run have; throws `profile-unknown`. */
export async function connectTools(context: Context): Promise<Tools> {
  const { config, environment, ask, emit, signal } = context;
  const aws = await connect({
    profile: config.profile,
    region: config.region,
    environment,
    ask,
    signal,
    callTimeout: callTimeout(config),
    onCall: (call) => emit({ kind: 'api-call', ...call }),
  });
  const ecs = await openEcs(
    aws,
    config.targets.map(({ place }) => place),
  );
  return { aws, ecs, emit, signal, environment };
}

/** Milliseconds that one call gets: short enough to end within --timeout, long enough for a slow network. */
function callTimeout({ poll, timeout }: Pick<Config, 'poll' | 'timeout'>): number {
  return Math.min(Math.max(10 * poll, 3000), 30_000, timeout);
}
