// Makes the tarball that is published: the bundle alone, so that installing it installs nothing else.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const npm = (args, cwd) => execFileSync('npm', args, { cwd, encoding: 'utf8' });
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const stage = mkdtempSync(join(tmpdir(), 'ecsdeploy-pack-'));
try {
  for (const path of [...manifest.files, 'README.md', 'LICENSE']) {
    cpSync(join(root, path), join(stage, path), { recursive: true });
  }
  const { dependencies, devDependencies, scripts, ...published } = manifest;
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`);
  const { messages, pkg } = await publint({ pkgDir: stage, strict: true });
  for (const message of messages) process.stderr.write(`${formatMessage(message, pkg)}\n`);
  if (messages.length > 0) process.exitCode = 1;

  // Proof: installed into an empty folder it is the only package, and it runs.
  const [{ filename }] = JSON.parse(npm(['pack', '--json', '--pack-destination', root], stage));
  const empty = join(stage, 'installed');
  mkdirSync(empty);
  writeFileSync(join(empty, 'package.json'), '{ "private": true }');
  npm(['install', '--no-audit', '--no-fund', join(root, filename)], empty);
  const list = JSON.parse(npm(['ls', '--all', '--json'], empty));
  const names = Object.keys(list.dependencies);
  const nested = Object.keys(list.dependencies.ecsdeploy?.dependencies ?? {});
  if (names.length !== 1 || nested.length > 0)
    throw new Error(`it installs more: ${names}, ${nested}`);
  const version = execFileSync('npx', ['--no-install', 'ecsdeploy', '--version'], {
    cwd: empty,
    encoding: 'utf8',
  });
  if (version.trim() !== manifest.version) throw new Error(`it prints ${version}`);
  process.stdout.write(`${filename}\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
