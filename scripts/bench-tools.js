// Tools of the benchmarks: sandboxes, projects, runs of the built command, and clean-up.
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BatchGetImageCommand, ECRClient } from '@aws-sdk/client-ecr';
import Docker from 'dockerode';

/** The command that is measured. */
export const BIN = join(dirname(fileURLToPath(import.meta.url)), '../bin/ecsdeploy.js');

/** The repository of the sandbox. */
const REPOSITORY = 'hyeon9mak-dev';

/**
 * Loaded into a run before everything else; writes its CPU seconds and peak memory in bytes at exit.
 * On Linux `ru_maxrss` starts at the parent's value, so that the peak comes from /proc if it exists.
 */
export const METER = `data:text/javascript,${encodeURIComponent(`
import { readFileSync, writeFileSync } from 'node:fs';
process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  let kilobytes = maxRSS;
  try {
    kilobytes = Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  } catch {}
  const usage = { cpu: (userCPUTime + systemCPUTime) / 1e6, peak: kilobytes * 1024 };
  writeFileSync(process.env.BENCH_USAGE, JSON.stringify(usage));
});`)}`;

/** Connects to the daemon of DOCKER_HOST; `close` removes everything that was created with the bench. */
export async function openBench(runs, say) {
  const controller = new AbortController();
  const { signal } = controller;
  const host = process.env['DOCKER_HOST'] || 'unix:///var/run/docker.sock';
  const { socketPath, ...tcp } = daemonAddress(host);
  const docker = new Docker(
    socketPath === undefined ? { protocol: 'http', ...tcp } : { socketPath },
  );
  const { Version } = await docker.version();
  const { Driver } = await docker.info();
  const foreign = new Set((await cacheRecords(docker)).map(({ ID }) => ID));
  const folder = mkdtempSync(join(tmpdir(), 'ecsdeploy-bench-'));
  const children = new Set();
  const tags = new Set();
  const closers = [];

  const interrupt = () => {
    controller.abort();
    for (const child of children) child.kill('SIGTERM');
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);

  const bench = {
    runs,
    say,
    signal,
    docker,
    host,
    version: `${Version} (${Driver})`,
    /** A unique name. */
    name: () => `bench-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`,
    /** Registers the name of an image for removal. */
    own: (reference) => {
      tags.add(reference);
      return reference;
    },
    onClose: (close) => closers.push(close),
    start: (command, args, options) => {
      signal.throwIfAborted();
      const child = spawn(command, args, options);
      children.add(child);
      child.once('close', () => children.delete(child));
      return child;
    },
    /** Creates a folder with files (`[path, parts]`) and flushes them to disk. */
    project: async (files) => {
      const project = join(folder, bench.name());
      for (const [path, parts] of files) {
        signal.throwIfAborted();
        mkdirSync(dirname(join(project, path)), { recursive: true });
        for (const bytes of parts) writeFileSync(join(project, path), bytes, { flag: 'a' });
      }
      await once(bench.start('sync', [], { stdio: 'ignore' }), 'close');
      return project;
    },
    /** A path for a file or a socket. */
    path: () => join(folder, bench.name()),
    sandbox: (registry) => openSandbox(bench, registry),
    push: (world, project, dockerHost = host) => startPush(bench, world, project, dockerHost),
    /** Removes a project, the created images, and the build cache created since the start. */
    sweep: async (project) => {
      if (project !== undefined) rmSync(project, { recursive: true, force: true });
      for (const reference of tags) await removeImage(docker, reference);
      tags.clear();
      await pruneRecords(docker, foreign);
    },
    close: async () => {
      say('Cleaning up');
      for (const close of closers) close();
      const gone = [...children].map((child) => once(child, 'close'));
      for (const child of children) child.kill('SIGTERM');
      await Promise.all(gone);
      await bench.sweep(folder);
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    },
  };
  return bench;
}

/** `{socketPath}` or `{host, port}`. */
export function daemonAddress(dockerHost) {
  const { protocol, hostname, port, pathname } = new URL(dockerHost);
  if (protocol === 'unix:') return { socketPath: pathname };
  if (protocol === 'tcp:') return { host: hostname, port: Number(port || 2375) };
  throw new Error(`DOCKER_HOST=${dockerHost}: the bench supports only unix:// and tcp://`);
}

async function removeImage(docker, reference) {
  try {
    await docker.getImage(reference).remove({ force: true });
  } catch (error) {
    if (error.statusCode !== 404) throw error;
  }
}

async function cacheRecords(docker) {
  return (await docker.df()).BuildCache ?? [];
}

/**
 * Prunes new cache records one by one, because pruning the whole cache would remove the user's own.
 * Records of someone else's build at the same time are removed too, unless they are in use.
 */
