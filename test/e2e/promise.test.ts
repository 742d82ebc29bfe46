import { UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { LOSSES, REFUSALS, STALLS, THROTTLED } from '../support/broken-answers.ts';
import type { Mode } from '../support/broken-answers.ts';
import { readResult } from '../support/cli.ts';
import type { CliEnd } from '../support/cli.ts';
import { callEcs } from '../support/ecs-wire.ts';
import { apiProxy } from '../support/proxies.ts';
import type { ProxiedCall } from '../support/proxies.ts';
import { addService, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** One way to answer a call. */
interface Way {
  readonly name: string;
  readonly mode: Mode;
  /** Whether AWS acts on the call. */
  readonly carriedOut: boolean;
  /** Number of calls that are answered like this. */
  readonly times: number;
}

/** A command, and one of its calls that is answered wrongly. */
interface Case {
  /** Arguments of the command for the service `NAME`, whose family has the same name. */
  readonly args: readonly string[];
  readonly action: string;
  readonly ways: readonly Way[];
  /** Spares the calls before the first UpdateService. */
  readonly inWatch?: true;
  /** Revision that the service is on before the command; 1 when absent. */
  readonly from?: number;
  /** Revision that the service is on after a success; the one that was registered when absent. */
  readonly to?: number;
  /** Whether the deployment of the revision that it is on never ends. */
  readonly isStuck?: true;
  /** Times as fast as the wall clock, unless 1500, or 200 where a deployment is stuck. */
  readonly speed?: number;
}

const { reset, page, zipped, '500': serverError, '{}': nothing } = LOSSES;
const SOME = { reset, page, zipped, serverError, nothing, 'null members': LOSSES['null members'] };
const ALL = { ...STALLS, ...LOSSES };

function ways(modes: Readonly<Record<string, Mode>>, carriedOut: boolean, times = 1): Way[] {
  const suffix = `${carriedOut ? 'carried out' : 'withheld'}, ${times === 1 ? 'once' : 'always'}`;
  return Object.entries(modes).map(([name, mode]) => ({
    name: `${name}, ${suffix}`,
    mode,
    carriedOut,
    times,
  }));
}

const LOST_ONCE = [...ways(ALL, true), ...ways(ALL, false), ...ways(REFUSALS, false)];
const LOST_ALWAYS = [
  ...ways({ ...SOME, ...STALLS }, true, Infinity),
  ...ways({ ...SOME, ...STALLS, ...REFUSALS }, false, Infinity),
];
// A read has no effect.
const READ = [
  ...ways({ ...ALL, ...REFUSALS }, true),
  ...ways({ ...SOME, silent: STALLS.silent }, true, Infinity),
];
const READ_SOME = READ.filter(({ mode }) => Object.values({ ...SOME, ...REFUSALS }).includes(mode));

const COMMON = ['--service', 'NAME', '--json', '--progress', 'json'];
const FORCE = ['rollout', ...COMMON, '--force'];
const DEPLOY = ['deploy', ...COMMON, '--image', 'HOST/hyeon9mak-dev:first', '--set-env', 'A=B'];

const CASES: Readonly<Record<string, Case>> = {
  'UpdateService of deploy': {
    args: DEPLOY,
    action: 'UpdateService',
    ways: [...LOST_ONCE, ...LOST_ALWAYS],
  },
  'UpdateService of rollout --force': {
    args: FORCE,
    action: 'UpdateService',
    ways: LOST_ONCE,
    to: 1,
  },
  'UpdateService of rollback': {
    args: ['rollback', ...COMMON, '--to', 'NAME:1'],
    action: 'UpdateService',
    ways: [...ways(ALL, true), ...ways(REFUSALS, false)],
    from: 2,
    to: 1,
  },
  'RegisterTaskDefinition of deploy': {
    args: DEPLOY,
    action: 'RegisterTaskDefinition',
    ways: [...LOST_ONCE, ...ways(SOME, true, Infinity)],
  },
  'StopServiceDeployment of rollback': {
    args: ['rollback', ...COMMON],
    action: 'StopServiceDeployment',
    ways: [
      ...ways({ ...LOSSES, silent: STALLS.silent }, true),
      ...ways({ ...SOME, ...REFUSALS }, false),
      ...ways({ reset, page, silent: STALLS.silent }, false, Infinity),
    ],
    from: 2,
    to: 1,
    isStuck: true,
  },
  'DescribeServices before the first write': {
    args: DEPLOY,
    action: 'DescribeServices',
    ways: READ,
  },
  'DescribeTaskDefinition before the first write': {
    args: DEPLOY,
    action: 'DescribeTaskDefinition',
    ways: READ,
  },
  'DescribeServices in the watch': {
    args: DEPLOY,
    action: 'DescribeServices',
    ways: READ,
    inWatch: true,
  },
  'DescribeServiceDeployments in the watch': {
    args: DEPLOY,
    action: 'DescribeServiceDeployments',
    ways: READ_SOME,
    inWatch: true,
    // The watch reads it some polls after its start.
    speed: 200,
  },
  'ListTasks in the watch': {
    args: DEPLOY,
    action: 'ListTasks',
    ways: READ_SOME,
    inWatch: true,
  },
};

/** Each test is a table of many runs. */
vi.setConfig({ testTimeout: 180_000 });

/** Words that promise that nothing was changed. */
const UNCHANGED =
  /not changed|as it was|No service was changed|before (?:the service|row-\d+) was changed/;

async function prepare(
  world: World,
  name: string,
  { from = 1, isStuck }: Pick<Case, 'from' | 'isStuck'>,
) {
  for (let revision = 1; revision <= from; revision += 1) {
    await callEcs(world.sandbox, 'RegisterTaskDefinition', {
      family: name,
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      cpu: '256',
      memory: '512',
      executionRoleArn: 'arn:aws:iam::111122223333:role/ecsTaskExecutionRole',
      containerDefinitions: [
        {
          name: 'hyeon9mak-container',
          image: `${world.sandbox.registryHost}/hyeon9mak-dev:first`,
          essential: true,
          ...(isStuck && revision > 1 && { healthCheck: { command: ['CMD', 'false'] } }),
        },
      ],
    });
  }
  await addService(world, name, `${name}:${isStuck ? 1 : from}`);
  await vi.waitFor(
    async () => {
      const [deployment] = (await world.service(name)).deployments ?? [];
      expect(deployment?.rolloutState).toBe('COMPLETED');
    },
    { timeout: 60_000 },
  );
}

async function deployDirectly({ ecs }: World, service: string, taskDefinition: string) {
  await ecs.send(new UpdateServiceCommand({ cluster: 'backend', service, taskDefinition }));
}

const names = (text: string, name: string) => new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(text);

/** Whether the sandbox has carried out a call that changes the service, after the first calls. */
function hasChanged({ sandbox }: World, name: string, first: number): boolean {
  return sandbox.calls
    .slice(first)
    .some(
      ({ action, status, input }) =>
        /UpdateService|StopServiceDeployment/.test(action) &&
        status === 200 &&
        names(JSON.stringify(input), name),
    );
}

function problemsOf(end: CliEnd, isChanged: boolean, revision: number, { to }: Case): string[] {
  const { status, stdout, stderr } = end;
  const lines = stderr.split('\n').filter((line) => line !== '');
  const isJson = (line: string) => {
    try {
      return typeof JSON.parse(line) === 'object';
    } catch {
      return false;
    }
  };
  const asked = isJson(stdout)
    ? readResult(end).services[0]?.taskDefinition?.split(':').at(-1)
    : undefined;
  const isRefused = [2, 3, 4, 5, 10].includes(status ?? 1);
  const words = UNCHANGED.exec(stderr + stdout)?.[0];
  return [
    status === 1 && `status 1`,
    isRefused && isChanged && `status ${status}, but the service was changed`,
    words !== undefined && isChanged && `"${words}", but the service was changed`,
    status === 0 && !isChanged && 'status 0, but the service was not changed',
    status === 0 && revision !== (to ?? Number(asked)) && `status 0 on revision ${revision}`,
    ...lines.filter((line) => !isJson(line)).map((line) => `no JSON: ${line}`),
    !isJson(stdout) && `no JSON on stdout: ${stdout}`,
  ].filter((problem) => problem !== false);
}

/** Maps some items at a time: all of them at once would be too slow for their own time limits. */
async function mapSome<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  const work = async () => {
    for (const [index, item] of left) results[index] = await map(item);
  };
  await Promise.all(Array.from({ length: 10 }, work));
  return results;
}

test.each(Object.entries(CASES))(
  'however the answer to %s breaks, status and words are true',
  async (_, item) => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    onTestFinished(() => random.mockRestore());
    const world = await makeWorld({ speed: item.speed ?? (item.isStuck ? 200 : 1500) });
    const rows = item.ways.map((way, index) => ({
      way,
      name: `row-${index}`,
      struck: 0,
      moved: false,
    }));
    const strike = ({ action, body }: ProxiedCall) => {
      const row = rows.find(({ name }) => names(body, name));
      if (row === undefined) return undefined;
      row.moved ||= action === 'UpdateService';
      if (action !== item.action || (item.inWatch && !row.moved)) return undefined;
      row.struck += 1;
      return row.struck > row.way.times ? undefined : row.way;
    };
    const url = await apiProxy(world.sandbox.url, strike);
    await Promise.all(rows.map(({ name }) => prepare(world, name, item)));
    if (item.isStuck) {
      world.sandbox.arm({ name: 'unhealthy' });
      for (const { name } of rows) await deployDirectly(world, name, `${name}:${item.from}`);
    }
    const problems = await mapSome(rows, async (row) => {
      const { way, name } = row;
      const first = world.sandbox.calls.length;
      const args = item.args.map((word) =>
        word.replace('NAME', name).replace('HOST', world.sandbox.registryHost),
      );
      const isStalled = way.times > 1 || Object.values(STALLS).includes(way.mode);
      const end = await world.run([...args, '--timeout', isStalled ? '3s' : '30s'], {
        environment: { AWS_ENDPOINT_URL: url, ECSDEPLOY_POLL: '50ms' },
      });
      const { taskDefinition } = await world.service(name);
      const revision = Number(taskDefinition?.split(':').at(-1));
      const found = problemsOf(end, hasChanged(world, name, first), revision, item);
      return found.map((problem) => `${way.name}: ${problem}\n${end.stderr}`);
    });
    expect(problems.flat()).toEqual([]);
    // On a busy machine, earlier calls of a few rows run out of their time.
    expect(rows.filter(({ struck }) => struck > 0).length).toBeGreaterThan(rows.length / 2);
  },
);

