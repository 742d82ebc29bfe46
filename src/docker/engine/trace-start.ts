import type { Program, Start, StartProblem, Trace } from '../../core/start.ts';

/** A path of an image, as far as starting it needs. */
export type ImageFile =
  | { readonly kind: 'missing' | 'folder' | 'special' }
  /** Absolute. */
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'file'; readonly mode: number; readonly head: Buffer };

/** Bytes of a file that are read: scripts are short, and a program names its loader in the beginning. */
export const HEAD_BYTES = 64 << 10;

/** Whether reading a path of an image failed because it leads nowhere. */
export const isNowhere = (message: string): boolean =>
  /no such file or directory|not a directory|too many .*links|file name too long/.test(message);

/** Links, interpreters and wrappers that are followed at most. */
const MAX_HOPS = 16;

/** How certainly a command is started as it is written: behind `unsure`, only its CPU is known. */
type Certainty = 'certain' | 'likely' | 'unsure';

interface Walk {
  readonly start: Start;
  readonly read: (path: string) => Promise<ImageFile>;
  readonly programs: Program[];
  hops: number;
  /** A shell on the way is busybox, most likely: it has programs that are in no folder. */
  hasApplets: boolean;
}

/**
 * Follows a start to the program that runs in the end, through links, `#!`, shells, `exec "$@"`,
 * `env` and init programs, as the kernel and the container runtime do. What it cannot follow is
 * taken for startable.
 */
export async function traceStart(
  start: Start,
  read: (path: string) => Promise<ImageFile>,
): Promise<Trace> {
  const programs: Program[] = [];
  if (start.argv.length === 0) {
    return { programs, problem: { kind: 'nothing', path: '', detail: '', isCertain: true } };
  }
  const walk = { start, read, programs, hops: MAX_HOPS, hasApplets: false };
  return { programs, problem: await follow(walk, start.argv, 'certain') };
}

