import type { ClientHttp2Session } from 'node:http2';
import type { ContainerConfig } from '../engine/program.ts';
import { HEAD_BYTES, isNowhere } from '../engine/trace-start.ts';
import type { ImageFile } from '../engine/trace-start.ts';
import { callOnce } from './grpc-client.ts';
import { entries, fieldBytes, fields, message, text } from './protobuf.ts';
import type { Attributes } from './protobuf.ts';

/** An image that is built and not exported yet. */
export interface BuiltImage {
  /** As its config says, e.g. `linux/amd64`. */
  readonly platform: string;
  readonly config: ContainerConfig;
  /** Links are followed. */
  readonly read: (path: string) => Promise<ImageFile>;
}

/** Rejects if one of the images, of which there is one for each platform, must not be exported. */
export type Proof = (images: readonly BuiltImage[]) => Promise<void>;

const BRIDGE = 'moby.buildkit.v1.frontend.LLBBridge';

/**
 * Runs the frontend of Dockerfiles in a build whose `Control.Solve` names none, as buildx does
 * (docs/explanation/how-docker-behaves.md#builds-that-are-proven-before-they-are-exported). The build
 * is exported when the proof has resolved, and fails with it; rejects with the error of either.
 */
export async function runFrontend(
  client: ClientHttp2Session,
  { ref, frontend }: { readonly ref: string; readonly frontend: Attributes },
  prove: Proof,
  signal: AbortSignal,
): Promise<void> {
  const options = { signal, headers: { 'buildkit-controlapi-buildid': ref } };
  const call = (method: string, request: Uint8Array) =>
    callOnce(client, `${BRIDGE}/${method}`, request, options);
  try {
    // Results come as references, each with its definition, which later calls return as they are.
    const request = message([2, 'dockerfile.v0'], ...entries(3, frontend), [5, 1], [6, 1]);
    const result = fieldBytes(await call('Solve', request), 3);
    await prove(imagesIn(result, call));
    await call('Return', message([1, result]));
  } catch (error) {
    const status = message([1, UNKNOWN], [2, (error as Error).message]);
    await call('Return', message([2, status])).catch(() => undefined);
    throw error;
  }
}

/** gRPC's status without a meaning of its own. */
const UNKNOWN = 2;

type Bridge = (method: string, request: Uint8Array) => Promise<Buffer>;

/** The images of a moby.buildkit.v1.frontend.Result. */
function imagesIn(result: Uint8Array, call: Bridge): BuiltImage[] {
  const metadata = new Map<string, Uint8Array>();
  const refs: [platform: string, ref: string][] = [];
  for (const [number, value] of fields(result)) {
    if (typeof value === 'number') continue;
    if (number === 10) metadata.set(text(fieldBytes(value, 1)), fieldBytes(value, 2));
    if (number === 3) refs.push(['', text(fieldBytes(value, 1))]);
    if (number !== 4) continue;
    for (const [, entry] of fields(value)) {
      const [key, ref] = [fieldBytes(entry as Uint8Array, 1), fieldBytes(entry as Uint8Array, 2)];
      refs.push([text(key), text(fieldBytes(ref, 1))]);
    }
  }
  // An image without any file has no reference.
  const all = refs.length === 0 ? [['', ''] as const] : refs;
  return all.map(([platform, ref]) => {
    const key = 'containerimage.config';
    const source = metadata.get(`${key}/${platform}`) ?? metadata.get(key);
    const { os, architecture, config } = JSON.parse(text(source) || '{}') as ImageConfig;
    return {
      platform: `${os}/${architecture}`,
      config: config ?? {},
      read: async (path) => (ref === '' ? { kind: 'missing' } : readFile(call, ref, path)),
    };
  });
}

/** An image's config, as far as it is used. */
interface ImageConfig {
  readonly os: string;
  readonly architecture: string;
  readonly config?: ContainerConfig | null;
}

/** Bits of Go's `fs.FileMode` for all that is neither a file nor a folder. */
const SPECIAL = 0x0f_28_00_00;
const FOLDER = 2 ** 31;

async function readFile(call: Bridge, ref: string, path: string): Promise<ImageFile> {
  const stat = await call('StatFile', message([1, ref], [2, path])).catch((error: unknown) => {
    if (isNowhere((error as Error).message)) return undefined;
    throw error;
  });
  if (stat === undefined) return { kind: 'missing' };
  const mode = [...fields(fieldBytes(stat, 1))].find(([number]) => number === 2)?.[1];
  if (typeof mode !== 'number') return { kind: 'file', mode: 0, head: Buffer.alloc(0) };
  if (mode >= FOLDER) return { kind: 'folder' };
  if ((mode & SPECIAL) !== 0) return { kind: 'special' };
  const range = message([1, 0], [2, HEAD_BYTES]);
  const answer = await call('ReadFile', message([1, ref], [2, path], [3, range]));
  return { kind: 'file', mode: mode & 0o777, head: Buffer.from(fieldBytes(answer, 1)) };
}
