// Creates the tarball to publish: the bundle without dependencies. `npm run pack -- --release` also
// requires the URL of the repository, to which the published manifest links.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const npm = (args, cwd) => execFileSync('npm', args, { cwd, encoding: 'utf8' });
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const url = repositoryUrl();
if (url === undefined && process.argv.includes('--release')) {
  process.stderr.write(
    'A release needs the URL of the repository: set GITHUB_REPOSITORY=OWNER/NAME, or add the git remote "origin".\n',
  );
  process.exit(1);
}
const stage = mkdtempSync(join(tmpdir(), 'ecsdeploy-pack-'));
try {
  for (const path of [...manifest.files, 'README.md', 'LICENSE']) {
    cpSync(join(root, path), join(stage, path), { recursive: true });
  }
  // `private` prevents `npm publish` in the clone, whose manifest names the bundled packages.
  const { dependencies, devDependencies, scripts, private: _, ...rest } = manifest;
  const published = {
    ...rest,
    ...(url && {
      homepage: `${url}#readme`,
      bugs: `${url}/issues`,
      repository: { type: 'git', url: `git+${url}.git` },
    }),
  };
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`);
  const { messages, pkg } = await publint({ pkgDir: stage, strict: true });
  for (const message of messages) process.stderr.write(`${formatMessage(message, pkg)}\n`);
  if (messages.length > 0) process.exitCode = 1;

  // Installed in an empty folder, it must be the only package, and it must run.
  const [{ filename }] = JSON.parse(npm(['pack', '--json', '--pack-destination', root], stage));
  const empty = join(stage, 'installed');
  mkdirSync(empty);
  writeFileSync(join(empty, 'package.json'), '{ "private": true }');
  npm(['install', '--no-audit', '--no-fund', join(root, filename)], empty);
  const list = JSON.parse(npm(['ls', '--all', '--json'], empty));
  const names = Object.keys(list.dependencies);
  const nested = Object.keys(list.dependencies.ecsdeploy?.dependencies ?? {});
  if (names.length !== 1 || nested.length > 0)
    throw new Error(`The tarball installs more than itself: ${names}, ${nested}`);
  const version = execFileSync('npx', ['--no-install', 'ecsdeploy', '--version'], {
    cwd: empty,
    encoding: 'utf8',
  });
  if (version.trim() !== manifest.version)
    throw new Error(`The installed ecsdeploy prints version ${version}`);
  process.stdout.write(`${filename}\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}

/** The URL of the repository, from GitHub Actions or the git remote `origin`; undefined without both. */
function repositoryUrl() {
  const { GITHUB_SERVER_URL = 'https://github.com', GITHUB_REPOSITORY } = process.env;
  if (GITHUB_REPOSITORY) return `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;
  const args = ['-C', root, 'remote', 'get-url', 'origin'];
  const origin = spawnSync('git', args, { encoding: 'utf8' }).stdout?.trim() ?? '';
  const [, host, path] =
    /^(?:https:\/\/|ssh:\/\/)?(?:[^@/]+@)?([^:/]+\.[^:/]+)[:/](?!\/)(.+?)(?:\.git)?\/?$/.exec(
      origin,
    ) ?? [];
  return host && `https://${host}/${path}`;
}
