// The measurements of `npm run bench`: deploys of an existing image in the sandbox, without Docker.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CreateServiceCommand,
  DescribeServiceDeploymentsCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  ListServiceDeploymentsCommand,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import { build } from 'esbuild';
import { measureSandbox, memoryOf } from './bench-sandbox.js';
import { BIN, METER, readWorld } from './bench-tools.js';

/** Parts by name; each returns rows of the table. */
export const DEPLOY_PARTS = {
  start,
  latency,
  services,
  lag,
  watch,
  sandbox: (bench) => measureSandbox(bench, openWorld),
};

const SERVICE = 'hyeon9mak-service-dev';
const CLUSTER = 'backend';
const MEGABYTE = 1 << 20;

/** What the parts work with; `close` ends every process and removes every file of the bench. */
export function openDeployBench(runs, say, folders) {
  const controller = new AbortController();
  const folder = mkdtempSync(join(tmpdir(), 'ecsdeploy-bench-'));
  const children = new Set();
  const closers = [];
  let made = 0;
  const interrupt = () => {
    controller.abort();
    for (const child of children) child.kill('SIGTERM');
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const bench = {
    runs,
    say,
    folders,
    signal: controller.signal,
    path: () => join(folder, `file-${(made += 1)}`),
    onClose: (close) => closers.push(close),
    start: (command, args, options) => {
      controller.signal.throwIfAborted();
      const child = spawn(command, args, options);
      children.add(child);
      child.once('close', () => children.delete(child));
      return child;
    },
    close: async () => {
      for (const close of closers) close();
      const gone = [...children].map((child) => once(child, 'close'));
      for (const child of children) child.kill('SIGTERM');
      await Promise.all(gone);
      rmSync(folder, { recursive: true, force: true });
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    },
  };
  return bench;
}

/** A sandbox with a client; the speed is that of its clock. */
async function openWorld(bench, speed, options = []) {
  const args = ['sandbox', '--progress', 'json', '--speed', String(speed), ...options];
  const child = bench.start(process.execPath, [BIN, ...args], {
    env: process.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const { registry, environment } = await readWorld(child, {});
  const ecs = new ECSClient({
    endpoint: environment.AWS_ENDPOINT_URL,
    region: environment.AWS_REGION,
    credentials: { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'sandbox' },
  });
  bench.onClose(() => ecs.destroy());
  return {
    ecs,
    image: `${registry}/hyeon9mak-dev:first`,
    environment: { PATH: process.env.PATH, HOME: bench.path(), ...environment },
    memory: () => memoryOf(child.pid),
    close: async () => {
      ecs.destroy();
      child.kill('SIGTERM');
      await once(child, 'close');
    },
  };
}

/** Passes calls on to the sandbox, each after `delay` milliseconds, and notes when each one came. */
async function openSlowApi(bench, target) {
  const api = { delay: 0, calls: [], url: '' };
  const server = createServer((incoming, outgoing) => {
    const { url, method, headers } = incoming;
    const action = String(headers['x-amz-target'] ?? '')
      .split('.')
      .at(-1);
    api.calls.push({ action, at: performance.now() });
    setTimeout(() => {
      const forward = request(new URL(url, target), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      });
      forward.on('error', () => outgoing.destroy());
      incoming.pipe(forward);
    }, api.delay);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  bench.onClose(() => {
    server.closeAllConnections();
    server.close();
  });
  api.url = `http://127.0.0.1:${server.address().port}`;
  return api;
}

/** Runs a command; wall seconds, and with a meter CPU seconds and peak bytes. Throws if it fails. */
async function timed(bench, command, args, { env, cwd }) {
  const begun = performance.now();
  const child = bench.start(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  const exited = once(child, 'exit').then(() => performance.now());
  const [status] = await once(child, 'close');
  bench.signal.throwIfAborted();
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${output}`);
  return { begun, ended: await exited, seconds: ((await exited) - begun) / 1000, output };
}

/** Runs ecsdeploy with a meter. */
async function deployed(bench, args, options) {
  const usage = bench.path();
  const env = { ...options.env, BENCH_USAGE: usage };
  const run = await timed(bench, process.execPath, ['--import', METER, BIN, ...args], {
    ...options,
    env,
  });
  return { ...run, ...JSON.parse(readFileSync(usage, 'utf8')) };
}

const place = ['--cluster', CLUSTER, '--service', SERVICE];
const container = ['--container', 'hyeon9mak-container'];
/** On the sandbox's faster clock, a poll interval would be so short that earlier reads count as stale. */
const usualPoll = { ECSDEPLOY_POLL: '3s' };

/** Bundles a program that makes one call with the SDK and does nothing else; its path. */
async function bundleSdk(bench) {
  const outfile = `${bench.path()}.mjs`;
  const contents = `
import { createRequire } from 'node:module';
import { DescribeServicesCommand, ECSClient } from '@aws-sdk/client-ecs';
globalThis.require ??= createRequire(import.meta.url);
await new ECSClient().send(new DescribeServicesCommand({ cluster: '${CLUSTER}', services: ['${SERVICE}'] }));
`;
  await build({
    stdin: { contents, resolveDir: dirname(fileURLToPath(import.meta.url)) },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    minifyWhitespace: true,
    logLevel: 'warning',
  });
  return outfile;
}

/** The time of a command beside an empty Node, run alternately. */
async function start(bench) {
  const env = { PATH: process.env.PATH };
  const cwd = tmpdir();
  const node = [];
  const commands = ['--help', 'deploy --help', '--version', 'completion bash'];
  const times = Object.fromEntries([...commands, 'first', 'sdk'].map((name) => [name, []]));
  const world = await openWorld(bench, 60);
  const api = await openSlowApi(bench, world.environment.AWS_ENDPOINT_URL);
  const sdk = await bundleSdk(bench);
  for (let run = 0; run < Math.max(bench.runs, 9); run += 1) {
    node.push((await timed(bench, process.execPath, ['-e', '0'], { env, cwd })).seconds);
    for (const name of commands) {
      const args = [BIN, ...name.split(' ')];
      times[name].push((await timed(bench, process.execPath, args, { env, cwd })).seconds);
    }
    const slow = { ...world.environment, AWS_ENDPOINT_URL: api.url };
    for (const [name, args] of [
      ['first', [BIN, 'status', ...place]],
      ['sdk', [sdk]],
    ]) {
      api.calls.length = 0;
      const { begun } = await timed(bench, process.execPath, args, { env: slow, cwd });
      times[name].push((api.calls[0].at - begun) / 1000);
    }
  }
  await world.close();
  const empty = median(node);
  const row = (what, list, limit) => ({
    ...atMost(
      what,
      { value: median(list) / empty, text: factor(median(list) / empty) },
      limit,
      ' ×',
    ),
  });
  return [
    { what: 'node -e 0', value: seconds(empty) },
    row('--help, times an empty node', times['--help'], 1.3),
    row('deploy --help', times['deploy --help'], 1.3),
    row('--version', times['--version'], 1.3),
    row('completion', times['completion bash'], 1.3),
    row('status: first call on the wire', times.first, 2.2),
    {
      what: 'one call with the SDK and nothing else',
      value: factor(median(times.sdk) / empty),
    },
  ];
}

/** The time to UpdateService at three latencies, beside a script of the AWS CLI. */
async function latency(bench) {
  const world = await openWorld(bench, 200);
  const api = await openSlowApi(bench, world.environment.AWS_ENDPOINT_URL);
  const env = { ...world.environment, ...usualPoll, AWS_ENDPOINT_URL: api.url };
  const cwd = tmpdir();
  const hasCli = spawnSync('aws', ['--version']).status === 0;
  if (!hasCli) bench.say('without aws: only ecsdeploy is measured');
  const script = bench.path();
  writeFileSync(script, CLI_SCRIPT);
  const { fabfuel, actions } = bench.folders;
  let number = 0;
  const contestants = {
    'ecsdeploy, new revision': () => {
      number += 1;
      const changed = ['--set-env', `NUMBER=${number}`];
      const args = [
        'deploy',
        ...place,
        ...container,
        '--image',
        world.image,
        ...changed,
        '--no-wait',
      ];
      return timed(bench, process.execPath, [BIN, ...args], { env, cwd });
    },
    'ecsdeploy, same revision': () =>
      timed(
        bench,
        process.execPath,
        [BIN, 'deploy', ...place, ...container, '--image', world.image, '--force', '--no-wait'],
        { env, cwd },
      ),
    ...(hasCli && {
      'AWS CLI script': () => {
        number += 1;
        return timed(bench, 'sh', [script, CLUSTER, SERVICE, String(number)], { env, cwd });
      },
    }),
    ...(fabfuel && {
      'fabfuel/ecs-deploy': () => {
        number += 1;
        const name = container[1];
        const changed = ['--image', name, world.image, '--env', name, 'NUMBER', String(number)];
        const args = [
          'deploy',
          CLUSTER,
          SERVICE,
          ...changed,
          '--no-diff',
          '--no-deregister',
          '--timeout',
          '-1',
        ];
        const start = 'from ecs_deploy.cli import ecs; ecs()';
        const path = { ...env, PYTHONPATH: fabfuel };
        return timed(bench, 'python3', ['-c', start, ...args], { env: path, cwd });
      },
    }),
    ...(hasCli &&
      actions && {
        'aws-actions': () => {
          number += 1;
          const args = [script, CLUSTER, SERVICE, String(number), actions, world.image];
          return timed(bench, 'sh', args, { env, cwd });
        },
      }),
  };
  const measured = Object.fromEntries(Object.keys(contestants).map((name) => [name, {}]));
  const rounds = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  for (const delay of DELAYS) {
    for (const name of Object.keys(contestants)) measured[name][delay] = [];
    for (let run = 0; run < bench.runs; run += 1) {
      for (const [name, act] of Object.entries(contestants)) {
        api.delay = delay;
        api.calls.length = 0;
        const { begun } = await act();
        const update = api.calls.find(({ action }) => action === 'UpdateService');
        measured[name][delay].push((update.at - begun) / 1000);
        if (delay === LONGEST_DELAY) rounds[name].push(countRounds(api.calls, update));
        // What a deployment in progress adds is not measured.
        await settled(world, [SERVICE]);
      }
    }
  }
  await world.close();
  return [
    ...Object.entries(measured).map(([name, byDelay]) => ({
      what: `${name}: to UpdateService at ${DELAYS.join(' / ')} ms a call`,
      value: `${DELAYS.map((delay) => median(byDelay[delay]).toFixed(2)).join(' / ')} s`,
    })),
    ...Object.entries(rounds).map(([name, counts]) => {
      const what = `${name}: round trips, with UpdateService`;
      const value = median(counts);
      const limit = ROUND_TRIPS[name];
      return limit === undefined
        ? { what, value: String(value) }
        : atMost(what, { value, text: String(value) }, limit, '');
    }),
  ];
}

/** Milliseconds that each call takes. */
const DELAYS = [0, 50, 200];
const LONGEST_DELAY = DELAYS.at(-1);
/** The most round trips, by contestant. */
const ROUND_TRIPS = { 'ecsdeploy, new revision': 4, 'ecsdeploy, same revision': 3 };

/** Round trips up to a call: what is called before the first answer of a round is part of it. */
function countRounds(calls, last) {
  let count = 0;
  let answered = -Infinity;
  for (const { at } of calls.slice(0, calls.indexOf(last) + 1)) {
    if (at < answered) continue;
    count += 1;
    answered = at + LONGEST_DELAY;
  }
  return count;
}

/** Waits until the deployments of services have ended. */
async function settled({ ecs }, names) {
  const describe = new DescribeServicesCommand({ cluster: CLUSTER, services: names });
  const isSettled = ({ deployments }) =>
    deployments.length === 1 && deployments[0].rolloutState === 'COMPLETED';
  while (!(await ecs.send(describe)).services.every(isSettled)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * What a script with the AWS CLI does for the same deploy: `CLUSTER SERVICE NUMBER`. With the folder of
 * the actions and an image, they take its second half, as the steps of a workflow do.
 */
const CLI_SCRIPT = `set -e
arn=$(aws ecs describe-services --cluster "$1" --services "$2" --query 'services[0].taskDefinition' --output text)
aws ecs describe-task-definition --task-definition "$arn" --query taskDefinition > "$0.json"
if [ -n "$4" ]; then
  export GITHUB_OUTPUT="$0.output" RUNNER_TEMP="$(dirname "$0")"
  : > "$GITHUB_OUTPUT"
  env "INPUT_TASK-DEFINITION=$0.json" "INPUT_CONTAINER-NAME=hyeon9mak-container" "INPUT_IMAGE=$5" \\
    "INPUT_ENVIRONMENT-VARIABLES=N=$3" node "$4/amazon-ecs-render-task-definition/dist/index.js"
  rendered=$(sed -n '/task-definition/{n;p;}' "$GITHUB_OUTPUT")
  exec env "INPUT_TASK-DEFINITION=$rendered" "INPUT_CLUSTER=$1" "INPUT_SERVICE=$2" \\
    node "$4/amazon-ecs-deploy-task-definition/dist/index.js"
fi
python3 - "$0.json" "$3" <<'END'
import json, sys
path, number = sys.argv[1:]
definition = json.load(open(path))
for name in ('taskDefinitionArn', 'revision', 'status', 'requiresAttributes', 'compatibilities', 'registeredAt', 'registeredBy'):
    definition.pop(name, None)
definition['containerDefinitions'][0].setdefault('environment', []).append({'name': 'N' + number, 'value': number})
json.dump(definition, open(path, 'w'))
END
new=$(aws ecs register-task-definition --cli-input-json "file://$0.json" --query taskDefinition.taskDefinitionArn --output text)
aws ecs update-service --cluster "$1" --service "$2" --task-definition "$new" > /dev/null
`;

/** The time to the last UpdateService of 1, 10 and 50 services at 50 ms a call. */
async function services(bench) {
  const world = await openWorld(bench, 60);
  const names = await addServices(world, 50, 1);
  const api = await openSlowApi(bench, world.environment.AWS_ENDPOINT_URL);
  api.delay = 50;
  const env = { ...world.environment, ...usualPoll, AWS_ENDPOINT_URL: api.url };
  const cwd = tmpdir();
  const counts = [1, 10, 50];
  const times = Object.fromEntries(counts.map((count) => [count, []]));
  for (let run = 0; run < bench.runs; run += 1) {
    for (const count of counts) {
      api.calls.length = 0;
      const chosen = names.slice(0, count).flatMap((name) => ['--service', name]);
      const args = [
        'deploy',
        '--cluster',
        CLUSTER,
        ...chosen,
        ...container,
        '--image',
        world.image,
        '--force',
      ];
      const { begun } = await timed(bench, process.execPath, [BIN, ...args, '--no-wait'], {
        env,
        cwd,
      });
      const last = api.calls.findLast(({ action }) => action === 'UpdateService');
      times[count].push((last.at - begun) / 1000);
    }
  }
  await world.close();
  const one = median(times[1]);
  return [
    { what: '1 service: to UpdateService at 50 ms a call', value: seconds(one) },
    ...[10, 50].map((count) => {
      const value = median(times[count]) / one;
      return atMost(
        `${count} services: to the last one, times that`,
        { value, text: factor(value) },
        1.5,
        ' ×',
      );
    }),
  ];
}

/** How long after its verdict could be read a rollout ends, at the default poll and ECS's own pace. */
async function lag(bench) {
  const world = await openWorld(bench, 1);
  const names = await addServices(world, Math.max(bench.runs, 12), 1);
  // A service without tasks would have none to replace, and one that is deployed none that serve.
  await settled(world, names.slice(-SERVICES_PER_CALL));
  const cwd = tmpdir();
  const ends = await Promise.all(
    names.map(async (name, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 700));
      const args = [
        'deploy',
        '--cluster',
        CLUSTER,
        '--service',
        name,
        ...container,
        '--image',
        world.image,
      ];
      // Rollouts of equal length would all end at the same moment between two polls.
      const poll = Math.round(2900 + (200 * index) / (names.length - 1));
      const run = await timed(bench, process.execPath, [BIN, ...args, '--force', '--verbose'], {
        env: { ...world.environment, ECSDEPLOY_POLL: `${poll}ms` },
        cwd,
      });
      const ended = Date.now() - (performance.now() - run.ended);
      const query = { cluster: CLUSTER, service: name };
      const {
        serviceDeployments: [latest],
      } = await world.ecs.send(new ListServiceDeploymentsCommand(query));
      const {
        serviceDeployments: [record],
      } = await world.ecs.send(
        new DescribeServiceDeploymentsCommand({
          serviceDeploymentArns: [latest.serviceDeploymentArn],
        }),
      );
      const [, calls] = /polls with (\d+) calls/.exec(run.output);
      const minutes = (record.finishedAt - record.createdAt) / 60_000;
      return { lag: (ended - record.finishedAt) / 1000, calls: calls / minutes };
    }),
  );
  await world.close();
  const lags = ends.map((end) => end.lag).toSorted((a, b) => a - b);
  const late = lags[Math.ceil(lags.length * 0.95) - 1];
  const pace = median(ends.map(({ calls }) => calls));
  return [
    atMost(
      'from the verdict to the exit, median',
      { value: median(lags), text: seconds(median(lags)) },
      1,
      ' s',
    ),
    atMost('from the verdict to the exit, 95 %', { value: late, text: seconds(late) }, 3, ' s'),
    atMost('calls a minute of the watch', { value: pace, text: pace.toFixed(0) }, 25, ''),
  ];
}

/**
 * What a watch of 30 minutes costs: 50 services with 2,000 tasks, and a definition of 62 kB, of which ECS
 * takes no more than 64.
 */
async function watch(bench) {
  const world = await openWorld(bench, 30);
  const { taskDefinition } = await world.ecs.send(
    new DescribeTaskDefinitionCommand({ taskDefinition: 'hyeon9mak-task-dev' }),
  );
  const [first, ...others] = taskDefinition.containerDefinitions;
  const variables = Array.from({ length: 200 }, (_, index) => ({
    name: `VARIABLE_${index}`,
    value: 'x'.repeat(270),
  }));
  const { family, executionRoleArn, networkMode, cpu, memory, requiresCompatibilities } =
    taskDefinition;
  await world.ecs.send(
    new RegisterTaskDefinitionCommand({
      family,
      executionRoleArn,
      networkMode,
      cpu,
      memory,
      requiresCompatibilities,
      containerDefinitions: [{ ...first, environment: variables }, ...others],
    }),
  );
  const names = await addServices(world, 50, 40, {
    taskDefinition: family,
    deploymentConfiguration: { bakeTimeInMinutes: 60 },
  });
  const chosen = names.flatMap((name) => ['--service', name]);
  const args = [
    'deploy',
    '--cluster',
    CLUSTER,
    ...chosen,
    ...container,
    '--image',
    world.image,
    '--force',
  ];
  // On a clock 30 times faster, a poll of 100 ms is one of 3 s, and 60 s are 30 min.
  const limits = ['--poll', '100ms', '--timeout', '60s', '--max-failures', '100000'];
  const home = bench.path();
  mkdirSync(home);
  const usage = bench.path();
  const api = await openSlowApi(bench, world.environment.AWS_ENDPOINT_URL);
  const env = { ...world.environment, AWS_ENDPOINT_URL: api.url, BENCH_USAGE: usage };
  const command = ['--import', METER, BIN, ...args, ...limits];
  const child = bench.start(process.execPath, command, { env, cwd: home, stdio: 'ignore' });
  const [status] = await once(child, 'close');
  bench.signal.throwIfAborted();
  // While its services bake, only the time limit ends it.
  if (status !== 9) throw new Error(`the watch ended with status ${status}`);
  const begun = api.calls.findLastIndex(({ action }) => action === 'UpdateService');
  const reads = api.calls.slice(begun).filter(({ action }) => action === 'DescribeServices');
  const polls = reads.length / (names.length / SERVICES_PER_CALL);
  const { cpu: spent, peak } = JSON.parse(readFileSync(usage, 'utf8'));
  await world.close();
  // Calls take a part of the quicker interval, so that there are fewer polls than in 30 min.
  const cpuOfPolls = (spent * WATCH_POLLS) / polls;
  bench.say(`  ${polls.toFixed(0)} polls with ${seconds(spent)} of CPU`);
  return [
    atMost(
      'watch of 30 min, 50 services, 2,000 tasks, 200 variables: peak memory',
      { value: peak / MEGABYTE, text: `${(peak / MEGABYTE).toFixed(0)} MB` },
      150,
      ' MB',
    ),
    atMost(
      `its CPU, for ${WATCH_POLLS} polls`,
      { value: cpuOfPolls, text: seconds(cpuOfPolls) },
      5,
      ' s',
    ),
  ];
}

/** Services that one DescribeServices reads. */
const SERVICES_PER_CALL = 10;
/** Polls of 50 services in 30 minutes: one in 7.5 s. */
const WATCH_POLLS = 240;

/** Adds services of some tasks each to the cluster; their names. */
async function addServices({ ecs }, count, desiredCount, settings) {
  const names = Array.from({ length: count }, (_, index) => `service-${index}`);
  for (const serviceName of names) {
    await ecs.send(
      new CreateServiceCommand({
        cluster: CLUSTER,
        serviceName,
        taskDefinition: 'hyeon9mak-task-dev:1',
        desiredCount,
        launchType: 'FARGATE',
        networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
        ...settings,
      }),
    );
  }
  return names;
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const seconds = (value) => `${value.toFixed(2)} s`;
const factor = (value) => `${value.toFixed(2)} ×`;

function atMost(what, { value, text }, limit, unit) {
  return { what, value: text, target: `≤ ${limit}${unit}`, isMet: value <= limit };
}
