import { containersOf } from './task-definition.ts';
import type { JsonObject } from './task-definition.ts';

/** What a container starts, and where it looks for it. */
export interface Start {
  readonly argv: readonly string[];
  /** The folders of `PATH`. */
  readonly search: readonly string[];
  /** The folder that it starts in; absolute. */
  readonly directory: string;
  /** Folders whose content is not of the image: mounted volumes. */
  readonly mounts: readonly string[];
}

/** What a task definition puts in place of what an image starts. */
export interface Overrides {
  readonly entryPoint: readonly string[] | undefined;
  readonly command: readonly string[] | undefined;
  readonly directory: string | undefined;
  readonly path: string | undefined;
  readonly mounts: readonly string[];
}

/** The defaults of an image. */
export interface ImageStart {
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
  readonly directory: string;
  readonly path: string | undefined;
}

/** A program that is started, and the CPU architecture that it was compiled for. */
export interface Program {
  readonly path: string;
  readonly architecture: string;
}

/** Why a container cannot start. */
export interface StartProblem {
  readonly kind:
    | 'nothing'
    | 'missing'
    | 'not-in-path'
    | 'no-shell'
    | 'folder'
    | 'not-executable'
    | 'line-ends'
    | 'no-interpreter'
    | 'no-loader'
    | 'no-format';
  readonly path: string;
  /** The interpreter, loader, folders or shell command that `kind` is about; otherwise empty. */
  readonly detail: string;
  /** False behind a shell, which can make what is missing, or run something else. */
  readonly isCertain: boolean;
}

/** All programs on the way to the one that runs in the end, and what prevents it. */
export interface Trace {
  readonly programs: readonly Program[];
  readonly problem: StartProblem | undefined;
}

/** PATH of a container whose image and definition set none (moby's default). */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What the containers of a definition put in place of what their image starts. */
export function overridesOf(definition: JsonObject, names: readonly string[]): Overrides[] {
  const words = (value: unknown) =>
    Array.isArray(value) && value.length > 0 ? value.map(String) : undefined;
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const objects = (value: unknown) => (Array.isArray(value) ? (value as JsonObject[]) : []);
  return containersOf(definition)
    .filter(({ name }) => names.includes(String(name)))
    .map((container) => ({
      entryPoint: words(container['entryPoint']),
      command: words(container['command']),
      directory: text(container['workingDirectory']),
      path: text(objects(container['environment']).find(({ name }) => name === 'PATH')?.['value']),
      // Which folders come from another container, its image says.
      mounts: [
        ...objects(container['mountPoints']).flatMap(
          ({ containerPath }) => text(containerPath) ?? [],
        ),
        ...(objects(container['volumesFrom']).length > 0 ? ['/'] : []),
      ],
    }));
}

/** What a container of an image starts: an entry point of the definition drops the image's command. */
export function startOf(image: ImageStart, overrides: Overrides | undefined): Start {
  const { entryPoint, command, directory, path, mounts = [] } = overrides ?? {};
  const rest = command ?? (entryPoint === undefined ? image.command : []);
  return {
    argv: [...(entryPoint ?? image.entryPoint), ...rest],
    search: (path ?? image.path ?? DEFAULT_PATH).split(':'),
    directory: directory ?? image.directory,
    mounts,
  };
}
