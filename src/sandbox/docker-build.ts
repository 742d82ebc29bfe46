import { posix } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { commandForm, keyValues, parseDockerfile, substitute, words } from './dockerfile.ts';
import type { Instruction } from './dockerfile.ts';
import { digestOf } from './registry.ts';

/** An entry of a build context or of a layer. */
interface Entry {
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly content: Buffer;
  readonly linkname: string;
}

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
  Env: string[];
  Entrypoint?: readonly string[];
  Cmd?: readonly string[];
  ExposedPorts?: Record<string, object>;
  Labels?: Record<string, string>;
  WorkingDir: string;
  User: string;
}

/** What to build. */
export interface StandInBuild {
  /** Tar of the context. */
  readonly context: NodeJS.ReadableStream;
  readonly dockerfile: string;
  readonly platform: string;
  readonly args: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string | undefined;
  readonly noCache: boolean;
}

/** One step that was done, for the progress. */
export interface BuildStep {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  readonly error?: string;
}

/** A failure of the build itself, in BuildKit's words. */
class BuildFailure extends Error {}

interface Stage {
  readonly name: string | undefined;
  readonly platform: string;
  readonly settings: ImageSettings;
  readonly layers: Layer[];
  readonly history: { readonly created_by: string; readonly empty_layer?: true }[];
  readonly tree: Map<string, Entry>;
  key: string;
}

/** Builds an image of `FROM scratch` stages; every step done before is told as cached. */
export async function buildFromScratch(
  build: StandInBuild,
  cache: Set<string>,
  onStep: (step: BuildStep) => void,
): Promise<BuiltImage> {
  const context = await readTar(build.context);
  const dockerfile = context.get(build.dockerfile);
  if (dockerfile === undefined) {
    throw new BuildFailure(
      `failed to read dockerfile: open ${build.dockerfile}: no such file or directory`,
    );
  }
  const instructions = parseDockerfile(dockerfile.content.toString('utf8'));
  const total = instructions.filter(({ name }) => /^(COPY|ADD|WORKDIR)$/.test(name)).length;
  const stages: Stage[] = [];
  const global: Record<string, string> = {};
  let local: Record<string, string> = {};
  let count = 0;
  for (const instruction of instructions) {
    const { name, text, line } = instruction;
    const stage = stages.at(-1);
    if (name === 'ARG') {
      const [[key, value] = ['', '']] = keyValues(text);
      const given =
        build.args[key] ?? (text.includes('=') ? substitute(value, local) : global[key]);
      (stage === undefined ? global : local)[key] = given ?? '';
      continue;
    }
    if (name === 'FROM') {
      if (stage?.name !== undefined && stage.name === build.target) break;
      stages.push(startStage(substitute(text, global), build.platform, line));
      local = {};
      continue;
    }
    if (stage === undefined) throw new BuildFailure('no build stage in current context');
    const variables = { ...local, ...Object.fromEntries(stage.settings.Env.map(splitEnv)) };
    const resolved = /^(CMD|ENTRYPOINT)$/.test(name) ? text : substitute(text, variables);
    const isStep = /^(COPY|ADD|WORKDIR)$/.test(name);
    if (isStep) count += 1;
    const label = `[${count}/${total}] ${name} ${text}`;
    try {
      await apply({ ...instruction, text: resolved }, stage, stages, context);
    } catch (error) {
      onStep({
        digest: digestOf(label),
        name: label,
        cached: false,
        error: (error as Error).message,
      });
      throw error;
    }
    stage.key = digestOf(`${stage.key}\n${name} ${resolved}\n${stage.layers.at(-1)?.diffId ?? ''}`);
    if (isStep)
      onStep({ digest: stage.key, name: label, cached: cache.has(stage.key) && !build.noCache });
    cache.add(stage.key);
  }
  const last = stages.at(-1);
  if (last === undefined) throw new BuildFailure('the Dockerfile has no FROM');
  if (build.target !== undefined && last.name !== build.target) {
    throw new BuildFailure(`target stage "${build.target}" could not be found`);
  }
  return finishImage(last, build.labels);
}

function startStage(text: string, platform: string, line: number): Stage {
  const [, flag, base = '', name] =
    /^(?:--platform=(\S+)\s+)?(\S+)(?:\s+AS\s+(\S+))?$/i.exec(text.trim()) ?? [];
  if (base !== 'scratch') refuse(`FROM ${base}`, line);
  return {
    name: name?.toLowerCase(),
    platform: flag === undefined || flag.startsWith('$') ? platform : flag,
    settings: { Env: [], WorkingDir: '', User: '' },
    layers: [],
    history: [],
    tree: new Map(),
    key: flag ?? platform,
  };
}

function refuse(what: string, line: number): never {
  throw new BuildFailure(
    `the sandbox's stand-in for Docker knows no ${what} (Dockerfile line ${line}): it builds FROM scratch with COPY, ADD, ARG, ENV, CMD, ENTRYPOINT, EXPOSE, LABEL, WORKDIR and USER; start a Docker daemon to build this`,
  );
}