async function pruneRecords(docker, foreign) {
  for (let before = Infinity; ;) {
    const records = await cacheRecords(docker);
    const made = records.filter(({ ID, InUse }) => !foreign.has(ID) && !InUse);
    // Records that others depend on are removed in a later round.
    if (made.length === 0 || made.length >= before) return;
    before = made.length;
    for (const { ID } of made) await pruneRecord(docker, ID);
  }
}

/** Prunes one record; dockerode's own method has no filter. */
function pruneRecord({ modem }, id) {
  const options = { all: true, filters: JSON.stringify({ id: [id] }) };
  const request = { path: '/build/prune?', method: 'POST', options, statusCodes: { 200: true } };
  return new Promise((resolve, reject) => {
    modem.dial(request, (error) => (error ? reject(error) : resolve()));
  });
}

/** Starts a sandbox; `registry` (`{ host, password }`) replaces its own registry. */
async function openSandbox(bench, registry) {
  const args = ['sandbox', '--docker', 'daemon', '--progress', 'json'];
  const environment = { ...process.env, DOCKER_HOST: bench.host };
  if (registry !== undefined) {
    args.push('--registry', registry.host);
    environment.ECSDEPLOY_REGISTRY_PASSWORD = registry.password;
  }
  const child = bench.start(process.execPath, [BIN, ...args], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const world = await readWorld(child, environment);
  const ecr = new ECRClient({
    endpoint: world.environment.AWS_ENDPOINT_URL,
    region: world.environment.AWS_REGION,
    credentials: { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'sandbox' },
  });
  bench.onClose(() => ecr.destroy());
  return {
    ...world,
    ecr,
    /** Whether ECR has an image with this tag. */
    holds: async (imageTag) => {
      const query = { repositoryName: REPOSITORY, imageIds: [{ imageTag }] };
      const { images } = await ecr.send(new BatchGetImageCommand(query));
      return images.length > 0;
    },
    close: async () => {
      child.kill('SIGTERM');
      await once(child, 'close');
    },
  };
}

/** The registry's host and the environment variables that the sandbox prints when it is ready. */
export async function readWorld(child, environment) {
  let registry = '';
  for await (const line of createInterface({ input: child.stderr })) {
    const event = JSON.parse(line);
    if (event.kind === 'error') throw new Error(event.message);
    if (event.kind === 'sandbox-started') registry = event.registry;
    if (event.kind !== 'sandbox-waiting') continue;
    const variables = event.variables.map((line) => /^export (\w+)='(.*)'$/s.exec(line).slice(1));
    return { registry, environment: { ...environment, ...Object.fromEntries(variables) } };
  }
  throw new Error('the sandbox did not start');
}

/**
 * Starts `ecsdeploy push` of a project with a new tag. `events` emits each event of the command as
 * `event`; `end` resolves to status, result, wall seconds, CPU seconds and peak memory in bytes.
 */
function startPush(bench, world, project, dockerHost) {
  const tag = bench.name();
  const reference = bench.own(`${world.registry}/${REPOSITORY}:${tag}`);
  const usage = bench.path();
  const args = ['push', '--repository', REPOSITORY, '--tag', tag, '--json', '--progress', 'json'];
  const begun = performance.now();
  const child = bench.start(process.execPath, ['--import', METER, BIN, ...args], {
    cwd: project,
    env: { ...world.environment, DOCKER_HOST: dockerHost, BENCH_USAGE: usage },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const events = new EventEmitter();
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('{')) events.emit('event', JSON.parse(line));
  });
  let stdout = '';
  child.stdout.on('data', (text) => (stdout += text));
  const exit = once(child, 'exit').then(() => performance.now());
  const end = once(child, 'close').then(async ([status]) => {
    bench.signal.throwIfAborted();
    const seconds = ((await exit) - begun) / 1000;
    return {
      status,
      seconds,
      ...JSON.parse(readFileSync(usage, 'utf8')),
      result: JSON.parse(stdout),
    };
  });
  // If the bench is interrupted, this promise can reject before anything awaits it.
  end.catch(() => undefined);
  return { child, reference, tag, events, exit, end };
}

/** Pushes a project; returns wall and CPU seconds, peak bytes and files sent. Throws if the push fails. */
export async function pushed(bench, world, project, dockerHost) {
  const run = bench.push(world, project, dockerHost);
  let files = NaN;
  run.events.on('event', (event) => {
    if (event.kind === 'context-sent') files = event.files;
  });
  const { status, result, ...figures } = await run.end;
  if (status !== 0) throw new Error(result.error?.message ?? `ecsdeploy ended with ${status}`);
  return { ...figures, files, build: result.seconds.build, push: result.seconds.push };
}
