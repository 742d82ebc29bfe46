import { setTimeout as sleep } from 'node:timers/promises';
import { EcsDeployError } from '../../errors.ts';
import type { Emit, LayerProgress } from '../../events.ts';
import { callEngine, isAtLeast, platformParameter } from './api.ts';
import type { Daemon } from './daemon.ts';
import { daemonLines } from './lines.ts';
import type { DaemonLine } from './lines.ts';
import type { Login } from './logins.ts';
import { isPushFinal } from './registry-answers.ts';
import { isConnectionLost } from './unavailable.ts';

/** What to push where, and with which login. */
export interface PushRequest {
  /** `registry/repository`, without a tag. */
  readonly repository: string;
  readonly tag: string;
  readonly platform: string;
  /** Milliseconds before the first retry; three times as many before each further one. */
  readonly pause: number;
  /** Called before each attempt, so that an expired token is renewed. */
  readonly login: () => Promise<Login>;
}

/** A pushed image. */
export interface Pushed {
  /** Of the manifest, as the registry received it. */
  readonly digest: string;
  readonly layers: readonly LayerProgress[];
}

/** Attempts after the first. */
const RETRIES = 3;

/** Pushes one tag and retries when the registry or the network fails; throws `push-failed`. */
export async function pushImage(
  daemon: Daemon,
  request: PushRequest,
  emit: Emit,
  signal: AbortSignal,
): Promise<Pushed> {
  const layers = new Map<string, LayerProgress>();
  for (let retry = 0; ; retry += 1) {
    try {
      const digest = await pushOnce(daemon, request, layers, emit, signal);
      return { digest, layers: [...layers.values()] };
    } catch (error) {
      // An EcsDeployError is AWS refusing the login.
      if (signal.aborted || isConnectionLost(error) || error instanceof EcsDeployError) throw error;
      const message = (error as Error).message;
      if (retry === RETRIES || isPushFinal(message)) throw pushFailed(request, message, error);
      emit({
        kind: 'warning',
        message: `The push failed (${message}); retry ${retry + 1} of ${RETRIES} follows.`,
      });
      await sleep(request.pause * 3 ** retry * (0.5 + Math.random()), undefined, { signal });
    }
  }
}

async function pushOnce(
  { docker, apiVersion }: Daemon,
  { repository, tag, platform, login }: PushRequest,
  layers: Map<string, LayerProgress>,
  emit: Emit,
  signal: AbortSignal,
): Promise<string> {
  const { username, password } = await login();
  const serveraddress = repository.split('/', 1)[0] ?? '';
  const stream = await callEngine<NodeJS.ReadableStream>(docker, {
    path: `/images/${repository}/push?`,
    method: 'POST',
    options: {
      tag,
      // Older daemons ignore it; newer ones push only this platform, or refuse
      // (docs/explanation/how-docker-behaves.md#what-a-push-answers).
      ...(isAtLeast(apiVersion, '1.46') && { platform: platformParameter(platform) }),
    },
    authconfig: { username, password, serveraddress },
    abortSignal: signal,
    isStream: true,
    statusCodes: { 200: true, 404: 'no such image', 500: 'server error' },
  });
  return readPush(stream, layers, () => {
    emit({ kind: 'push-progress', layers: [...layers.values()] });
  });
}

/** Follows the layers to the digest of the manifest. */
async function readPush(
  stream: NodeJS.ReadableStream,
  layers: Map<string, LayerProgress>,
  report: () => void,
): Promise<string> {
  let digest: string | undefined;
  let failure: string | undefined;
  for await (const line of daemonLines(stream)) {
    failure ??= line.errorDetail?.message ?? line.error;
    // The status line is the only place where every image store gives the digest.
    digest ??= /: digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(line.status ?? '')?.[1];
    const layer = layerOf(line);
    if (layer === undefined) continue;
    layers.set(layer.id, advanceLayer(layers.get(layer.id), layer));
    report();
  }
  if (failure !== undefined) throw new Error(failure);
  if (digest === undefined) throw new Error('the daemon ended the push without a digest');
  return digest;
}

/**
 * A layer after what the daemon says of it now. It only ever advances: the last line of a layer has
 * no bytes, and a retry begins from nothing.
 */
export function advanceLayer(before: LayerProgress | undefined, now: LayerProgress): LayerProgress {
  const isThere = now.state === 'pushed' || now.state === 'exists';
  const current = Math.max(before?.current ?? 0, now.current, isThere ? (before?.total ?? 0) : 0);
  const isSized = isThere || now.total !== undefined || before?.total !== undefined;
  const total = isSized
    ? Math.max(current, before?.total ?? 0, isThere ? 0 : (now.total ?? 0))
    : undefined;
  const wasPushed = before?.state === 'pushed' || (before?.state === 'pushing' && isThere);
  const state = wasPushed ? 'pushed' : before?.state === 'exists' ? 'exists' : now.state;
  return { id: now.id, current, total, state };
}

function layerOf({ id, status, progressDetail }: DaemonLine): LayerProgress | undefined {
  if (id === undefined) return undefined;
  const { current = 0, total } = progressDetail ?? {};
  if (status === 'Preparing' || status === 'Waiting') {
    return { id, current: 0, total: undefined, state: 'waiting' };
  }
  if (status === 'Pushing') return { id, current, total, state: 'pushing' };
  if (status === 'Pushed') return { id, current, total, state: 'pushed' };
  if (status?.includes('already exists') || status?.startsWith('Mounted from')) {
    return { id, current: 0, total: 0, state: 'exists' };
  }
  return undefined;
}

function pushFailed(
  { repository, tag }: PushRequest,
  message: string,
  cause: unknown,
): EcsDeployError {
  return new EcsDeployError({
    code: 'push-failed',
    message: `Cannot push ${repository}:${tag}: ${message}`,
    hint: hintFor(message),
    cause,
  });
}

function hintFor(message: string): string {
  if (/name unknown|repository with name/.test(message))
    return 'create it with --create-repository';
  if (/immutable/.test(message)) {
    return 'the tag belongs to another image and cannot be overwritten: choose another with --tag';
  }
  if (/denied|not authorized|authentication|credentials/i.test(message)) {
    return 'the policy needs ecr:BatchCheckLayerAvailability, InitiateLayerUpload, UploadLayerPart, CompleteLayerUpload and PutImage on the repository';
  }
  if (/limit ?exceeded/i.test(message)) {
    return 'a quota of ECR is reached: delete images or tags that are not needed, or raise it in Service Quotas';
  }
  if (/\b413 /.test(message)) {
    return 'a proxy between the Docker daemon and the registry refuses layers of this size: raise its limit, or make the layer smaller';
  }
  if (/\b4\d\d /.test(message)) {
    return 'check whether a proxy between the Docker daemon and the registry gave this answer';
  }
  return 'check that the Docker daemon can reach the registry: the daemon makes the connection';
}
