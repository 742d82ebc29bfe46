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

/** Entries by path (no leading or trailing slash); every folder has an entry. */
type Tree = ReadonlyMap<string, Entry>;

export interface Layer {
  readonly diffId: string;
  /** Compressed with gzip, as it is pushed. */
  readonly bytes: Buffer;
  readonly digest: string;
}

/** An image that the stand-in has built. */
export interface BuiltImage {
  /** Digest of the image config. */
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

export interface StandInBuild {
  /** The context as an uncompressed tar archive. */
  readonly context: NodeJS.ReadableStream;
  readonly dockerfile: string;
  readonly platform: string;
  readonly args: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Name or number of the stage to build; the last one when undefined. */
  readonly target: string | undefined;
  readonly noCache: boolean;
  /** Aborts the build before the next instruction. */
  readonly signal: AbortSignal;
}

/** One completed or failed step, for the progress output. */
export interface BuildStep {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  readonly error?: string;
}

interface Stage {
  readonly name: string | undefined;
  readonly platform: string;
  /** Number of steps in total. */
  readonly steps: number;
  readonly layers: Layer[];
  readonly history: { readonly created_by: string; readonly empty_layer?: true }[];
  readonly tree: Map<string, Entry>;
  settings: ImageSettings;
  /** Number of the current step, from 1. */
  step: number;
  /** Cache key: digest of all instructions and layers so far. */
  key: string;
}

interface Step extends Instruction {
  readonly stage: Stage;
  readonly stages: readonly Stage[];
  readonly context: Tree;
  readonly variables: Variables;
}

const EXPANDED = /^(ADD|COPY|ENV|EXPOSE|LABEL|USER|WORKDIR)$/;
const FOLDER: Entry = { type: 'directory', mode: 0o755, content: Buffer.alloc(0), linkname: '' };
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const isStep = ({ name }: Instruction) => /^(ADD|COPY|RUN|WORKDIR)$/.test(name);

/**
 * Builds an image of `FROM scratch` stages; a step whose key is in `cache` is reported as cached.
 *
 * Throws an `Error` with BuildKit's text, or one that names an unsupported instruction and its line.
 */
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
    // Lets pending progress be sent and a disconnect of the client be noticed.
    await setImmediate(undefined, { signal });
    const { name, text, line } = instruction;
    const stage = stages.at(-1);
    if (name === 'FROM') {
      if (stage !== undefined && stage === findStage(stages, target)) break;
      const own = instructions.slice(index + 1);
      const end = own.findIndex((next) => next.name === 'FROM');
      const steps = own.slice(0, end === -1 ? undefined : end).filter(isStep).length;
      stages.push(startStage(substitute(text, global), platform, steps, line));
      local = {};
      continue;
    }
    const variables = stage === undefined ? global : { ...local, ...environmentOf(stage.settings) };
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
    if (isStep(instruction)) stage.step += 1;
    const prefix = stage.name === undefined ? '' : `${stage.name} `;
    const label = `[${prefix}${stage.step}/${stage.steps}] ${name} ${text}`;
    try {
      const done = `${name} ${EXPANDED.test(name) ? words(text, variables).join(' ') : text}`;
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
    if (isStep(instruction)) onStep({ digest: stage.key, name: label, cached });
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

/** BuildKit's predefined arguments; the stand-in itself runs as linux/amd64. */
function platformArguments(platform: string): Record<string, string> {
  const [os = '', architecture = '', variant = ''] = platform.split('/');
  return {
    TARGETPLATFORM: platform,
    TARGETOS: os,
    TARGETARCH: architecture,
    TARGETVARIANT: variant,
    BUILDPLATFORM: 'linux/amd64',
    BUILDOS: 'linux',
    BUILDARCH: 'amd64',
  };
}

function startStage(text: string, platform: string, steps: number, line: number): Stage {
  const [, flag, base = text, name] =
    /^(?:--platform=(\S+)\s+)?(\S+)(?:\s+AS\s+(\S+))?$/i.exec(text) ?? [];
  if (base !== 'scratch') refuse(`FROM ${base}`, line);
  return {
    name: name?.toLowerCase(),
    platform: flag ?? platform,
    steps,
    step: 0,
    settings: { Env: [PATH], WorkingDir: '/', User: '' },
    layers: [],
    history: [],
    tree: new Map(),
    key: flag ?? platform,
  };
}

function findStage(stages: readonly Stage[], wanted: string | undefined): Stage | undefined {
  return stages.find(
    ({ name }, index) => name === wanted?.toLowerCase() || String(index) === wanted,
  );
}

function refuse(what: string, line: number): never {
  throw new Error(
    `the sandbox's stand-in for Docker does not support ${what} (Dockerfile line ${line}); it builds FROM scratch with COPY, ADD, ARG, ENV, CMD, ENTRYPOINT, EXPOSE, LABEL, WORKDIR and USER; start a Docker daemon to build this`,
  );
}

/** Executes one instruction and returns the layer that it created, if any. */
async function apply(step: Step): Promise<Layer | undefined> {
  const { name, stage } = step;
  if (name === 'COPY' || name === 'ADD') return copy(step);
  stage.settings = { ...stage.settings, ...changes(step) };
  if (name === 'WORKDIR') addFolders(stage.tree, `${inTree(stage.settings.WorkingDir)}/`);
  return undefined;
}

/** The image settings that an instruction changes. */
function changes({ name, text, line, stage, variables }: Step): Partial<ImageSettings> {
  const { settings } = stage;
  switch (name) {
    case 'ENV': {
      const all = { ...environmentOf(settings), ...Object.fromEntries(keyValues(text, variables)) };
      return { Env: Object.entries(all).map(([key, value]) => `${key}=${value}`) };
    }
    case 'CMD':
      return { Cmd: commandForm(text) };
    case 'ENTRYPOINT':
      return { Entrypoint: commandForm(text) };
    case 'EXPOSE': {
      const ports = words(text, variables).map((port) => {
        if (!/^\d+(\/(tcp|udp|sctp))?$/.test(port)) refuse(`EXPOSE ${port}`, line);
        return [port.includes('/') ? port : `${port}/tcp`, {}] as const;
      });
      return { ExposedPorts: { ...settings.ExposedPorts, ...Object.fromEntries(ports) } };
    }
    case 'LABEL':
      return { Labels: { ...settings.Labels, ...Object.fromEntries(keyValues(text, variables)) } };
    case 'USER':
      return { User: words(text, variables).join(' ') };
    case 'WORKDIR':
      return { WorkingDir: posix.resolve(settings.WorkingDir, words(text, variables).join(' ')) };
    default:
      return refuse(name, line);
  }
}

async function copy(step: Step): Promise<Layer> {
  const { name, text, line, stage, stages, context, variables } = step;
  const head = /^(?:--\S+\s+)*/.exec(text)?.[0] ?? '';
  const flags = new Map(
    head.split(/\s+/).flatMap((flag) => (flag === '' ? [] : [splitPair(flag.slice(2))])),
  );
  const unknown = [...flags.keys()].find((flag) => !/^(from|chmod|link)$/.test(flag));
  if (unknown !== undefined) refuse(`${name} --${unknown}`, line);
  const mode = flags.get('chmod');
  if (mode !== undefined && !/^[0-7]{3,4}$/.test(mode)) refuse(`${name} --chmod=${mode}`, line);
  const from = flags.get('from');
  const source = from === undefined ? context : findStage(stages, from)?.tree;
  if (source === undefined || source === stage.tree) refuse(`${name} --from=${from}`, line);
  const paths = words(text.slice(head.length), variables);
  const target = paths.at(-1) ?? '';
  const sources = paths.slice(0, -1);
  if (sources.length === 0) {
    throw new Error(
      `dockerfile parse error on line ${line}: ${name} requires at least two arguments, but only one was provided. Destination could not be determined.`,
    );
  }
  const foreign = name === 'ADD' ? /^<<|:\/\/|^git@|\.(tar(\.\w+)?|t[gx]z|tbz2?)$/ : /^<</;
  const odd = sources.find((path) => foreign.test(path));
  if (odd !== undefined) refuse(`${name} ${odd}`, line);
  const base = inTree(posix.resolve(stage.settings.WorkingDir, target));
  const intoFolder =
    /(^|\/)\.{0,2}$/.test(target) ||
    sources.length > 1 ||
    stage.tree.get(base)?.type === 'directory';
  const made = new Map<string, Entry>();
  for (const path of sources) {
    for (const [to, entry] of select(source, path, base, intoFolder)) {
      addFolders(made, to, stage.tree);
      made.set(to, mode === undefined ? entry : { ...entry, mode: Number.parseInt(mode, 8) });
    }
  }
  for (const [to, entry] of made) stage.tree.set(to, entry);
  return makeLayer(made);
}

/** The entries that one source of a COPY selects, under their target paths. */
function select(source: Tree, path: string, base: string, intoFolder: boolean): [string, Entry][] {
  const wanted = inTree(path);
  const pattern = new RegExp(
    `^${wanted
      .replaceAll(/[.+^${}()|\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]')}$`,
  );
  const tops = wanted === '' ? [''] : [...source.keys()].filter((name) => pattern.test(name));
  const found = tops.flatMap((top): [string, Entry][] => {
    const real = followLinks(source, top);
    const own = real === '' ? FOLDER : source.get(real);
    if (own === undefined) return [];
    if (own.type !== 'directory') {
      const isInside = intoFolder || tops.length > 1;
      return [[isInside ? posix.join(base, posix.basename(top)) : base, own]];
    }
    const inside = [...source].flatMap(([name, entry]): [string, Entry][] => {
      const rest = real === '' ? name : name.slice(real.length + 1);
      return real === '' || name.startsWith(`${real}/`) ? [[posix.join(base, rest), entry]] : [];
    });
    return base === '' ? inside : [[base, own], ...inside];
  });
  if (found.length > 0 || wanted === '') return found;
  throw new Error(
    `failed to compute cache key: failed to calculate checksum of ref stand-in::context: "/${wanted}": not found`,
  );
}

/** The path that a symbolic link leads to, after at most `hops` links. */
function followLinks(tree: Tree, path: string, hops = 10): string {
  const entry = tree.get(path);
  if (entry?.type !== 'symlink' || hops === 0) return path;
  return followLinks(
    tree,
    inTree(posix.resolve('/', posix.dirname(path), entry.linkname)),
    hops - 1,
  );
}

/** A path as trees hold it: absolute and normalised, without the leading slash. */
function inTree(path: string): string {
  return posix.resolve('/', path).slice(1);
}

/** Adds the parent folders of a path that are missing in both trees. */
function addFolders(tree: Map<string, Entry>, path: string, other: Tree = tree): void {
  for (const { index } of path.matchAll(/\//g)) {
    const folder = path.slice(0, index);
    if (folder !== '' && !tree.has(folder) && !other.has(folder)) tree.set(folder, FOLDER);
  }
}

async function makeLayer(tree: Tree): Promise<Layer> {
  const archive = pack();
  for (const [name, { type, mode, content, linkname }] of [...tree].toSorted(byName)) {
    const header = { name, mode, mtime: new Date(0), type };
    if (type === 'file') archive.entry(header, content);
    else
      archive.entry(type === 'symlink' ? { ...header, linkname } : { ...header, name: `${name}/` });
  }
  archive.finalize();
  const tar = await buffer(archive);
  const bytes = gzipSync(tar);
  return { diffId: digestOf(tar), bytes, digest: digestOf(bytes) };
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) =>
  a < b ? -1 : 1;

function finishImage(stage: Stage, labels: Readonly<Record<string, string>>): BuiltImage {
  const [os = 'linux', architecture = 'amd64', variant] = stage.platform.split('/');
  const settings = { ...stage.settings, Labels: { ...stage.settings.Labels, ...labels } };
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os,
      variant,
      created: new Date(0).toISOString(),
      config: settings,
      rootfs: { type: 'layers', diff_ids: stage.layers.map(({ diffId }) => diffId) },
      history: stage.history,
    }),
  );
  return { id: digestOf(config), os, architecture, config, settings, layers: stage.layers };
}

/** Reads a tar archive; hard links become files, and special files such as devices are ignored. */
async function readTar(stream: NodeJS.ReadableStream): Promise<Tree> {
  const tree = new Map<string, Entry>();
  const reader = extract();
  stream.on('error', (error) => reader.destroy(error));
  stream.pipe(reader);
  for await (const entry of reader) {
    const { type, mode, linkname } = entry.header;
    const content = await buffer(entry);
    const name = inTree(entry.header.name);
    if (name === '') continue;
    if (type === 'link') {
      const linked = tree.get(inTree(linkname ?? ''));
      if (linked === undefined)
        throw new Error(`the target of the hard link ${name} is not in the context before it`);
      tree.set(name, linked);
    } else if (type === 'file' || type === 'directory' || type === 'symlink') {
      tree.set(name, { type, mode, content, linkname: linkname ?? '' });
    }
  }
  for (const name of tree.keys()) addFolders(tree, name);
  return tree;
}

function environmentOf({ Env }: ImageSettings): Variables {
  return Object.fromEntries(Env.map(splitPair));
}
