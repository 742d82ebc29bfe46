import type { Daemon } from './daemon.ts';

type Dial = (
  options: Readonly<Record<string, unknown>>,
  done: (error: Error | null, stream: unknown) => void,
) => void;

/** docker-modem's one call as a promise; dockerode's own types lack what is used of it here. */
export function dial<Stream>(
  docker: Daemon['docker'],
  options: Readonly<Record<string, unknown>>,
): Promise<Stream> {
  const { modem } = docker as unknown as { modem: { dial: Dial } };
  return new Promise((resolve, reject) => {
    modem.dial(options, (error, stream) => {
      if (error) reject(error);
      else resolve(stream as Stream);
    });
  });
}
