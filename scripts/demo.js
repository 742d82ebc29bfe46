// Deploys in the sandbox: `npm run demo`; `npm run demo -- arm64` deploys an image for the wrong CPU.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const ecsdeploy = [process.execPath, join(root, 'bin/ecsdeploy.js')];
const deploy = ['deploy'];
if (process.argv[2] === 'arm64') {
  deploy.push('--platform', 'linux/arm64', '--skip-check', 'image-platform');
}
// Without a git commit the tag has no default.
const hasCommit = spawnSync('git', ['-C', root, 'rev-parse', 'HEAD']).status === 0;
if (!hasCommit) deploy.push('--tag', 'demo');
// The stand-in builds on every machine alike; a real container could not start from this image.
const sandbox = ['sandbox', '--docker', 'stand-in', '--'];
const [node, ...args] = [...ecsdeploy, ...sandbox, ...ecsdeploy, ...deploy];
const { status } = spawnSync(node, args, { cwd: join(root, 'examples/hello'), stdio: 'inherit' });
process.exitCode = status ?? 1;
