import type Docker from 'dockerode';

type Dial = (
  options: Readonly<Record<string, unknown>>,
  done: (error: Error | null, answer: unknown) => void,
) => void;

/** One request to the Engine's API, with docker-modem's options, which dockerode's types lack. */
export function callEngine<Answer>(
  docker: Docker,
  options: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const { modem } = docker as unknown as { modem: { dial: Dial } };
  return new Promise((resolve, reject) => {
    modem.dial(options, (error, answer) => {
      if (error) reject(error);
      else resolve(answer as Answer);
    });
  });
}

/** Whether a version of the Engine's API, e.g. `1.41`, is the other one or newer. */
export function isAtLeast(version: string, other: string): boolean {
  const [[major = 0, minor = 0] = [], [otherMajor = 0, otherMinor = 0] = []] = [version, other].map(
    (text) => text.split('.').map(Number),
  );
  return major === otherMajor ? minor >= otherMinor : major > otherMajor;
}

/** A platform such as `linux/amd64` as the `platform` parameter of the Engine's image calls. */
export function platformParameter(platform: string): string {
  const [os, architecture] = platform.split('/');
  return JSON.stringify({ os, architecture });
}
