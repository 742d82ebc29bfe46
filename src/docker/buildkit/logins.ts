import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EcsDeployError } from '../../errors.ts';
import { runProcess } from '../../processes.ts';
import { configFolder } from '../engine/endpoint.ts';

/** What opens a registry. */
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

/** Docker Hub answers under several names and keeps its login under this one. */
const HUB_KEY = 'https://index.docker.io/v1/';
const HUB_HOSTS = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** The name under which docker stores an identity token instead of a password. */
const TOKEN_USER = '<token>';

/**
 * The user's own login for a registry host, from where docker keeps it: `DOCKER_AUTH_CONFIG`, a
 * credential helper, the credential store, `auths`. Undefined where there is none.
 */
export async function userLogin(
  environment: Readonly<Record<string, string | undefined>>,
  host: string,
): Promise<Login | undefined> {
  const given = parseConfig(environment['DOCKER_AUTH_CONFIG'] ?? '');
  const config = parseConfig(readConfig(configFolder(environment)));
  const key = loginKey(host);
  const helper = config.credHelpers?.[key] ?? config.credsStore;
  return (
    fromAuths(given, key) ??
    (helper === undefined ? undefined : await askHelper(helper, key)) ??
    fromAuths(config, key)
  );
}

/** The name under which docker keeps the login for a registry host. */
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

/** Asks `docker-credential-NAME get`; a helper that is missing or knows nothing is no error. */
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
      message: `Docker's configuration is no JSON: ${(error as Error).message}`,
      hint: 'mend config.json in ~/.docker (or DOCKER_CONFIG), or DOCKER_AUTH_CONFIG',
      cause: error,
    });
  }
}
