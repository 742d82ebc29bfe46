// Bundles src/main.ts and everything it needs into dist/, split so that each command loads only its own.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/**
 * Leaves out what nothing here calls: dockerode's BuildKit session and docker-modem's ssh, which come
 * with gRPC, protobuf and ssh2 and would be most of the bundle and of the time to load it.
 */
const withoutUnused = {
  name: 'without-unused',
  setup: ({ onLoad }) => {
    const unused =
      /[\\/](?:dockerode[\\/]lib[\\/](?:buildkit|session)|docker-modem[\\/]lib[\\/]ssh)\.js$/;
    onLoad({ filter: unused }, () => ({ contents: 'module.exports = {};' }));
  },
};

rmSync(join(root, 'dist'), { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // The SDK's ES modules: a split CommonJS bundle would lose their named exports.
  mainFields: ['module', 'main'],
  metafile: true,
  define: { ECSDEPLOY_VERSION: JSON.stringify(version) },
  // CommonJS packages in the bundle expect these names.
  banner: {
    js: [
      "import { createRequire as __createRequire } from 'node:module';",
      "import { dirname as __dirnameOf } from 'node:path';",
      "import { fileURLToPath as __fileURLToPath } from 'node:url';",
      'const require = __createRequire(import.meta.url);',
      'const __filename = __fileURLToPath(import.meta.url);',
      'const __dirname = __dirnameOf(__filename);',
    ].join(' '),
  },
  plugins: [withoutUnused],
  logLevel: 'warning',
});
writeFileSync(join(root, 'dist/THIRD-PARTY-LICENSES'), licences(metafile));

/** The licence texts of every package that is in the bundle. */
function licences({ inputs }) {
  const folders = new Set(
    Object.keys(inputs).flatMap(
      (path) => /^node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
    ),
  );
  const texts = [...folders].sort().map((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const text = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENCE', 'COPYING']
      .map((name) => {
        try {
          return readFileSync(join(root, folder, name), 'utf8');
        } catch {
          return undefined;
        }
      })
      .find((found) => found !== undefined);
    return `${manifest.name} ${manifest.version} (${manifest.license})\n\n${text ?? ''}`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n`);
}
