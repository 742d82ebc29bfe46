import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The folders of `docs/` with pages for users. */
const FOLDERS = ['', 'how-to', 'explanation', 'reference'];

/** Pages for those who work on ecsdeploy, and translations. */
const NOT_SHOWN = /^(?:style|mutation|architecture|.*\.ko)$/;

/**
 * The pages of a `docs` folder: the path of each by its topic. That is its name, or its folder and its
 * name where `taken` has the name already: `explanation/rollout`.
 */
export function helpPages(docs: string, taken: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    FOLDERS.flatMap((folder) =>
      readdirSync(join(docs, folder))
        .filter((file) => file.endsWith('.md') && !NOT_SHOWN.test(basename(file, '.md')))
        .toSorted()
        .map((file) => {
          const name = basename(file, '.md');
          const topic = taken.includes(name) ? `${basename(join(docs, folder))}/${name}` : name;
          return [topic, join(docs, folder, file)] as const;
        }),
    ),
  );
}

/** The text of a page, which ends with a line break. */
export function readPage(path: string): string {
  return readFileSync(path, 'utf8');
}

/** One line for each page: its name and its title. */
export function listPages(pages: ReadonlyMap<string, string>): string {
  const width = Math.max(...[...pages.keys()].map((name) => name.length));
  return [...pages]
    .map(([name, path]) => `  ${name.padEnd(width)}  ${titleOf(readPage(path))}\n`)
    .join('');
}

const titleOf = (text: string) => /^# (.*)$/m.exec(text)?.[1]?.replaceAll('`', '') ?? '';