async function apply(
  { name, text, line }: Instruction,
  stage: Stage,
  stages: readonly Stage[],
  context: Tree,
): Promise<void> {
  const { settings } = stage;
  const note = { created_by: `${name} ${text}` };
  switch (name) {
    case 'ENV':
      for (const [key, value] of keyValues(text)) {
        settings.Env = [
          ...settings.Env.filter((item) => splitEnv(item)[0] !== key),
          `${key}=${value}`,
        ];
      }
      break;
    case 'CMD':
      settings.Cmd = commandForm(text);
      break;
    case 'ENTRYPOINT':
      settings.Entrypoint = commandForm(text);
      break;
    case 'EXPOSE':
      for (const port of words(text)) {
        settings.ExposedPorts = {
          ...settings.ExposedPorts,
          [port.includes('/') ? port : `${port}/tcp`]: {},
        };
      }
      break;
    case 'LABEL':
      settings.Labels = { ...settings.Labels, ...Object.fromEntries(keyValues(text)) };
      break;
    case 'USER':
      settings.User = text;
      break;
    case 'WORKDIR':
      settings.WorkingDir = posix.resolve('/', settings.WorkingDir, text);
      break;
    case 'COPY':
    case 'ADD': {
      stage.history.push(note);
      await copy(text, line, stage, stages, context);
      return;
    }
    default:
      refuse(name, line);
  }
  stage.history.push({ ...note, empty_layer: true });
}

async function copy(
  text: string,
  line: number,
  stage: Stage,
  stages: readonly Stage[],
  context: Tree,
): Promise<void> {
  const flags = /^(?:--\S+\s+)*/.exec(text)?.[0] ?? '';
  const from = /--from=(\S+)/.exec(flags)?.[1];
  const mode = /--chmod=([0-7]+)/.exec(flags)?.[1];
  const source =
    from === undefined
      ? context
      : stages.find((item, index) => item.name === from.toLowerCase() || String(index) === from)
          ?.tree;
  if (source === undefined || source === stage.tree) refuse(`COPY --from=${from}`, line);
  const paths = words(text.slice(flags.length));
  const target = paths.at(-1) ?? '';
  const sources = paths.slice(0, -1);
  if (sources.some((path) => path.startsWith('<<') || /^https?:/.test(path)))
    refuse('COPY of such a source', line);
  const isFolder = /\/$|^\.$/.test(target) || sources.length > 1;
  const base = posix.resolve('/', stage.settings.WorkingDir, target).slice(1);
  const made = new Map<string, Entry>();
  for (const path of sources) {
    for (const [name, entry] of select(source, path, base, isFolder)) {
      made.set(name, mode === undefined ? entry : { ...entry, mode: Number.parseInt(mode, 8) });
    }
  }
  for (const [name, entry] of made) stage.tree.set(name, entry);
  stage.layers.push(await makeLayer(made));
}

/** The entries that one source of a COPY names, under the names they get. */
function select(source: Tree, path: string, base: string, isFolder: boolean): [string, Entry][] {
  const wanted = posix.normalize(path).replace(/^\/+|\/+$/g, '');
  const everything = wanted === '.' || wanted === '';
  const pattern = new RegExp(
    `^${wanted
      .replaceAll(/[.+^${}()|\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]')}$`,
  );
  const tops = everything ? [''] : [...source.keys()].filter((name) => pattern.test(name));
  const isGlob = /[*?]/.test(wanted);
  if (tops.length === 0) {
    throw new BuildFailure(
      `failed to compute cache key: failed to calculate checksum of ref stand-in::context: "/${wanted}": not found`,
    );
  }
  return tops.flatMap((top) => {
    const own = source.get(top);
    if (own !== undefined && own.type !== 'directory') {
      const into = isFolder || isGlob ? posix.join(base, posix.basename(top)) : base;
      return [[into, own] as [string, Entry]];
    }
    return [...source]
      .filter(([name]) => top === '' || name.startsWith(`${top}/`))
      .map(([name, entry]): [string, Entry] => [
        posix.join(base, top === '' ? name : name.slice(top.length + 1)),
        entry,
      ]);
  });
}

async function makeLayer(tree: Tree): Promise<Layer> {
  const archive = pack();
  for (const name of [...tree.keys()].toSorted()) {
    const entry = tree.get(name);
    if (entry === undefined) continue;
    const { type, mode, content, linkname } = entry;
    const header = {
      name: type === 'directory' ? `${name}/` : name,
      mode,
      mtime: new Date(0),
      type,
    };
    if (type === 'file') archive.entry(header, content);
    else archive.entry(type === 'symlink' ? { ...header, linkname } : header);
  }
  archive.finalize();
  const tar = await buffer(archive);
  const bytes = gzipSync(tar);
  return { diffId: digestOf(tar), bytes, digest: digestOf(bytes) };
}

function finishImage(stage: Stage, labels: Readonly<Record<string, string>>): BuiltImage {
  const [os = 'linux', architecture = 'amd64'] = stage.platform.split('/');
  const settings = { ...stage.settings, Labels: { ...stage.settings.Labels, ...labels } };
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os,
      created: new Date(0).toISOString(),
      config: settings,
      rootfs: { type: 'layers', diff_ids: stage.layers.map(({ diffId }) => diffId) },
      history: stage.history,
    }),
  );
  return { id: digestOf(config), os, architecture, config, settings, layers: stage.layers };
}

async function readTar(stream: NodeJS.ReadableStream): Promise<Tree> {
  const tree = new Map<string, Entry>();
  const reader = extract();
  stream.on('error', (error) => reader.destroy(error));
  stream.pipe(reader);
  for await (const entry of reader) {
    const { name, type, mode, linkname } = entry.header;
    const content = await buffer(entry);
    tree.set(name.replace(/\/$/, ''), {
      type: type === 'directory' || type === 'symlink' ? type : 'file',
      mode,
      content,
      linkname: linkname ?? '',
    });
  }
  return tree;
}

function splitEnv(item: string): readonly [string, string] {
  const equals = item.indexOf('=');
  return [item.slice(0, equals), item.slice(equals + 1)];
}
