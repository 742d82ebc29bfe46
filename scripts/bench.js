// Compares measurements with their targets; exit status 1 if one is missed.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { DEPLOY_PARTS, openDeployBench } from './bench-deploy.js';
import { IMAGE_PARTS } from './bench-image.js';
import { openBench } from './bench-tools.js';

const HELP = `npm run bench [-- image] [--runs N] [--only PART]... [--fabfuel DIR] [--actions DIR]

Without an argument, measures ecsdeploy deploy with an existing image in the sandbox, without Docker: start-up,
the time to UpdateService, many services, the end of a rollout, a long watch, and the sandbox under load. Takes about 5 minutes.
Parts: ${Object.keys(DEPLOY_PARTS).join(', ')}.

image measures ecsdeploy push with the Docker daemon of DOCKER_HOST in the sandbox. Takes minutes and some GB of
disk and memory; removes the files, images and build cache that it creates. For cancel, the worst run counts.
Parts: ${Object.keys(IMAGE_PARTS).join(', ')}.

--fabfuel DIR: a checkout of fabfuel/ecs-deploy, to measure it beside ecsdeploy.
--actions DIR: a folder with checkouts of aws-actions/amazon-ecs-render-task-definition and
amazon-ecs-deploy-task-definition, likewise.
--runs N: runs per measurement (default: 3); the median counts.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' },
    fabfuel: { type: 'string' },
    actions: { type: 'string' },
    only: { type: 'string', multiple: true },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const runs = Number(values.runs);
const isImage = positionals.join(' ') === 'image';
const parts = isImage ? IMAGE_PARTS : DEPLOY_PARTS;
const only = values.only ?? Object.keys(parts);
const isAsked =
  (isImage || positionals.length === 0) &&
  Number.isInteger(runs) &&
  runs > 0 &&
  only.every((part) => part in parts);
if (values.help || !isAsked) {
  (values.help ? process.stdout : process.stderr).write(HELP);
  process.exit(values.help ? 0 : 2);
}

// The SDK would print a notice about Node 20.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
const say = (line) => void process.stderr.write(`${line}\n`);
const load = loadavg()[0] ?? 0;
if (load > 1) say(`The machine is busy (load ${load.toFixed(1)}); measure again when it is idle.`);
const bench = isImage
  ? await openBench(runs, say).catch((error) => {
      say(`Cannot use the Docker daemon: ${error.message}`);
      process.exit(1);
    })
  : openDeployBench(runs, say, values);
try {
  const docker = isImage ? `Docker ${bench.version}, ` : '';
  say(`${docker}Node ${process.versions.node}, median of ${runs}`);
  const rows = [];
  for (const part of only) {
    say(part);
    const begun = performance.now();
    rows.push(...(await parts[part](bench)));
    say(`  ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  }
  process.stdout.write(table(rows));
  if (rows.some(({ isMet }) => isMet === false)) process.exitCode = 1;
} catch (error) {
  if (!bench.signal.aborted) throw error;
  say('Interrupted.');
  process.exitCode = 130;
} finally {
  await bench.close();
}

/** Formats rows with aligned columns; a row without a target explains the one above. */
function table(rows) {
  const verdict = { true: 'met', false: 'MISSED', undefined: '' };
  const lines = [
    ['', 'measured', 'target', ''],
    ...rows.map(({ what, value, target = '', isMet }) => [what, value, target, verdict[isMet]]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
