// Compares measurements with their targets: `npm run bench -- image`; exit status 1 if one is missed.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { openBench } from './bench-tools.js';
import { IMAGE_PARTS } from './bench-image.js';

const HELP = `npm run bench -- image [--runs N] [--only PART]...

Measures ecsdeploy push with the Docker daemon of DOCKER_HOST in the sandbox. Takes minutes and some GB of
disk and memory; removes the files, images and build cache that it creates. --runs N: runs per measurement
(default: 3); the median counts, for cancel the worst. Parts: ${Object.keys(IMAGE_PARTS).join(', ')}.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true, default: Object.keys(IMAGE_PARTS) },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const runs = Number(values.runs);
const isAsked =
  positionals.join(' ') === 'image' &&
  Number.isInteger(runs) &&
  runs > 0 &&
  values.only.every((part) => part in IMAGE_PARTS);
if (values.help || !isAsked) {
  (values.help ? process.stdout : process.stderr).write(HELP);
  process.exit(values.help ? 0 : 2);
}

// The SDK would print a notice about Node 20.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
const say = (line) => void process.stderr.write(`${line}\n`);
const load = loadavg()[0] ?? 0;
if (load > 1) say(`The machine is busy (load ${load.toFixed(1)}); measure again when it is idle.`);
const bench = await openBench(runs, say).catch((error) => {
  say(`Cannot use the Docker daemon: ${error.message}`);
  process.exit(1);
});
try {
  say(`Docker ${bench.version}, Node ${process.versions.node}, median of ${runs}`);
  const rows = [];
  for (const part of values.only) rows.push(...(await IMAGE_PARTS[part](bench)));
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
