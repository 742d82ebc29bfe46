import { posix } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import {
  commandForm,
  keyValues,
  parseDockerfile,
  splitPair,
  substitute,
  words,
} from './dockerfile.ts';
import type { Instruction, Variables } from './dockerfile.ts';
import { digestOf } from './registry.ts';

/** An entry of a build context or of a layer. */
interface Entry {
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly content: Buffer;
  readonly linkname: string;
}

/** Entries by path, without a leading slash; folders have theirs before or after what is in them. */
type Tree = ReadonlyMap<string, Entry>;

/** A layer with its digests. */
export interface Layer {
  readonly diffId: string;
  /** Compressed, as it is pushed. */
  readonly bytes: Buffer;
  readonly digest: string;
}

/** An image the stand-in has built. */
export interface BuiltImage {
  /** Digest of the config. */
  readonly id: string;
  readonly os: string;
  readonly architecture: string;
  readonly config: Buffer;
  readonly settings: ImageSettings;
  readonly layers: readonly Layer[];
}

/** The part of an image's config that instructions set. */
export interface ImageSettings {
  readonly Env: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly WorkingDir: string;
  readonly User: string;
}

/** What to build. */
export interface StandInBuild {
  /** Tar of the context, uncompressed. */
  readonly context: NodeJS.ReadableStream;
  readonly dockerfile: string;
  readonly platform: string;
  readonly args: Variables;
  readonly labels: Readonly<Record<string, string>>;
  /** Name or number of the stage to build; the last one when undefined. */
  readonly target: string | undefined;
  readonly noCache: boolean;
  /** Ends the build before its next instruction. */
  readonly signal: AbortSignal;
}

/** One step that was done, for the progress. */
export interface BuildStep {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  readonly error?: string;
}

interface Stage {
  readonly name: string | undefined;
  readonly platform: string;
  /** How its steps are introduced, e.g. `build 1/2`. */
  readonly nextStep: () => string;
  readonly layers: Layer[];
  readonly history: { readonly created_by: string; readonly empty_layer?: true }[];
  readonly tree: Map<string, Entry>;
  settings: ImageSettings;
  /** Digest of everything so far. */
  key: string;
}

/** An instruction with what it needs of the build. */
interface Step extends Instruction {
  readonly stage: Stage;
  readonly stages: readonly Stage[];
  readonly context: Tree;
  readonly variables: Variables;
}

const STEP = /^(ADD|COPY|RUN|WORKDIR)$/;
const EXPANDED = /^(ADD|COPY|ENV|EXPOSE|LABEL|USER|WORKDIR)$/;
const FOLDER: Entry = { type: 'directory', mode: 0o755, content: Buffer.alloc(0), linkname: '' };
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Builds an image of `FROM scratch` stages; every step done before is told as cached. */
export async function buildFromScratch(
  build: StandInBuild,
  cache: Set<string>,
  onStep: (step: BuildStep) => void,
): Promise<BuiltImage> {
  const { args, platform, signal, target } = build;
  const context = await readTar(build.context);
  const dockerfile = context.get(inTree(build.dockerfile));
  if (dockerfile === undefined) {
    throw new Error(
      `failed to read dockerfile: open ${build.dockerfile}: no such file or directory`,
    );
  }
  const instructions = parseDockerfile(dockerfile.content.toString('utf8'));
  const stages: Stage[] = [];
  const global = platformArguments(platform);
  let local: Record<string, string> = {};
  for (const [index, instruction] of instructions.entries()) {
    // Lets the progress out and the news in that the client has gone.
    await setImmediate(undefined, { signal });
    const { name, text, line } = instruction;
    const stage = stages.at(-1);
    if (name === 'FROM') {
      if (stage !== undefined && stage === findStage(stages, target)) break;
      const nextStep = stepNames(instructions, index, stages.length);
      stages.push(startStage(substitute(text, global), platform, nextStep, line));
      local = {};
      continue;
    }
    const environment = Object.fromEntries((stage?.settings.Env ?? []).map(splitPair));
    const variables = { ...(stage === undefined ? global : local), ...environment };
    if (name === 'ARG') {
      for (const [key, value] of words(text, variables).map(splitPair)) {
        const given = args[key] ?? value ?? global[key];
        if (given !== undefined) (stage === undefined ? global : local)[key] = given;
      }
      continue;
    }
    if (stage === undefined) {
      throw new Error(`dockerfile parse error on line ${line}: no build stage in current context`);
    }
    const label = `${stage.nextStep(name)} ${name} ${text}`;
    try {
      const done = EXPANDED.test(name) ? `${name} ${substitute(text, variables)}` : `${name} ${text}`;
      const layer = await apply({ ...instruction, stage, stages, context, variables });
      if (layer !== undefined) stage.layers.push(layer);
      stage.history.push({ created_by: done, ...(layer === undefined && { empty_layer: true }) });
      stage.key = digestOf(`${stage.key}\n${done}\n${layer?.diffId ?? ''}`);
    } catch (error) {
      const { message } = error as Error;
      onStep({ digest: digestOf(label), name: label, cached: false, error: message });
      throw error;
    }
    const cached = cache.has(stage.key) && !build.noCache;
    if (STEP.test(name)) onStep({ digest: stage.key, name: label, cached });
    cache.add(stage.key);
  }
  const last = target === undefined ? stages.at(-1) : findStage(stages, target);
  if (last === undefined) {
    throw new Error(
      target === undefined
        ? 'the Dockerfile has no FROM'
        : `target stage "${target}" could not be found`,
    );
  }
  return finishImage(last, build.labels);
}
