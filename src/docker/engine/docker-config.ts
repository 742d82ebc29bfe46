import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EcsDeployError } from '../../errors.ts';
import { configFolder } from './endpoint.ts';
import type { Environment } from './endpoint.ts';

/** A login as Docker stores it. */
export interface StoredLogin {
  /** `user:password` in base64. */
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

/** The members of Docker's config.json that are used here. */
export interface DockerConfig {
  readonly auths?: Readonly<Record<string, StoredLogin>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
  /** Proxies of builds, by the daemon's address or `default`. */
  readonly proxies?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Docker's configuration; empty without one. Throws `docker-unsuitable` if it is not JSON. */
export function readDockerConfig(environment: Environment): DockerConfig {
  return parseConfig(readConfig(configFolder(environment)));
}

function readConfig(folder: string): string {
  try {
    return readFileSync(join(folder, 'config.json'), 'utf8');
  } catch {
    return '';
  }
}

/** Parses a config.json; throws `docker-unsuitable`. */
export function parseConfig(source: string): DockerConfig {
  try {
    return source === '' ? {} : (JSON.parse(source) as DockerConfig);
  } catch (error) {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `Docker's configuration is not valid JSON: ${(error as Error).message}`,
      hint: 'fix config.json in ~/.docker (or DOCKER_CONFIG), or DOCKER_AUTH_CONFIG',
      cause: error,
    });
  }
}

/** The build arguments that each proxy setting gives (docker/cli `ParseProxyConfig`). */
const PROXIES: Readonly<Record<string, string>> = {
  httpProxy: 'HTTP_PROXY',
  httpsProxy: 'HTTPS_PROXY',
  noProxy: 'NO_PROXY',
  ftpProxy: 'FTP_PROXY',
  allProxy: 'ALL_PROXY',
};

/** Build arguments for the proxies of a daemon, in upper and lower case; BuildKit keeps them out of images. */
export function proxyArguments(
  environment: Environment,
  daemon: string,
): Readonly<Record<string, string>> {
  const { proxies = {} } = readDockerConfig(environment);
  const own = proxies[daemon] ?? proxies['default'] ?? {};
  return Object.fromEntries(
    Object.entries(PROXIES).flatMap(([setting, name]) => {
      const value = own[setting];
      if (typeof value !== 'string' || value === '') return [];
      return [
        [name, value],
        [name.toLowerCase(), value],
      ];
    }),
  );
}
