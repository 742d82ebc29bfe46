import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const files = readdirSync('.', { recursive: true, encoding: 'utf8' })
  .filter((file) => !/(?:^|[/\\])(?:node_modules|dist|\.git|\.stryker-tmp)[/\\]/.test(file))
  .map((file) => normalize(file));
const documents = files.filter((file) => file.endsWith('.md'));
const sources = files.filter((file) => /^(?:src|test|scripts)[/\\].*\.[jt]s$/.test(file));

/** The anchors that GitHub gives to the headings of a document. */
function anchorsOf(document: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of prose(document).matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const repeated = [...anchors].filter((anchor) => anchor.replace(/-\d+$/, '') === slug).length;
    anchors.add(repeated === 0 ? slug : `${slug}-${repeated}`);
  }
  return anchors;
}

/** A document without its code. */
function prose(document: string): string {
  return readFileSync(document, 'utf8').replaceAll(/^```[^]*?^```/gm, '');
}

/** What is wrong with a path and anchor in a file; undefined when they resolve. */
function broken(file: string, path: string, anchor: string | undefined): string | undefined {
  const target = `${file} -> ${path}${anchor === undefined ? '' : `#${anchor}`}`;
  if (!existsSync(path)) return `${target}: no such file`;
  if (anchor !== undefined && !anchorsOf(path).has(anchor)) return `${target}: no such heading`;
  return undefined;
}

test('every relative link in a document resolves', () => {
  const links = documents.flatMap((file) =>
    [
      ...prose(file)
        .replaceAll(/`[^`\n]*`/g, '')
        .matchAll(/\]\(([^()\s]+)\)/g),
    ]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => {
        const [path = '', anchor] = link.split('#');
        return broken(file, path === '' ? file : join(dirname(file), path), anchor);
      }),
  );
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((problem) => problem !== undefined)).toEqual([]);
});

test('every section that the code cites exists', () => {
  const cited = sources.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\bdocs\/explanation\/[\w/-]+\.md(?:#([\w-]+))?/g)].map(
      ([citation, anchor]) => broken(file, citation.split('#')[0] ?? citation, anchor),
    ),
  );
  expect(cited.filter((problem) => problem !== undefined)).toEqual([]);
});

test('the reference of events has every kind, and each of its members', () => {
  const types = ['src/events.ts', 'src/core/rollout-events.ts']
    .map((file) => readFileSync(file, 'utf8').replaceAll(/\/\*\*[^]*?\*\//g, ''))
    .join('\n');
  const reference = readFileSync('docs/reference/events.md', 'utf8');
  const kinds = [
    ...types.matchAll(
      /readonly kind: '([\w-]+)'([^]*?)(?=\|\s*\(?(?:ServiceName & )?\{|\|\s*\w+Event\b|;\n\n)/g,
    ),
  ];
  expect(kinds.length).toBeGreaterThan(30);
  const missing = kinds.flatMap(([, kind = '', body = '']) => {
    const rows = reference.split('\n').filter((line) => line.startsWith(`| \`${kind}\` `));
    const [row] = rows;
    if (row === undefined || rows.length > 1) return [kind];
    const section = reference.split(`### ${kind}\n`)[1] ?? row;
    const members = [...body.matchAll(/readonly (\w+)\??:/g)].map(([, member = '']) => member);
    // An error is written as its members.
    return members
      .filter((member) => member !== 'error' && !section.includes(`\`${member}\``))
      .map((member) => `${kind}.${member}`);
  });
  expect(missing).toEqual([]);
});

test('the README has at most 10 kB', () => {
  expect(statSync('README.md').size).toBeLessThanOrEqual(10_000);
});

test.each(documents.filter((file) => file.endsWith('.ko.md')))(
  '%s has the headings and the code of the English text',
  (file) => {
    const shapeOf = (document: string) => ({
      headings: [...prose(document).matchAll(/^(#{1,6}) /gm)].map(([, level]) => level),
      code: readFileSync(document, 'utf8').match(/^```[^]*?^```/gm),
      // Its headings have other anchors.
      links: new Set(
        [...prose(document).matchAll(/\]\(([^()\s]+)\)/g)].map(([, link = '']) =>
          link.replace('.ko.md', '.md').replace(/#.*$/, ''),
        ),
      ),
    });
    expect(shapeOf(file)).toEqual(shapeOf(file.replace('.ko.md', '.md')));
  },
);

test('pictures are small, have no scripts and load nothing', () => {
  const pictures = files.filter((file) => file.endsWith('.svg'));
  expect(pictures).not.toEqual([]);
  for (const picture of pictures) {
    expect(statSync(picture).size).toBeLessThan(60_000);
    const source = readFileSync(picture, 'utf8');
    expect(source.match(/<script|<foreignObject|\bon\w+=|href="(?!#)|url\(/g)).toBeNull();
  }
});
