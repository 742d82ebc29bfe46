import { EcsDeployError } from '../../errors.ts';
import { findDigest } from './content-store.ts';

type Contexts = Readonly<Record<string, string>>;

/** An image in a folder with the image layout of OCI: `oci-layout://FOLDER[:TAG][@DIGEST]`. */
const LAYOUT = /^oci-layout:\/\/(.+?)(?::([^/:@]+))?(?:@(sha\d+:\w+))?$/;

/** Named build contexts, with the digests of images in OCI layouts; throws `context-missing`. */
export async function pinLayouts(contexts: Contexts): Promise<Contexts> {
  const pinned = Object.entries(contexts).map(async ([name, source]) => {
    const [, folder, tag, given] = LAYOUT.exec(source) ?? [];
    if (folder === undefined) return [name, source];
    const digest = given ?? (await findDigest(folder, tag));
    if (digest !== undefined) return [name, `oci-layout://${folder}@${digest}`];
    throw new EcsDeployError({
      code: 'context-missing',
      message: `There is no image ${tag === undefined ? '' : `"${tag}" `}in the OCI layout ${folder}, which is the build context "${name}".`,
      hint: 'index.json in that folder has the tags of its images: oci-layout://FOLDER:TAG',
    });
  });
  return Object.fromEntries(await Promise.all(pinned)) as Contexts;
}

/** Pinned layouts by the names of their content stores. */
export function layoutStores(contexts: Contexts): ReadonlyMap<string, string> {
  const found = Object.values(contexts).flatMap((source, index) => {
    const folder = LAYOUT.exec(source)?.[1];
    return folder === undefined ? [] : [[`oci:${storeName(index)}`, folder] as const];
  });
  return new Map(found);
}

/** Pinned contexts as BuildKit takes them: with the stores in place of folders. */
export function withStores(contexts: Contexts): Contexts {
  const named = Object.entries(contexts).map(([name, source], index) => [
    name,
    source.replace(LAYOUT, `oci-layout://${storeName(index)}@$3`),
  ]);
  return Object.fromEntries(named) as Contexts;
}

const storeName = (index: number) => `layout-${index}`;
