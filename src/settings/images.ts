import { resolve } from 'node:path';
import { suggest } from '../core/nearest.ts';
import { FILE_KEYS } from './config-file.ts';
import type { Section } from './config-file.ts';
import { giverOf, pick, settingOf } from './lookup.ts';
import type { SettingKey, Settings, Source } from './lookup.ts';
import type { CommandName } from './table.ts';

/** Keys that an entry of `images` can have: `FILE_KEYS.image`, as a type. */
type ImageKey =
  | 'repository'
  | 'extraTags'
  | 'platform'
  | 'context'
  | 'dockerfile'
  | 'target'
  | 'args'
  | 'labels'
  | 'network'
  | 'addHosts'
  | 'shmSize'
  | 'ulimits'
  | 'secrets'
  | 'ssh'
  | 'before'
  | 'env'
  | 'paths'
  | 'cache'
  | 'cacheFrom'
  | 'cacheTo'
  | 'builder'
  | 'provenance'
  | 'sbom'
  | 'contexts'
  | 'allow';

/** The settings of one image; paths are absolute. */
export type ImageSettings = Pick<Settings, Exclude<ImageKey, 'dockerfile'>> & {
  readonly dockerfile: string;
};

/** One image to build. */
export interface ImageTarget extends ImageSettings {
  /** Its name in `images`; undefined for the image of a config without them. */
  readonly name: string | undefined;
}

/** The sources of each image, the strongest first; without `images`, those of the only one. */
export type ImageSources = ReadonlyMap<string | undefined, readonly Source[]>;

/** An entry of `images` overrides the section that lists it. */
export function imageSources(
  layers: readonly Source[],
  sections: readonly Section[],
): ImageSources {
  const names = sections.toReversed().flatMap(({ images }) => [...(images?.keys() ?? [])]);
  if (names.length === 0) return new Map([[undefined, layers]]);
  const entryOf = (layer: Source, name: string) =>
    sections.find((section) => section === layer)?.images?.get(name) ?? [];
  return new Map(
    names.map((name) => [name, layers.flatMap((layer) => [entryOf(layer, name), layer].flat())]),
  );
}

/** Merges the settings of an image; paths of `flags` are relative to the current folder. */
export function imageSettings(
  layers: readonly Source[],
  flags: Source['values'],
  { current, ofFile }: { readonly current: string; readonly ofFile: string },
): ImageSettings {
  const values = Object.fromEntries(FILE_KEYS.image.map((key) => [key, pick(layers, key)])) as Pick<
    Settings,
    ImageKey
  >;
  const folderOf = (key: ImageKey, other: string) => (flags[key] === undefined ? other : current);
  const context = resolve(folderOf('context', ofFile), values.context);
  return {
    ...values,
    context,
    dockerfile: resolve(folderOf('dockerfile', context), values.dockerfile ?? 'Dockerfile'),
    paths: values.paths?.map((path) => resolve(ofFile, path)),
    contexts: Object.fromEntries(
      Object.entries(values.contexts).map(([name, source]) => {
        const isGiven = (flags.contexts as Settings['contexts'] | undefined)?.[name] === source;
        const folder = isGiven ? current : ofFile;
        const [scheme = ''] = /^oci-layout:\/\//.exec(source) ?? [];
        const isHere = isFolder(source) || scheme !== '';
        return [name, isHere ? `${scheme}${resolve(folder, source.slice(scheme.length))}` : source];
      }),
    ),
  };
}

/** Whether the source of a build context is a folder of this machine. */
function isFolder(source: string): boolean {
  return !/^(?:[a-z][a-z\d+.-]*:\/\/|git@)/.test(source);
}

/** The image that the first of the sources chooses, else the only one. */
export function chooseImage(
  service: string,
  sources: readonly Source[],
  images: ImageSources,
  problems: string[],
): string | undefined {
  const names = [...images.keys()].filter((name) => name !== undefined);
  const owner = sources.find(({ imageName }) => imageName !== undefined);
  const place = (owner ?? sources[0])?.place ?? '';
  const chosen = owner?.imageName;
  if (chosen === undefined) {
    if (names.length > 1) {
      problems.push(
        `${place}the service "${service}" needs the key "image": ${names.join(' or ')}`,
      );
    }
    return names[0];
  }
  if (names.length === 0) {
    problems.push(
      `${place}"image" is the name of one of "images", which are not there (an image that exists: --image ${chosen})`,
    );
  } else if (!names.includes(chosen)) {
    problems.push(
      `${place}"image": "${chosen}" is not in "images" (${suggest(chosen, names, 'images')})`,
    );
  }
  return chosen;
}

/** Flags that cannot be meant for several images. */
const OF_ONE_IMAGE = [
  'image',
  'repository',
  'context',
  'dockerfile',
  'target',
] as const satisfies readonly SettingKey[];

/** Flags and tags of a command that several images cannot share. */
export function imageConflicts(
  images: readonly ImageTarget[],
  given: readonly Source[],
  command: CommandName,
): string[] {
  if (images.length < 2) return [];
  const names = images.map(({ name }) => name).join(', ');
  const flags = OF_ONE_IMAGE.flatMap((key) => {
    const giver = giverOf(given, key);
    if (giver === undefined || settingOf(key).commands?.includes(command) === false) return [];
    return `${giver.label} is for one image, but there are ${images.length} (${names}): choose the services of one with --service`;
  });
  const tag = giverOf(given, 'tag');
  const tagged = new Map<string, string | undefined>();
  const twice = images.flatMap(({ name, repository, extraTags }) =>
    [...new Set([...(tag === undefined ? [] : [tag.value]), ...extraTags])].flatMap((item) => {
      const reference = `${repository}:${item}`;
      const other = tagged.get(reference);
      tagged.set(reference, name);
      if (other === undefined || repository === undefined) return [];
      const label = item === tag?.value ? tag.label : '"extraTags"';
      return `${label}: the images "${other}" and "${name}" would both be ${reference}`;
    }),
  );
  return [...flags, ...twice];
}

/** Whether a command builds all images of the config, or those of its services. */
export function buildsAll(command: CommandName, isChosen: boolean): boolean {
  return !isChosen && command !== 'deploy' && command !== 'verify';
}