async function follow(
  walk: Walk,
  argv: readonly string[],
  certainty: Certainty,
): Promise<StartProblem | undefined> {
  const [name = '', ...args] = argv;
  walk.hops -= 1;
  if (name === '' || walk.hops < 0) return undefined;
  const tell = teller(walk, certainty);
  const found = await locate(walk, name);
  if (found === undefined) {
    if (!name.includes('/')) {
      return walk.hasApplets ? undefined : tell('not-in-path', name, walk.start.search.join(':'));
    }
    const isShellForm = name === '/bin/sh' && args[0] === '-c' && args.length === 2;
    return isShellForm ? tell('no-shell', name, args[1]) : tell('missing', absolute(walk, name));
  }
  const { path, file } = found;
  if (file.kind === 'folder') return tell('folder', path);
  if (file.kind !== 'file') return undefined;
  if ((file.mode & 0o111) === 0) return tell('not-executable', path);
  const { head } = file;
  const architecture = architectureOf(head);
  if (architecture !== undefined) {
    walk.programs.push({ path, architecture });
    const loader = loaderOf(head);
    if (loader !== undefined && (await locate(walk, loader)) === undefined) {
      return tell('no-loader', path, loader);
    }
    walk.hasApplets ||= loader === undefined && (SHELLS.has(baseOf(name)) || isBusybox(name));
    return behind(walk, baseOf(name), args, certainty);
  }
  const line = /^#![ \t]*(\S[^\n]*)/.exec(head.subarray(0, 256).toString('latin1'))?.[1];
  // Shells run a file without an interpreter themselves; so does execvp, which wrappers use.
  if (line === undefined) return argv === walk.start.argv ? tell('no-format', path) : undefined;
  if (line.endsWith('\r')) return tell('line-ends', path, line.trim());
  const [, interpreter = '', argument = ''] = /^(\S+)[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
  const program = absolute(walk, interpreter);
  if ((await locate(walk, program)) === undefined) return tell('no-interpreter', path, program);
  return follow(walk, [program, ...(argument === '' ? [] : [argument]), path, ...args], certainty);
}

/** Makes the problems of a walk. */
const teller =
  (walk: Walk, certainty: Certainty) =>
  (kind: StartProblem['kind'], path: string, detail = ''): StartProblem | undefined =>
    certainty === 'unsure' || isMounted(walk, path)
      ? undefined
      : { kind, path, detail, isCertain: certainty === 'certain' };

const absolute = ({ start }: Walk, path: string): string =>
  path.startsWith('/')
    ? path
    : `${start.directory.replace(/\/$/, '')}/${path.replace(/^\.\//, '')}`;

const baseOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const isBusybox = (name: string): boolean => baseOf(name) === 'busybox';

function isMounted({ start }: Walk, path: string): boolean {
  return start.mounts.some(
    (mount) => path === mount || path.startsWith(mount.replace(/\/?$/, '/')),
  );
}

interface Located {
  readonly path: string;
  readonly file: ImageFile;
}

/** What a command names; of the folders in PATH, the first that has a file that can be executed. */
async function locate(walk: Walk, name: string): Promise<Located | undefined> {
  if (name.includes('/')) return resolveLinks(walk, absolute(walk, name));
  let first: Located | undefined;
  for (const folder of walk.start.search) {
    const found = await resolveLinks(walk, `${absolute(walk, folder).replace(/\/$/, '')}/${name}`);
    if (found?.file.kind === 'file' && (found.file.mode & 0o111) !== 0) return found;
    if (found?.file.kind !== 'folder') first ??= found;
  }
  return first;
}

async function resolveLinks(walk: Walk, named: string): Promise<Located | undefined> {
  let path = named;
  for (let hop = 0; hop < MAX_HOPS; hop += 1) {
    const file = await walk.read(path);
    if (file.kind === 'missing') {
      return isMounted(walk, path) ? { path: named, file: { kind: 'special' } } : undefined;
    }
    if (file.kind !== 'link') return { path: named, file };
    path = file.target;
  }
  return undefined;
}

/** ELF's `e_machine` values that the CPUs of ECS run (System V ABI); 0x03 is 386. */
const MACHINES: Readonly<Record<number, string>> = { 0x03: 'amd64', 0x3e: 'amd64', 0xb7: 'arm64' };

/** The CPU of an ELF file; undefined for anything else. */
function architectureOf(head: Buffer): string | undefined {
  if (head.length < 20 || head.subarray(0, 4).toString('latin1') !== '\u007FELF') return undefined;
  const machine = head.readUInt16LE(18);
  return MACHINES[machine] ?? `ELF machine 0x${machine.toString(16)}`;
}

/** The loader that a 64-bit ELF file names (PT_INTERP); undefined for one without. */
function loaderOf(head: Buffer): string | undefined {
  if (head.length < 64 || head[4] !== 2 || head[5] !== 1) return undefined;
  const [table, size, count] = [
    Number(head.readBigUInt64LE(32)),
    head.readUInt16LE(54),
    head.readUInt16LE(56),
  ];
  for (let index = 0; index < count; index += 1) {
    const at = table + index * size;
    if (at + 56 > head.length) return undefined;
    if (head.readUInt32LE(at) !== 3) continue;
    const [offset, length] = [
      Number(head.readBigUInt64LE(at + 8)),
      Number(head.readBigUInt64LE(at + 32)),
    ];
    const path = head.subarray(offset, offset + length - 1).toString('latin1');
    return path.length === length - 1 && path.startsWith('/') ? path : undefined;
  }
  return undefined;
}

const SHELLS = new Set(['sh', 'bash', 'dash', 'ash']);

/** Follows what a program starts in turn; undefined if it starts nothing that is known. */
async function behind(
  walk: Walk,
  name: string,
  args: readonly string[],
  certainty: Certainty,
): Promise<StartProblem | undefined> {
  if (SHELLS.has(name)) return behindShell(walk, args, certainty);
  if (isBusybox(name)) return behind(walk, args[0] ?? '', args.slice(1), certainty);
  const rest = wrapped(name, args);
  return rest === undefined ? undefined : follow(walk, rest, certainty);
}

/** Options of programs that start another one in their place, by whether they take a value. */
const WRAPPERS: Readonly<Record<string, { readonly flags: RegExp; readonly valued: RegExp }>> = {
  tini: { flags: /^-[svwgh]+$/, valued: /^-[pe]$/ },
  'tini-static': { flags: /^-[svwgh]+$/, valued: /^-[pe]$/ },
  'docker-init': { flags: /^-[svwgh]+$/, valued: /^-[pe]$/ },
  'dumb-init': { flags: /^(-[cv]+|--single-child|--verbose)$/, valued: /^(-r|--rewrite)$/ },
  env: { flags: /^(-i|-|--ignore-environment)$/, valued: /^(-u|--unset)$/ },
  nohup: { flags: /^$/, valued: /^$/ },
};

/** The command that a program starts in its place; undefined where that is not known. */
function wrapped(name: string, args: readonly string[]): readonly string[] | undefined {
  // Both take a user first.
  if (name === 'gosu' || name === 'su-exec') return args.slice(1);
  const options = Object.hasOwn(WRAPPERS, name) ? WRAPPERS[name] : undefined;
  if (options === undefined) return undefined;
  let words = [...args];
  if (name === 'env' && words[0]?.startsWith('-S') === true) {
    const [line = '', ...after] = [words[0].slice(2), ...words.slice(1)].filter(
      (word, index) => index > 0 || word !== '',
    );
    // Quotes, variables and escapes are not expanded here.
    if (/["'$\\]/.test(line)) return undefined;
    words = [...line.split(/\s+/).filter((word) => word !== ''), ...after];
  }
  for (;;) {
    const [first] = words;
    if (first === undefined) return undefined;
    if (first === '--' && name !== 'env') return words.slice(1);
    if (name === 'env' && (first === '--' || /^[^-=][^=]*=/.test(first))) {
      if (first.startsWith('PATH=')) return undefined;
      words.shift();
    } else if (!first.startsWith('-')) return words;
    else if (options.valued.test(first)) words.splice(0, 2);
    else if (options.flags.test(first)) words.shift();
    else return undefined;
  }
}

async function behindShell(
  walk: Walk,
  args: readonly string[],
  certainty: Certainty,
): Promise<StartProblem | undefined> {
  let index = 0;
  let isLine = false;
  for (; /^[-+]./.test(args[index] ?? ''); index += 1) {
    const option = args[index] ?? '';
    if (option === '--') {
      index += 1;
      break;
    }
    isLine ||= /^-[a-z]*c/.test(option);
    if (/^[-+][a-z]*o$/i.test(option)) index += 1;
  }
  const [first, ...rest] = args.slice(index);
  if (first === undefined) return undefined;
  if (isLine) return behindLine(walk, first, certainty);
  const path = absolute(walk, first);
  // bash looks into PATH, too.
  const found = (await locate(walk, path)) ?? (await locate(walk, first));
  const isPlain = args.slice(0, index).every((option) => /^[-+][a-rt-z]+$/.test(option));
  if (found === undefined && isPlain && first !== '-') {
    return teller(walk, certainty)('missing', path);
  }
  if (found?.file.kind !== 'file') return undefined;
  return behindScript(walk, found.file.head.toString('utf8'), rest, certainty);
}

/** Words of shells that are no programs. */
const BUILTINS = new Set(
  `. : ! [ [[ { ( alias bg bind break builtin caller case cd chdir command compgen complete compopt
  continue coproc declare dirs disown do done echo elif else enable esac eval exec exit export false
  fc fg fi for function getopts hash help history if in jobs kill let local logout mapfile popd printf
  pushd pwd read readarray readonly return select set shift shopt source suspend test then time times
  trap true type typeset ulimit umask unalias unset until wait while`.split(/\s+/),
);

/** Follows a line of a shell: its only command, or the last one of several. */
async function behindLine(
  walk: Walk,
  line: string,
  certainty: Certainty,
): Promise<StartProblem | undefined> {
  const parts = line.split(/&&|;|\n/).filter((part) => part.trim() !== '');
  const isSimple = parts.length === 1 && !/[|&<>(){}`]/.test(line);
  const words = (parts.at(-1) ?? '').trim().split(/\s+/);
  while (words[0] === 'exec' || /^\w+=[^'"$`]*$/.test(words[0] ?? '')) words.shift();
  const [name = ''] = words;
  if (!/^[\w./@%+:][\w./@%+:-]*$/.test(name) || BUILTINS.has(name)) return undefined;
  // The next command runs if this one fails, e.g. because it is for another CPU.
  if (line.includes('||') || isForCpus(line)) return undefined;
  // Quotes and variables in the arguments are not expanded here.
  const isPlain = words.every((word) => !/['"$`\\*?[~]/.test(word));
  return follow(walk, isPlain ? words : [name], isSimple ? certainty : 'unsure');
}

/** Whether a script or line chooses a program by the CPU. */
const isForCpus = (text: string): boolean => /\b(?:uname|arch|print-architecture)\b/.test(text);

/** Follows a script to its arguments (`exec "$@"`), or to the program of its last `exec`. */
async function behindScript(
  walk: Walk,
  script: string,
  args: readonly string[],
  certainty: Certainty,
): Promise<StartProblem | undefined> {
  const lines = script.match(/^[ \t]*exec[ \t]+.*$/gm) ?? [];
  const last = lines.at(-1) ?? '';
  // One of several branches is not always taken.
  if ((lines.length > 1 && /^\s/.test(last)) || /;;\s*$/.test(last)) return undefined;
  const [, before] = /^\s*exec\s+(.*?)"?\$\{?@\}?"?$/.exec(last) ?? [];
  if (before === undefined) {
    return last === '' || isForCpus(script) ? undefined : behindLine(walk, last, 'unsure');
  }
  // A script that changes its arguments starts something else.
  if (before.includes('$') || /\b(?:set[ \t]+--|shift\b)/.test(script)) return undefined;
  const words = before.split(/\s+/).filter((word) => word !== '');
  return follow(walk, [...words, ...args], certainty === 'unsure' ? 'unsure' : 'likely');
}
