// A whole deploy in the sandbox: `npm run demo`.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const command = [process.execPath, join(root, 'bin/ecsdeploy.js')];
// The tag is the commit's; where there is no git it has to be given.
const hasCommit = spawnSync('git', ['-C', root, 'rev-parse', 'HEAD']).status === 0;
const { status } = spawnSync(
  command[0],
  [command[1], 'sandbox', '--', ...command, 'deploy', ...(hasCommit ? [] : ['--tag', 'demo'])],
  { cwd: join(root, 'examples/hello'), stdio: 'inherit' },
);
process.exitCode = status ?? 1;
