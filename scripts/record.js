// Draws the recordings of docs/images from their events: `npm run record`. With `-- --events` it
// deploys in the sandbox first, and records the events again.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mock } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const RECORDINGS = [
  { name: 'deploy', title: 'A deployment that succeeds' },
  { name: 'failed-deploy', title: 'A deployment that fails, and why', scenario: 'crash' },
];
const [COLUMNS, ROWS] = [100, 24];
/** Milliseconds between two frames, and for which the last one stays. */
const [STEP, REST] = [400, 5000];
/** Pixels of a character and of a line. */
const [WIDTH, HEIGHT] = [8.4, 18];
const COLOURS = { 31: '#ff7b72', 32: '#56d364', 33: '#e3b341', 36: '#56d4dd' };

const { terminalReporter } = await loadReporter();
for (const { name, title, scenario } of RECORDINGS) {
  const file = join(root, 'docs/images', `${name}.jsonl`);
  if (process.argv.includes('--events')) writeFileSync(file, recordEvents(scenario));
  const events = readFileSync(file, 'utf8').trim().split('\n').map(readEvent);
  writeFileSync(join(root, 'docs/images', `${name}.svg`), toSvg(title, framesOf(events)));
}

async function loadReporter() {
  const folder = mkdtempSync(join(tmpdir(), 'ecsdeploy-record-'));
  const outfile = join(folder, 'terminal.mjs');
  const entry = join(root, 'src/report/terminal.ts');
  try {
    await build({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'node' });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function recordEvents(scenario) {
  const ecsdeploy = [process.execPath, join(root, 'bin/ecsdeploy.js')];
  const inside = scenario === undefined ? [] : ['--scenario', scenario];
  const [node, ...args] = [
    ...[...ecsdeploy, 'sandbox', '--docker', 'stand-in', '--speed', '8', ...inside, '--'],
    ...[...ecsdeploy, 'deploy', '--tag', '4f2c9e1', '--progress', 'json'],
  ];
  const cwd = join(root, 'examples/hello');
  const { stderr } = spawnSync(node, args, { cwd, encoding: 'utf8' });
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => `${line}\n`)
    .join('');
}

/** An event as the reporters take it, from a line of `--progress json`. */
function readEvent(line) {
  const { at: time, kind, ...members } = JSON.parse(line);
  const at = new Date(time);
  return kind === 'error' ? { at, kind, error: members } : { at, kind, ...members };
}

/** What the terminal shows over time: its lines, and the milliseconds at which they appear. */
function framesOf(events) {
  const start = events[0].at.getTime();
  const rest = [...events];
  const screen = makeScreen();
  const frames = [];
  const show = (at) => {
    const lines = screen.lines();
    if (frames.at(-1)?.lines.join('\n') !== lines.join('\n')) frames.push({ at, lines });
  };
  screen.write('\u001B[32m$\u001B[39m ecsdeploy deploy\n');
  show(0);
  mock.timers.enable({ apis: ['Date', 'setInterval', 'setTimeout'], now: start });
  const reporter = terminalReporter(screen, {
    verbose: false,
    colour: true,
    unicode: true,
    links: false,
    guard: (text) => text,
  });
  while (rest.length > 0) {
    const until = Date.now() + STEP;
    while (rest[0]?.at.getTime() <= until) {
      mock.timers.tick(Math.max(0, rest[0].at.getTime() - Date.now()));
      reporter.report(rest.shift());
    }
    mock.timers.tick(until - Date.now());
    show(until - start);
  }
  reporter.end();
  show(Date.now() - start + STEP);
  mock.timers.reset();
  return frames;
}

/** A terminal that knows the sequences that the live view writes; its lines keep their colours. */
function makeScreen() {
  const lines = [''];
  let row = 0;
  const controls = {
    K: () => (lines[row] = ''),
    A: () => (row = Math.max(0, row - 1)),
  };
  const write = (text) => {
    for (const [part, control] of text.matchAll(
      /\u001B\[\??\d*([A-Za-ln-z])|\n|[^\n\u001B]+|\u001B\[\d*m/g,
    )) {
      if (control !== undefined) controls[control]?.();
      else if (part !== '\n') lines[row] += part;
      else {
        row += 1;
        lines[row] ??= '';
      }
    }
  };
  return {
    write,
    getWindowSize: () => [COLUMNS, ROWS],
    on: () => undefined,
    off: () => undefined,
    lines: () =>
      lines
        .slice(0, lines.findLastIndex((line) => line !== '') + 1)
        .flatMap(wrap)
        .slice(-ROWS),
  };
}

/** The rows that a line takes; only lines that stay can be longer than the screen. */
function wrap(line) {
  const rows = [''];
  let [column, style] = [0, ''];
  for (const part of line.match(/\u001B\[\d*m|./gu) ?? []) {
    if (part.length > 2) style += part;
    else if ((column += 1) > COLUMNS) {
      rows.push(style);
      column = 1;
    }
    rows.push(rows.pop() + part);
  }
  return rows;
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** The runs of one style in a painted line, as SVG. */
function toText(line) {
  let [style, column, svg] = [{}, 0, ''];
  for (const part of line.split(/(\u001B\[\d+m)/)) {
    const code = Number(/^\u001B\[(\d+)m/.exec(part)?.[1] ?? Number.NaN);
    if (code === 1) style = { ...style, bold: true };
    else if (code === 2) style = { ...style, dim: true };
    else if (code === 22) style = { ...style, bold: false, dim: false };
    else if (code === 39) style = { ...style, fill: undefined };
    else if (code in COLOURS) style = { ...style, fill: COLOURS[code] };
    else if (Number.isNaN(code) && part !== '') {
      const shown = [...part].slice(0, Math.max(0, COLUMNS - column)).join('');
      const { bold, dim, fill } = style;
      const attributes = `${fill ? ` fill="${fill}"` : ''}${bold ? ' font-weight="bold"' : ''}${dim ? ' opacity=".65"' : ''}`;
      const x = Math.round(column * WIDTH * 10) / 10;
      if (shown.trim() !== '')
        svg += `<tspan x="${x}"${attributes} xml:space="preserve">${escape(shown)}</tspan>`;
      column += [...part].length;
    }
  }
  return svg;
}

/** One animated picture: each row once, and for each frame the rows that it shows. */
function toSvg(title, frames) {
  const rows = new Map();
  const idOf = (line) => {
    if (!rows.has(line)) rows.set(line, `r${rows.size}`);
    return rows.get(line);
  };
  const total = frames.at(-1).at + REST;
  const percent = (time) => `${Math.round((time / total) * 10_000) / 100}%`;
  const groups = frames.map(({ at, lines }, index) => {
    const until = frames[index + 1]?.at;
    const hidden = '{visibility:hidden}';
    const rule = [
      ...(at > 0 ? [`0%${hidden}`] : []),
      `${percent(at)}{visibility:visible}`,
      ...(until === undefined ? [] : [`${percent(until)}${hidden}`]),
    ];
    const uses = lines.flatMap((line, row) =>
      line === '' ? [] : [`<use href="#${idOf(line)}" y="${row * HEIGHT}"/>`],
    );
    return {
      style: `@keyframes k${index}{${rule.join('')}}.f${index}{animation-name:k${index}}`,
      svg: `<g class="f f${index}">${uses.join('')}</g>`,
    };
  });
  const [wide, high] = [Math.ceil(COLUMNS * WIDTH) + 32, ROWS * HEIGHT + 32];
  const defs = [...rows].map(([line, id]) => `<text id="${id}">${toText(line)}</text>`);
  const last = frames.length - 1;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${high}" width="${wide}" height="${high}" role="img" aria-label="${title}">
<title>${title}</title>
<style>
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#e6edf3;white-space:pre}
.f{visibility:hidden;animation:${total}ms step-end infinite}
${groups.map(({ style }) => style).join('\n')}
@media (prefers-reduced-motion:reduce){.f{animation:none}.f${last}{visibility:visible}}
</style>
<rect width="100%" height="100%" rx="8" fill="#0d1117" stroke="#30363d"/>
<defs>
${defs.join('\n')}
</defs>
<g transform="translate(16 28)">
${groups.map(({ svg }) => svg).join('\n')}
</g>
</svg>
`;
}
