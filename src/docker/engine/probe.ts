import type { Daemon } from './daemon.ts';
import { daemonLines } from '../lines.ts';

/** What a pull of a missing image says when the registry itself was reached. */
const REACHED = /manifest unknown|not found|name unknown|does not exist/i;

/**
 * Whether the daemon reaches a registry: it is asked for an image that is not there. A daemon in a
 * virtual machine, as on macOS, has a loopback of its own.
 */
export async function canReachRegistry(
  { docker }: Daemon,
  host: string,
  password: string,
): Promise<boolean> {
  try {
    const stream = await docker.createImage(
      { username: 'AWS', password, serveraddress: host },
      { fromImage: `${host}/hyeon9mak-dev`, tag: 'no-such-tag' },
    );
    for await (const { error } of daemonLines(stream)) {
      if (error !== undefined) return REACHED.test(error);
    }
    return true;
  } catch (error) {
    return REACHED.test((error as Error).message);
  }
}
