// The measurements of `npm run bench -- image`: builds and pushes with the daemon of this machine.
import { spawnSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { openDaemonProxy, openSlowRegistry } from './bench-proxies.js';
import { pushed } from './bench-tools.js';

/** Parts by name; each returns rows of the table. */
export const IMAGE_PARTS = { cold, warm, big, cache, cancel };

const DOCKERFILE = ['Dockerfile', ['FROM scratch\nCOPY . /app\n']];
const FILE = 2048;
const MEGABYTE = 1 << 20;

function* manyFiles() {
  yield DOCKERFILE;
  for (let index = 0; index < 20_000; index += 1) {
    yield [`folder-${index % 200}/file-${index}`, [randomBytes(FILE)]];
  }
}

function* bigFile() {
  yield DOCKERFILE;
  yield ['big', Array.from({ length: 64 }, () => randomBytes(16 * MEGABYTE))];
}

async function cold(bench) {
  const { ours, ratio } = await compare(bench, '20,000 files, cold', manyFiles);
  return [
    ratio(0.7),
    atMost('20,000 files, cold: CPU of ecsdeploy', seconds(median(ours, 'cpu')), 3),
  ];
}

async function big(bench) {
  const { ours, ratio } = await compare(bench, '1 GB file, cold', bigFile);
  const peak = median(ours, 'peak') / MEGABYTE;
  return [
    ratio(1),
    atMost(
      '1 GB file: peak memory of ecsdeploy',
      { value: peak, text: `${peak.toFixed(0)} MB` },
      200,
      'MB',
    ),
  ];
}

/**
 * Builds new projects, alternately with ecsdeploy and with the classic builder. New content in a new
 * folder is a cold build and needs no emptied cache. The wall time does not include the push.
 */
async function compare(bench, what, files) {
  const hasCli = spawnSync('docker', ['--version']).status === 0;
  const ours = [];
  const classic = [];
  const byTurns = [
    async (project) => {
      // One sandbox per run, so that its registry does not keep the layers of every run in memory.
      const world = await bench.sandbox();
      const figures = await pushed(bench, world, project);
      await world.close();
      ours.push({ ...figures, wall: figures.seconds - figures.push });
    },
    async (project) => {
      if (hasCli) classic.push(await buildClassic(bench, project));
    },
  ];
  for (let run = 0; run < bench.runs; run += 1) {
    for (const build of run % 2 === 0 ? byTurns : byTurns.toReversed()) {
      const project = await bench.project(files());
      await build(project);
      await bench.sweep(project);
    }
    bench.say(
      `${what}: ${ours.at(-1).wall.toFixed(1)} s, docker build ${classic.at(-1)?.toFixed(1) ?? '?'} s`,
    );
  }
  return { ours, ratio: (limit) => ratioRow(what, median(ours, 'wall'), classic, limit) };
}

/** Wall seconds of `docker build` with the classic builder. */
async function buildClassic(bench, project) {
  const tag = bench.own(bench.name());
  const begun = performance.now();
  const child = bench.start('docker', ['build', '--quiet', '--tag', tag, '.'], {
    cwd: project,
    env: { ...process.env, DOCKER_HOST: bench.host, DOCKER_BUILDKIT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  const [status] = await once(child, 'close');
  bench.signal.throwIfAborted();
  if (status !== 0) throw new Error(`docker build failed: ${stderr}`);
  return (performance.now() - begun) / 1000;
}

function ratioRow(what, wall, classic, limit) {
  const target = `≤ ${limit} × docker build`;
  if (classic.length === 0) {
    return { what: `${what}: wall`, value: `${wall.toFixed(1)} s; no docker CLI found`, target };
  }
  const theirs = median(classic);
  const ratio = wall / theirs;
  const value = `${ratio.toFixed(2)} × (${wall.toFixed(1)} s : ${theirs.toFixed(1)} s)`;
  return { what: `${what}: wall`, value, target, isMet: ratio <= limit };
}

async function warm(bench) {
  const world = await bench.sandbox();
  const proxy = await openDaemonProxy(bench);
  const project = await bench.project(manyFiles());
  await expectFiles(20_002, pushed(bench, world, project));

  const unchanged = [];
  for (let run = 0; run < bench.runs; run += 1) {
    unchanged.push(await expectFiles(0, pushed(bench, world, project)));
    bench.say(`20,000 files, unchanged: ${unchanged.at(-1).seconds.toFixed(2)} s`);
  }
  proxy.take();
  await expectFiles(0, pushed(bench, world, project, proxy.url));
  const stats = proxy.take();
  const changed = [];
  for (let run = 0; run < bench.runs; run += 1) {
    writeFileSync(join(project, `folder-${run}/file-${run}`), randomBytes(FILE));
    const figures = await expectFiles(1, pushed(bench, world, project, proxy.url));
    changed.push({ ...figures, bytes: proxy.take() - stats });
    bench.say(`20,000 files, one changed: ${changed.at(-1).bytes} B`);
  }
  await world.close();
  await bench.sweep(project);

  const bytes = median(changed, 'bytes');
  const [build, push] = [median(unchanged, 'build'), median(unchanged, 'push')];
  return [
    atMost('20,000 files, unchanged: whole command', seconds(median(unchanged, 'seconds')), 1),
    { what: '  build and push', value: `${build.toFixed(2)} s + ${push.toFixed(2)} s` },
    atMost(
      `20,000 files, one of ${FILE} B changed: sent in addition to ${stats} B of stats`,
      { value: bytes, text: `${bytes} B` },
      Math.floor(1.1 * FILE),
      'B',
    ),
    atMost('20,000 files, one changed: CPU of ecsdeploy', seconds(median(changed, 'cpu')), 1.2),
  ];
}

/** Throws if a run sent another number of files: it measured something else. */
async function expectFiles(count, run) {
  const figures = await run;
  if (figures.files === count) return figures;
  throw new Error(`${figures.files} files were sent, expected ${count}`);
}

/** Stages of 4, 3 and 2 seconds; only the second one depends on the source. */
const STAGES = `FROM scratch AS deps
COPY --chmod=755 busybox /busybox
RUN --network=none ["/busybox", "sleep", "4"]
FROM deps AS build
COPY source /source
RUN --network=none ["/busybox", "sleep", "3"]
FROM deps
RUN --network=none ["/busybox", "sleep", "2"]
COPY --from=build /source /source
ENTRYPOINT ["/busybox"]
`;

/** Builds as CI does, each on an emptied daemon, with `build.cache` in a registry that starts empty. */
async function cache(bench) {
  const { DriverStatus = [] } = await bench.docker.info();
  const canWrite = DriverStatus.flat().includes('io.containerd.snapshotter.v1');
  const targets = [
    ['registry cache, source changed: build', 0.6],
    ['registry cache, nothing changed: build', 0.15],
  ];
  if (!canWrite || spawnSync(BUSYBOX, ['true']).status !== 0) {
    const value = `skipped: needs the containerd image store and ${BUSYBOX}`;
    return targets.map(([what, limit]) => ({ what, value, target: `≤ ${limit} × cold` }));
  }
  const ratios = [[], []];
  const times = [[], [], []];
  for (let run = 0; run < bench.runs; run += 1) {
    const world = await bench.sandbox();
    const ci = { ...world, environment: { ...world.environment, CI: 'true' } };
    const project = await bench.project([
      ['busybox', [readFileSync(BUSYBOX)]],
      ['Dockerfile', [STAGES]],
      ['source', [randomBytes(FILE)]],
      ['.ecsdeployrc', ['build: { cache: true }\n']],
    ]);
    const all = [];
    for (const change of [false, true, false]) {
      if (change) writeFileSync(join(project, 'source'), randomBytes(FILE));
      all.push((await pushed(bench, ci, project)).build);
      await bench.sweep();
    }
    for (const [index, time] of all.entries()) times[index].push(time);
    ratios[0].push(all[1] / all[0]);
    ratios[1].push(all[2] / all[0]);
    bench.say(`registry cache: ${all.map((time) => `${time.toFixed(1)} s`).join(', ')}`);
    await world.close();
    await bench.sweep(project);
  }
  const cold = median(times[0]);
  return targets.map(([what, limit], index) => {
    const ratio = median(ratios[index]);
    const value = `${ratio.toFixed(2)} × (${median(times[index + 1]).toFixed(1)} s : ${cold.toFixed(1)} s)`;
    return { what, value, target: `≤ ${limit} × cold`, isMet: ratio <= limit };
  });
}

async function cancel(bench) {
  return [...(await cancelBuilds(bench)), ...(await cancelPushes(bench))];
}

/** Target in seconds from Ctrl-C until everything has ended. */
const CANCELLED = 0.5;

/** A static program, for a step in an empty image. */
const BUSYBOX = '/bin/busybox';

async function cancelBuilds(bench) {
  const what = 'Ctrl-C in a step: process, step and session ended (worst)';
  if (spawnSync(BUSYBOX, ['true']).status !== 0 || !existsSync('/proc/self/cmdline')) {
    return [{ what, value: `skipped: needs ${BUSYBOX} and /proc`, target: `≤ ${CANCELLED} s` }];
  }
  const world = await bench.sandbox();
  const proxy = await openDaemonProxy(bench);
  const times = [];
  let images = 0;
  for (let run = 0; run < bench.runs; run += 1) {
    const command = ['/busybox', 'sleep', String(randomInt(100_000, 1_000_000))];
    const project = await bench.project([
      ['busybox', [readFileSync(BUSYBOX)]],
      [
        'Dockerfile',
        [`FROM scratch\nCOPY --chmod=755 busybox /\nRUN ${JSON.stringify(command)}\n`],
      ],
    ]);
    const { child, reference, exit, end } = bench.push(world, project, proxy.url);
    const step = await until(() => findProcess(command), child);
    const begun = performance.now();
    child.kill('SIGINT');
    const gone = async (isGone) => {
      await until(isGone);
      return performance.now();
    };
    const ended = await Promise.all([
      exit,
      gone(() => commandOf(step) === ''),
      gone(() => proxy.open.size === 0),
    ]);
    times.push(ended.map((time) => (time - begun) / 1000));
    await expectInterrupted(end);
    if (await hasImage(bench, reference)) images += 1;
    await bench.sweep(project);
  }
  await world.close();
  return [worst(what, times), none('Ctrl-C in a step: images with its tag', images)];
}

async function cancelPushes(bench) {
  const world = await bench.sandbox();
  const { authorizationData } = await world.ecr.send(new GetAuthorizationTokenCommand({}));
  const token = Buffer.from(authorizationData[0].authorizationToken, 'base64').toString();
  const times = [];
  let images = 0;
  for (let run = 0; run < bench.runs; run += 1) {
    const registry = await openSlowRegistry(bench, world.registry);
    const behind = await bench.sandbox({ host: registry.host, password: token.slice(4) });
    const project = await bench.project([
      DOCKERFILE,
      ['layer', Array.from({ length: 8 }, () => randomBytes(16 * MEGABYTE))],
    ]);
    const { child, tag, exit, end } = bench.push(behind, project);
    await Promise.race([registry.held, end]);
    const begun = performance.now();
    child.kill('SIGINT');
    registry.letGo();
    // An upload that continues counts as 30 s.
    const never = sleep(30_000, undefined, { ref: false }).then(() => performance.now());
    const ended = await Promise.all([exit, Promise.race([registry.cut, never])]);
    times.push(ended.map((time) => (time - begun) / 1000));
    await expectInterrupted(end);
    if (await behind.holds(tag)) images += 1;
    await behind.close();
    await bench.sweep(project);
  }
  await world.close();
  return [
    worst('Ctrl-C in a push: process and upload ended (worst)', times),
    none('Ctrl-C in a push: images with its tag in ECR', images),
  ];
}

async function expectInterrupted(end) {
  const { status } = await end;
  if (status !== 130) throw new Error(`the interrupted push ended with status ${status}`);
}

/** Polls every 5 ms until `look` returns a value; throws after 30 s or when the child has exited. */
async function until(look, child) {
  for (const begun = performance.now(); performance.now() - begun < 30_000; await sleep(5)) {
    const found = look();
    if (found) return found;
    if (typeof child?.exitCode === 'number') break;
  }
  throw new Error('timed out while waiting');
}

/** The id of the process with this command line; undefined if there is none. */
function findProcess(command) {
  const wanted = command.join(' ');
  return readdirSync('/proc').find((name) => /^\d+$/.test(name) && commandOf(name) === wanted);
}

function commandOf(id) {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

async function hasImage({ docker }, reference) {
  try {
    await docker.getImage(reference).inspect();
    return true;
  } catch (error) {
    if (error.statusCode === 404) return false;
    throw error;
  }
}

function worst(what, times) {
  const parts = times.map((time) => Math.max(...time).toFixed(2)).join(', ');
  const value = Math.max(...times.flat());
  return { ...atMost(what, { value, text: `${value.toFixed(2)} s (${parts})` }, CANCELLED, 's') };
}

function none(what, count) {
  return { what, value: String(count), target: '0', isMet: count === 0 };
}

function atMost(what, { value, text }, limit, unit = 's') {
  return { what, value: text, target: `≤ ${limit} ${unit}`, isMet: value <= limit };
}

const seconds = (value) => ({ value, text: `${value.toFixed(2)} s` });

/** The median of numbers, or of a member of records. */
function median(items, key) {
  const sorted = items
    .map((item) => (key === undefined ? item : item[key]))
    .toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