/** How the answers of UpdateService and of the reads after it break until the interrupt. */
const TROUBLES = [
  { name: 'lost, carried out', mode: reset, carriedOut: true, isReadable: false },
  { name: 'lost, withheld', mode: reset, carriedOut: false, isReadable: false },
  { name: 'lost, carried out, then read', mode: page, carriedOut: true, isReadable: true },
  { name: 'lost, withheld, then read', mode: page, carriedOut: false, isReadable: true },
  { name: 'silent, carried out', mode: STALLS.silent, carriedOut: true, isReadable: true },
  { name: 'silent, withheld', mode: STALLS.silent, carriedOut: false, isReadable: true },
  { name: 'throttled', mode: THROTTLED, carriedOut: false, isReadable: true },
  {
    name: 'refused',
    mode: REFUSALS['refused: ExpiredTokenException'],
    carriedOut: false,
    isReadable: true,
  },
];

/** Names of services that a run says it has not changed. */
function calledUnchanged({ stdout, stderr }: CliEnd, services: readonly string[]): string[] {
  const text = stderr + stdout;
  return services.filter(
    (service) =>
      /No service was changed|before the service was changed/.test(text) ||
      text.includes(`before ${service} was changed`),
  );
}

test.each([1, 2])(
  'an interrupt between UpdateService and the verdict of %i services never loses a change',
  async (size) => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.1);
    onTestFinished(() => random.mockRestore());
    const world = await makeWorld({ speed: 1500 });
    const rows = TROUBLES.flatMap((trouble) =>
      [0, 1, 3, 5, 8].map((after) => ({ trouble, after })),
    ).map((row, index) => ({
      ...row,
      signal: index % 3 === 0 ? ('SIGINT' as const) : ('SIGTERM' as const),
      services: [`row-${index}`, `row-${index}-b`].slice(0, size),
      // Requests since the first UpdateService.
      seen: -1,
      kill: () => {},
    }));
    const strike = ({ action, body }: ProxiedCall) => {
      const row = rows.find(({ services }) => services.some((name) => names(body, name)));
      if (row === undefined) return undefined;
      if (action === 'UpdateService' && row.seen < 0) {
        row.seen = 0;
        // Also between requests, and where no further request comes.
        setTimeout(() => row.kill(), 40 * row.after);
      }
      if (row.seen < 0) return undefined;
      if (row.seen === row.after && row.after % 2 === 0) row.kill();
      row.seen += 1;
      const isFirst = row.services.slice(0, 1).some((name) => names(body, name));
      const isBroken = action === 'UpdateService' ? isFirst : !row.trouble.isReadable;
      return isBroken ? row.trouble : undefined;
    };
    const url = await apiProxy(world.sandbox.url, strike);
    const all = rows.flatMap(({ services }) => services);
    await Promise.all(all.map((name) => prepare(world, name, {})));
    const problems = await mapSome(rows, async (row) => {
      const { services, trouble, after, signal } = row;
      const flags = services.flatMap((name) => ['--service', name]);
      const first = world.sandbox.calls.length;
      const way = after % 5 === 0 ? FORCE : DEPLOY;
      const args = way
        .filter((word) => !/^(--service|NAME)$/.test(word))
        .map((word) => word.replace('HOST', world.sandbox.registryHost));
      const end = await world.run([...args, ...flags, '--verbose', '--timeout', '5s'], {
        environment: { AWS_ENDPOINT_URL: url, ECSDEPLOY_POLL: '50ms' },
        onStderr: (_, { kill }) => {
          row.kill = () => kill(signal);
        },
      });
      const changed = services.filter((name) => hasChanged(world, name, first));
      const unchanged = calledUnchanged(end, services);
      const results = new Set(readResult(end).services.map(({ service }) => service));
      const told = end.stderr.split('\n').filter((line) => /"(error|service-ended)"/.test(line));
      const found = [
        ![0, 4, 6, 9, 130].includes(end.status ?? 1) && `status ${end.status}`,
        end.status === 4 && changed.length > 0 && 'status 4, but a service was changed',
        ...changed.map(
          (name) => unchanged.includes(name) && `${name} is said to be unchanged, and is changed`,
        ),
        ...changed.map((name) => !results.has(name) && `${name} is not in the result`),
        ...changed.map(
          (name) => !told.some((line) => names(line, name)) && `${name} is not told about`,
        ),
      ].filter((problem) => problem !== false);
      return found.map(
        (problem) => `${trouble.name}, ${signal} after ${after}: ${problem}\n${end.stderr}`,
      );
    });
    expect(problems.flat()).toEqual([]);
  },
);
