import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EcsDeployError } from '../../errors.ts';
import { runProcess } from '../../processes.ts';
import { configFolder } from './endpoint.ts';
import type { Environment } from './endpoint.ts';

/** Credentials for a registry. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

interface DockerConfig {
  readonly auths?: Readonly<
    Record<string, { readonly auth?: string; readonly identitytoken?: string }>
  >;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/** Docker Hub has several host names; Docker stores its login under this key. */
const HUB_KEY = 'https://index.docker.io/v1/';
const HUB_HOSTS = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** The user name that marks an identity token in place of a password. */
const TOKEN_USER = '<token>';

/**
 * The user's own login for a registry host, from where Docker stores it: `DOCKER_AUTH_CONFIG`, a
 * credential helper, the credential store, `auths`. Undefined when there is none.
 */
export async function userLogin(
  environment: Environment,
  host: string,
): Promise<Login | undefined> {
  const fromVariable = parseConfig(environment['DOCKER_AUTH_CONFIG'] ?? '');
  const config = parseConfig(readConfig(configFolder(environment)));
  const key = loginKey(host);
  const helper = config.credHelpers?.[key] ?? config.credsStore;
  return (
    fromAuths(fromVariable, key) ??
    (helper === undefined ? undefined : await askHelper(helper, key)) ??
    fromAuths(config, key)
  );
}

/** The key under which Docker stores the login for a registry host. */
export function loginKey(host: string): string {
  return HUB_HOSTS.has(host) ? HUB_KEY : host;
}

function fromAuths({ auths = {} }: DockerConfig, key: string): Login | undefined {
  const bare = (name: string) => name.replace(/^https?:\/\//, '').replace(/\/$/, '');
  const entry = Object.entries(auths).find(([name]) => bare(name) === bare(key))?.[1];
  if (entry?.identitytoken) return { username: TOKEN_USER, password: entry.identitytoken };
  if (!entry?.auth) return undefined;
  const decoded = Buffer.from(entry.auth, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** Runs `docker-credential-NAME get`; undefined when the helper is missing or has no login. */
async function askHelper(name: string, key: string): Promise<Login | undefined> {
  try {
    const { status, stdout } = await runProcess({
      command: `docker-credential-${name}`,
      args: ['get'],
      directory: '.',
      input: key,
    });
    if (status !== 0) return undefined;
    const { Username, Secret } = JSON.parse(stdout) as { Username: string; Secret: string };
    return { username: Username, password: Secret };
  } catch {
    return undefined;
  }
}

function readConfig(folder: string): string {
  try {
    return readFileSync(join(folder, 'config.json'), 'utf8');
  } catch {
    return '';
  }
}

function parseConfig(source: string): DockerConfig {
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
