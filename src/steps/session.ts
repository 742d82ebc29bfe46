import { connect } from '../aws/client.ts';
import type { Aws } from '../aws/client.ts';
import type { Context } from '../context.ts';

/** Connects to AWS with the profile and region of a run; throws `profile-unknown`. */
export function connectAws({ config, environment, ask, emit, signal }: Context): Promise<Aws> {
  return connect({
    profile: config.profile,
    region: config.region,
    environment,
    ask,
    signal,
    onCall: (call) => emit({ kind: 'api-call', ...call }),
  });
}
