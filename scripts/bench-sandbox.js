// The measurement of the sandbox under load: calls during a rollout of thousands of tasks.
import { readFileSync, writeFileSync } from 'node:fs';
import {
  DescribeServicesCommand,
  ListServiceDeploymentsCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';

const CLUSTER = 'web';
const SERVICES = 200;
const SPEEDS = [20, 1000];
/** Milliseconds that a call can take. */
const LONGEST_CALL = 100;

/** Rolls out 200 services of 10 tasks and one of 2,000, at two speeds; returns rows of the table. */
export async function measureSandbox(bench, openWorld) {
  const definition = bench.path();
  writeFileSync(
    definition,
    JSON.stringify({
      family: 'app',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      cpu: '256',
      memory: '512',
      containerDefinitions: [{ name: 'app', image: 'nginx:1' }],
    }),
  );
  const names = Array.from({ length: SERVICES }, (_, index) => `s${index}`);
  const service = (name, count) =>
    `  - { service: ${name}, taskDefinition: app, desiredCount: ${count} }`;
  const world = bench.path();
  const services = [service('large', 2000), ...names.map((name) => service(name, 10))];
  writeFileSync(
    world,
    `clusters: [${CLUSTER}]\nfamilies: [${definition}]\nservices:\n${services.join('\n')}\n`,
  );
  const rows = [];
  const lasted = [];
  for (const speed of SPEEDS) {
    const opened = await openWorld(bench, speed, ['--world', world]);
    const { times, seconds } = await rollOutAll(bench, opened, ['large', ...names]);
    lasted.push(seconds);
    const late = times.toSorted((one, other) => one - other)[Math.floor(times.length * 0.95)];
    rows.push({
      what: `calls during a rollout of 4,000 tasks at ${speed}×, 95 % within`,
      value: `${late.toFixed(0)} ms`,
      target: `≤ ${LONGEST_CALL} ms`,
      isMet: late <= LONGEST_CALL,
    });
    rows.push({ what: `its memory`, value: `${(opened.memory() / 2 ** 20).toFixed(0)} MB` });
    await opened.close();
  }
  const [first] = lasted.flat();
  rows.push({
    what: 'simulated seconds of each rollout, at every speed',
    value: [...new Set(lasted.flat().map((one) => one.toFixed(1)))].join(', '),
    target: 'one value',
    isMet: lasted.flat().every((one) => Math.abs(one - first) < 0.1),
  });
  return rows;
}

/** Starts a deployment of each service; the milliseconds of each call until the largest is done. */
async function rollOutAll(bench, { ecs }, names) {
  const times = [];
  const timed = async (command) => {
    bench.signal.throwIfAborted();
    const begun = performance.now();
    const answer = await ecs.send(command);
    times.push(performance.now() - begun);
    return answer;
  };
  for (const service of names) {
    await timed(new UpdateServiceCommand({ cluster: CLUSTER, service, forceNewDeployment: true }));
  }
  const last = names.at(-1);
  const describe = new DescribeServicesCommand({ cluster: CLUSTER, services: ['large', last] });
  const isDone = ({ deployments }) =>
    deployments.length === 1 && deployments[0].rolloutState === 'COMPLETED';
  while (!(await timed(describe)).services.every(isDone)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const seconds = [];
  for (const service of ['large', names[1], last]) {
    const list = new ListServiceDeploymentsCommand({ cluster: CLUSTER, service });
    const [{ createdAt, finishedAt }] = (await timed(list)).serviceDeployments;
    seconds.push((finishedAt - createdAt) / 1000);
  }
  return { times, seconds };
}

/** Bytes that a process occupies; 0 where /proc does not say. */
export function memoryOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024;
  } catch {
    return 0;
  }
}
