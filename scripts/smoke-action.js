// Runs the bundled action in @github/local-action, inside the sandbox: `npm run smoke:action`. npx
// installs the tool, some 330 MB, and nothing of it stays in the project. The tests have a stand-in for
// the runner that reads commands and files; this shows that another program can start the action.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const TOOL = '@github/local-action@7.0.1';
// Its program looks for @actions/core in the project, which has none; its source does not.
const START =
  'exec tsx "$(dirname "$(readlink -f "$(command -v local-action)")")/../src/index.ts" run "$@"';
const RUNS = [
  { scenario: 'success', status: 0, outcome: 'succeeded', says: 'runs hyeon9mak-task-dev:2' },
  { scenario: 'crash', status: 7, outcome: 'rolled-back', says: '::error title=ecsdeploy::' },
];

for (const { scenario, status, outcome, says } of RUNS) {
  const folder = mkdtempSync(join(tmpdir(), 'ecsdeploy-action-'));
  const file = (name) => join(folder, name);
  try {
    // The tool calls a function, where the runner starts a file.
    const action = JSON.stringify(pathToFileURL(join(root, 'dist/action.js')).href);
    writeFileSync(file('entry.mjs'), `export const run = () => import(${action});\n`);
    writeFileSync(file('package.json'), '{}');
    for (const name of ['output', 'summary']) writeFileSync(file(name), '');
    const variables = {
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: file('output'),
      GITHUB_STEP_SUMMARY: file('summary'),
      // It passes the defaults of inputs to @actions/core only.
      INPUT_COMMAND: 'deploy',
      INPUT_TAG: 'smoke',
    };
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(file('.env'), lines.join(''));
    const [node, ...args] = [
      ...[process.execPath, join(root, 'bin/ecsdeploy.js'), 'sandbox', '--docker', 'stand-in'],
      ...['--scenario', scenario, '--', 'npx', '--yes', '--package', TOOL, '--'],
      ...['sh', '-c', START, 'sh', root, relative(root, file('entry.mjs')), file('.env')],
    ];
    const end = spawnSync(node, args, {
      cwd: join(root, 'examples/hello'),
      encoding: 'utf8',
      env: { ...process.env, TARGET_ACTION_PATH: root },
    });
    const log = `${end.stdout}${end.stderr}`;
    const outputs = readFileSync(file('output'), 'utf8');
    const isRight =
      end.status === status && log.includes(says) && outputs.includes(`\n${outcome}\n`);
    process.stdout.write(`${isRight ? 'ok  ' : 'FAIL'} ${scenario}: status ${end.status}\n`);
    if (!isRight) {
      process.stdout.write(`${log}\n${outputs}`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
