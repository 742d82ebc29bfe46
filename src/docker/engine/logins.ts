import { runProcess } from '../../processes.ts';
import { parseConfig, readDockerConfig } from './docker-config.ts';
import type { DockerConfig } from './docker-config.ts';
import type { Environment } from './endpoint.ts';

/** Credentials for a registry. */
export interface Login {
  /** {@link TOKEN_USER} if the password is an identity token. */
  readonly username: string;
  readonly password: string;
}

/** Docker Hub has several host names; Docker stores its login under this key. */
const HUB_KEY = 'https://index.docker.io/v1/';
const HUB_HOSTS = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** The user name that marks an identity token in place of a password. */
export const TOKEN_USER = '<token>';

/** How a credential helper is run. */
export interface HelperRun {
  readonly signal: AbortSignal;
  /** Gets why a helper gave no login, without anything that it wrote to stdout. */
  readonly warn: (problem: string) => void;
  /** Milliseconds that it gets. */
  readonly limit?: number;
}

/** Milliseconds for a helper, which may ask for a password in a window. */
const HELPER_LIMIT = 60_000;

/**
 * The user's own login for a registry host, from where Docker stores it: `DOCKER_AUTH_CONFIG`, a
 * credential helper, the credential store, `auths`. Undefined when there is none.
 */
export async function userLogin(
  environment: Environment,
  host: string,
  run: HelperRun,
): Promise<Login | undefined> {
  const fromVariable = parseConfig(environment['DOCKER_AUTH_CONFIG'] ?? '');
  const config = readDockerConfig(environment);
  const key = loginKey(host);
  const helper = config.credHelpers?.[key] ?? config.credsStore;
  return (
    fromAuths(fromVariable, key) ??
    (helper === undefined || helper === '' ? undefined : await askHelper(helper, key, run)) ??
    fromAuths(config, key)
  );
}

/** The key under which Docker stores the login for a registry host. */
export function loginKey(host: string): string {
  return HUB_HOSTS.has(host) ? HUB_KEY : host;
}

/** Docker compares the host alone where no key is exactly the same. */
const hostOf = (key: string) => key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');

function fromAuths({ auths = {} }: DockerConfig, key: string): Login | undefined {
  const entry =
    auths[key] ?? Object.entries(auths).find(([name]) => hostOf(name) === hostOf(key))?.[1];
  if (entry?.identitytoken) return { username: TOKEN_USER, password: entry.identitytoken };
  const { auth, username, password } = entry ?? {};
  if (!auth) return username && password ? { username, password } : undefined;
  const decoded = Buffer.from(auth, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  // Some tools pad the password with zeros.
  return {
    username: decoded.slice(0, colon),
    password: decoded.slice(colon + 1).replace(/\0+$/, ''),
  };
}

/** Runs `docker-credential-NAME get`; undefined when it has no login, or fails with a warning. */
async function askHelper(
  name: string,
  key: string,
  { signal, warn, limit = HELPER_LIMIT }: HelperRun,
): Promise<Login | undefined> {
  const command = `docker-credential-${name}`;
  const fail = (problem: string) => {
    warn(`The credential helper ${command} gave no login for ${hostOf(key)}: ${problem}.`);
    return undefined;
  };
  const expiry = AbortSignal.timeout(limit);
  try {
    const { status, stdout, tail } = await runProcess({
      command,
      args: ['get'],
      directory: '.',
      input: key,
      signal: AbortSignal.any([signal, expiry]),
    });
    if (status === 0) return parseAnswer(stdout) ?? fail('its answer is not a login in JSON');
    const said = tail.join(' ');
    if (/credentials not found/i.test(said)) return undefined;
    return fail(`it ended with ${status === null ? 'a signal' : `status ${status}`}: ${said}`);
  } catch (error) {
    signal.throwIfAborted();
    if (expiry.aborted) return fail(`it did not answer within ${limit / 1000} s`);
    const { code, message } = error as NodeJS.ErrnoException;
    return fail(code === 'ENOENT' ? 'it is not installed, or not in PATH' : message);
  }
}

function parseAnswer(stdout: string): Login | undefined {
  try {
    const { Username, Secret } = JSON.parse(stdout) as { Username?: unknown; Secret?: unknown };
    if (typeof Username !== 'string' || typeof Secret !== 'string') return undefined;
    return { username: Username, password: Secret };
  } catch {
    return undefined;
  }
}
