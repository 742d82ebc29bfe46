// Bundles src/main.ts, src/action.ts and their dependencies into dist/, split so that a command loads only its part.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/**
 * Omits dockerode's BuildKit session and docker-modem's SSH, which are never called: their gRPC,
 * protobuf and ssh2 would be most of the bundle and its load time.
 */
const withoutUnused = {
  name: 'without-unused',
  setup: ({ onLoad }) => {
    const unused =
      /[\\/](?:dockerode[\\/]lib[\\/](?:buildkit|session)|docker-modem[\\/]lib[\\/]ssh)\.js$/;
    onLoad({ filter: unused }, () => ({ contents: 'module.exports = {};' }));
  },
};

/**
 * Replaces `url.parse` in docker-modem, for which Node 24 prints a warning in each command that
 * connects to a daemon over TCP or SSH. Node exempts only code in node_modules, not a bundle.
 */
const withoutLegacyUrls = {
  name: 'without-legacy-urls',
  setup: ({ onLoad }) => {
    const parse = (text) => {
      if (!URL.canParse(text)) return {};
      const { hostname, port, pathname, search } = new URL(text);
      return { hostname: hostname.replace(/^\[|\]$/g, ''), port, path: pathname + search };
    };
    const resolve = (base, path) => new URL(path, base).href;
    onLoad({ filter: /[\\/]docker-modem[\\/]lib[\\/]modem\.js$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const contents = source.replace(
        "url = require('url')",
        `url = { ...require('url'), parse: ${parse}, resolve: ${resolve} }`,
      );
      if (contents === source) throw new Error(`${path} does not load url any more`);
      return { contents };
    });
  },
};

/**
 * Omits what commander needs only for subcommands that are programs of their own: loading
 * node:child_process takes longer than all of commander.
 */
const withoutPrograms = {
  name: 'without-programs',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[\\/]commander[\\/]lib[\\/]command\.js$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const contents = source.replace("require('node:child_process')", '{}');
      if (contents === source) throw new Error(`${path} does not load child_process any more`);
      return { contents };
    });
  },
};

/** Gives the prepared help only commander's formatting: its parser is most of what help would load. */
const withoutParser = {
  name: 'without-parser',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^commander$/ }, ({ importer }) =>
      importer.endsWith('help-text.ts')
        ? { path: join(root, 'node_modules/commander/lib/help.js') }
        : undefined,
    );
  },
};

/** CommonJS packages in the bundle expect these names. */
const COMMON_JS = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { dirname as __dirnameOf } from 'node:path';",
  "import { fileURLToPath as __fileURLToPath } from 'node:url';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __fileURLToPath(import.meta.url);',
  'const __dirname = __dirnameOf(__filename);',
].join(' ');

const { metafile, outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts', 'src/action.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // A split bundle loses the named exports of the SDK's CommonJS modules.
  mainFields: ['module', 'main'],
  metafile: true,
  write: false,
  // Comments are a third of the text that Node reads at each start.
  minifyWhitespace: true,
  define: { ECSDEPLOY_VERSION: JSON.stringify(version) },
  banner: { js: COMMON_JS },
  plugins: [withoutUnused, withoutLegacyUrls, withoutPrograms],
  logLevel: 'warning',
});
rmSync(join(root, 'dist'), { recursive: true, force: true });
mkdirSync(join(root, 'dist'));
for (const { path, text } of outputFiles) {
  const code = text.replace(COMMON_JS, '');
  // Most files do not need the names, and setting them up takes time in each.
  writeFileSync(path, /\b(?:require|__filename|__dirname)\b/.test(code) ? text : code);
}
await buildTexts();
await prepareHelp();
writeFileSync(join(root, 'dist/THIRD-PARTY-LICENSES'), licences(metafile));

/** Bundles what bin/ecsdeploy.js prints itself. */
function buildTexts() {
  return build({
    absWorkingDir: root,
    entryPoints: ['src/texts.ts'],
    outfile: 'dist/texts.cjs',
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    minify: true,
    define: { ECSDEPLOY_VERSION: JSON.stringify(version) },
    plugins: [withoutParser],
    logLevel: 'warning',
  });
}

/** Writes each page of help as JSON into dist/help, as the command line makes it. */
async function prepareHelp() {
  const folder = join(root, 'dist/help');
  mkdirSync(folder);
  const outfile = join(folder, 'cli.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: ['src/cli.ts'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['commander', './commands/*'],
    logLevel: 'warning',
  });
  const { helpPages } = await import(pathToFileURL(outfile));
  rmSync(outfile);
  for (const [file, page] of await helpPages()) {
    writeFileSync(join(folder, file), JSON.stringify(page));
  }
}

/** The licence and notice texts of all packages in the bundle; throws if a package has none. */
function licences({ inputs }) {
  const folders = new Set(
    Object.keys(inputs).flatMap(
      (path) => /^node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
    ),
  );
  const packages = [...folders].toSorted().map((folder) => ({
    folder,
    ...JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')),
    text: readdirSync(join(root, folder))
      .filter((name) => /^(?:licen[cs]e|copying|notice)(?:[.-]|$)/i.test(name))
      .toSorted()
      .map((name) => readFileSync(join(root, folder, name), 'utf8').trim())
      .join('\n\n'),
  }));
  const texts = packages.map((entry) => {
    // Some packages of a monorepo have no text of their own, but their siblings do.
    const sibling = packages.find(
      ({ text, license, repository }) =>
        text &&
        license === entry.license &&
        repository?.url !== undefined &&
        repository.url === entry.repository?.url,
    );
    const text =
      entry.text || sibling?.text || standardText(entry) || headers(entry, packages, inputs);
    if (text === undefined)
      throw new Error(`${entry.name} has no licence text; add it to scripts/build.js`);
    return `${entry.name} ${entry.version} (${entry.license})\n\n${text}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n`);
}

/** The notices at the head of a package's bundled files, with the Apache text that they refer to. */
function headers({ folder, license }, packages, inputs) {
  const notices = Object.keys(inputs)
    .filter((path) => path.startsWith(`${folder}/`))
    .map((path) => /^(?:\/\/.*\n)+/.exec(readFileSync(join(root, path), 'utf8'))?.[0] ?? '');
  const apache = packages.find((entry) => entry.license === 'Apache-2.0' && entry.text)?.text;
  const parts = [...new Set(notices), license.includes('Apache-2.0') ? apache : ''];
  return notices.every((notice) => notice !== '') && parts.every((part) => part !== undefined)
    ? parts.join('\n').trim()
    : undefined;
}

/** The SPDX text of a package that names its licence and author only; undefined for other licences. */
function standardText({ license, author }) {
  const name = author?.name ?? author;
  if (license !== 'ISC' || name === undefined) return undefined;
  return `ISC License

Copyright (c) ${name}

Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee
is hereby granted, provided that the above copyright notice and this permission notice appear in all
copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS
SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE
AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE
OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS
SOFTWARE.`;
}
