import { expect, test } from 'vitest';
import type { CauseCode } from '../../src/core/diagnosis.ts';
import type { Outcome } from '../../src/core/result.ts';
import type { CodeDeployScenario } from '../../src/sandbox/scenarios.ts';
import { readResult } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { checkLog } from '../support/plain-log.ts';
import { httpProxy } from '../support/proxies.ts';
import { CONFIG, makeWorld } from '../support/world.ts';

/** How `ecsdeploy deploy` ends in a scenario. */
interface End {
  readonly status: number;
  readonly outcome: Outcome;
  /** Codes of the causes that are named. */
  readonly causes?: readonly CauseCode[];
  /** Words of stderr. */
  readonly says: string;
  /** Revision that serves in the end; unless given :2 after a success, else :1. */
  readonly serving?: number;
  readonly args?: readonly string[];
  /** Times as fast as the wall clock; 300 unless given. */
  readonly speed?: number;
}

const serves = (says: string, more: Partial<End> = {}): End => ({
  status: 0,
  outcome: 'succeeded',
  says,
  ...more,
});
const fails = (says: string, more: Partial<End> = {}): End => ({
  status: 6,
  outcome: 'failed',
  says,
  ...more,
});
const because = (cause: CauseCode, says: string): End => fails(says, { causes: [cause] });
const rollsBack = (says: string, more: Partial<End> = {}): End => ({
  status: 7,
  outcome: 'rolled-back',
  causes: ['unknown'],
  says,
  ...more,
});
const isRefused = (status: number, says: string): End => ({ status, outcome: 'refused', says });

/** One row per scenario of CodeDeploy: add a scenario, and its row here. */
const ENDS: Readonly<Record<CodeDeployScenario, End>> = {
  codedeploy: serves('the old tasks stay until'),
  'codedeploy-canary': serves('(AllowTraffic, 10 % of the traffic'),
  'codedeploy-linear': serves('(AllowTraffic, 50 % of the traffic'),
  'codedeploy-hooks': serves('Lambda hook'),
  'codedeploy-ready': {
    status: 0,
    outcome: 'paused',
    says: 'continue: ecsdeploy continue',
    args: ['--until', 'paused'],
    serving: 1,
  },
  'codedeploy-ready-timeout': fails('TIMEOUT: The deployment was stopped'),
  'codedeploy-hour': serves('the old tasks stay until'),
  'codedeploy-image-gone': because('image-not-found', 'the image is not in the registry'),
  'codedeploy-wrong-cpu': because('wrong-architecture', 'exec format error'),
  'codedeploy-crash': because('application-exit', '| database is not reachable, giving up'),
  'codedeploy-unhealthy': because('load-balancer-health-check', 'health check'),
  'codedeploy-no-rollback': because('application-exit', 'roll back: ecsdeploy rollback'),
  'codedeploy-before-install': because('unknown', 'the Lambda hook at BeforeInstall failed'),
  'codedeploy-after-install': rollsBack('the Lambda hook at AfterInstall failed [unknown]'),
  'codedeploy-after-test': rollsBack('the Lambda hook at AfterAllowTestTraffic failed [unknown]'),
  'codedeploy-before-traffic': rollsBack('the Lambda hook at BeforeAllowTraffic failed [unknown]'),
  'codedeploy-after-traffic': rollsBack('the Lambda hook at AfterAllowTraffic failed [unknown]'),
  'codedeploy-hook-hangs': rollsBack('did not answer within an hour', { speed: 2000 }),
  'codedeploy-hook-missing': rollsBack('does not exist'),
  'codedeploy-alarm': rollsBack('an alarm of the deployment group'),
  'codedeploy-alarm-no-rollback': because('unknown', 'an alarm of the deployment group'),
  'codedeploy-late-alarm': rollsBack('an alarm of the deployment group', {
    args: ['--until', 'finished'],
  }),
  'codedeploy-rollback-fails': because('unknown', 'did not succeed: ELASTIC'),
  'codedeploy-rollback-late': rollsBack('an alarm of the deployment group'),
  'codedeploy-stopped': fails('MANUAL_STOP'),
  'codedeploy-stopped-rollback': rollsBack('MANUAL_STOP', { causes: [] }),
  'codedeploy-superseded': {
    status: 8,
    outcome: 'superseded',
    says: 'deploys hyeon9mak-task-dev:3 instead',
    serving: 3,
    // The watch waits five polls for the newer deployment, also where simulated time falls behind.
    args: ['--poll', '100ms'],
  },
  'codedeploy-busy': isRefused(3, 'CodeDeploy deploys one revision'),
  'codedeploy-busy-ready': isRefused(3, 'CodeDeploy deploys one revision'),
  'codedeploy-other-names': serves('shop / production'),
  'codedeploy-search': serves('codeDeploy: { application: shop, group: production }'),
  'codedeploy-group-missing': isRefused(3, 'No deployment group of CodeDeploy'),
  'codedeploy-first': serves('the new one has no hooks'),
  'codedeploy-appspec-in-s3': isRefused(3, 's3://deployments/appspec.yaml'),
  'codedeploy-appspec-shown': serves('Lambda hook'),
  'codedeploy-listener-changed': rollsBack('the production listener does not forward'),
  'codedeploy-role-denied': rollsBack('AWSCodeDeployRoleForECS'),
  'codedeploy-denied': isRefused(4, 'codedeploy:CreateDeployment'),
  'codedeploy-revision-denied': isRefused(4, 'codedeploy:RegisterApplicationRevision'),
  'codedeploy-reset': isRefused(4, 'CreateDeployment'),
  'codedeploy-lost-answer': serves('the old tasks stay until'),
  'codedeploy-throttled': serves('2 running tasks have the image'),
  'codedeploy-reads-denied': isRefused(4, 'codedeploy:GetDeploymentTarget'),
  'codedeploy-token-expired': { status: 9, outcome: 'unknown', says: 'expired' },
};

test.concurrent.each(Object.entries(ENDS) as [CodeDeployScenario, End][])(
  'a deploy in the scenario %s',
  async (scenario, { status, outcome, causes = [], says, args = [], speed = 300, ...end }) => {
    const { run, sandbox, service } = await makeWorld({ scenario, speed });
    const image = `${sandbox.registryHost}/hyeon9mak-dev:first`;
    const ended = await run(['deploy', '--json', '--image', image, '--set-env', 'A=b', ...args]);
    const result = readResult(ended);
    expect(ended.stderr).toContain(says);
    expect(ended.status, ended.stderr).toBe(status);
    checkLog(ended.stderr, causes);
    expect(result.outcome).toBe(outcome);
    if (outcome === 'refused') return;
    expect(result.services).toMatchObject([{ outcome, causes: causes.map((code) => ({ code })) }]);
    const serving = end.serving ?? (outcome === 'succeeded' ? 2 : 1);
    // Whether the newer deployment serves already is a matter of moments.
    const told = outcome === 'superseded' ? `[1${serving}]` : serving;
    expect(result.services[0]?.serving).toMatch(new RegExp(`:${told}$`));
    // Where the credentials have expired nobody can look.
    if (scenario === 'codedeploy-token-expired') return;
    const { taskSets = [] } = await service();
    expect(taskSets.find((item) => item.status === 'PRIMARY')?.taskDefinition).toMatch(
      new RegExp(`:${told}$`),
    );
  },
);

test('an AppSpec without its text is no missing one: its hooks would be lost', async () => {
  const world = await makeWorld({ scenario: 'codedeploy' });
  const { sandbox, run } = world;
  const url = new URL(sandbox.url);
  const host = await httpProxy({ host: url.host }, ({ headers }, response) => {
    if (!String(headers['x-amz-target']).endsWith('.GetApplicationRevision')) return false;
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end('{"revision":{"revisionType":"AppSpecContent","appSpecContent":{"sha256":"f"}}}');
    return true;
  });
  const image = `${sandbox.registryHost}/hyeon9mak-dev:first`;
  const environment = { AWS_ENDPOINT_URL: `http://${host}` };
  const ended = await run(['deploy', '--image', image, '--set-env', 'A=b'], { environment });
  expect(ended.stderr).toContain('cannot be read (CodeDeploy has no text)');
  expect(ended.status).toBe(3);
});

const REVISION = 'hyeon9mak-task-dev';

/** A world in a scenario, with the ARN of a registered revision 2. */
async function withNext(scenario: CodeDeployScenario, speed = 300) {
  const world = await makeWorld({ scenario, speed });
  const { stdout } = await world.run(['render', '--set-env', 'A=b']);
  const { stdout: arn } = await world.run(['register'], { stdin: stdout });
  const ok = async (args: readonly string[], status = 0) => {
    const end = await world.run(args);
    expect(end.status, end.stderr).toBe(status);
    return end;
  };
  return { ...world, ok, next: arn.trim() };
}

test('a deployment that serves is shown, refuses the next one, and is rolled back at once', async () => {
  const { ok, next, service, writes } = await withNext('codedeploy-hour');
  const deployed = await ok(['rollout', next]);
  expect(deployed.stderr).toContain('CodeDeploy keeps the old tasks for 1h 0m');
  expect(deployed.stderr).toMatch(/old tasks stay until 20\S+Z: until then, a rollback is instant/);
  const status = await ok(['status', '--json']);
  expect(readResult(status).services).toMatchObject([
    {
      serving: next,
      codeDeploy: {
        application: 'AppECS-backend-hyeon9mak-service-dev',
        group: 'DgpECS-backend-hyeon9mak-service-dev',
        config: 'CodeDeployDefault.ECSAllAtOnce',
      },
      deployments: [
        {
          id: expect.stringMatching(/^d-/) as string,
          taskDefinition: `${REVISION}:2`,
          serviceDeployment: { stage: 'TERMINATION_WAIT', traffic: 100 },
        },
        { taskDefinition: `${REVISION}:1` },
      ],
    },
  ]);
  const busy = await ok(['rollout', `${REVISION}:1`], 3);
  expect(busy.stderr).toMatch(/:2 has all traffic, and its old tasks stay until 20\S+Z\./);
  expect(busy.stderr).toContain('--deployment-wait-type TERMINATION_WAIT');
  expect(busy.stderr).not.toContain('--skip-check');
  const watched = await ok(['rollout', '--watch']);
  expect(watched.stderr).toContain('roll back: ecsdeploy rollback');
  const planned = await ok(['rollback', '--dry-run']);
  expect(planned.stderr).toContain('traffic returns to the old tasks at once');
  writes();
  const back = await ok(['rollback', '--json']);
  expect(writes()).toEqual(['codedeploy:StopDeployment']);
  expect(readResult(back).services).toMatchObject([
    { outcome: 'succeeded', taskDefinition: expect.stringMatching(/:1$/) as string },
  ]);
  const { taskSets = [] } = await service();
  expect(taskSets.find(({ status: word }) => word === 'PRIMARY')?.taskDefinition).toMatch(/:1$/);
  const history = readResult(await ok(['history', '--json'])).services[0]?.history;
  expect(history).toMatchObject([
    { outcome: 'rolled-back', status: 'ROLLBACK_SUCCESSFUL', taskDefinition: next },
    { outcome: 'succeeded', taskDefinition: expect.stringMatching(/:1$/) as string },
  ]);
  const latest = await ok(['rollout'], 3);
  expect(latest.stderr).toContain('The last deployment of the latest revision');
  const again = await ok(['rollback']);
  expect(again.stderr).toContain('was already rolled back');
});

test('after the old tasks are gone, a rollback deploys the revision before', async () => {
  const { ok, next, service, writes } = await withNext('codedeploy', 1000);
  await ok(['rollout', next, '--until', 'finished']);
  writes();
  const back = await ok(['rollback']);
  expect(writes()).toEqual(['codedeploy:CreateDeployment']);
  expect(back.stderr).toContain(`${REVISION}:2 → ${REVISION}:1`);
  const { taskSets = [] } = await service();
  expect(taskSets.find(({ status }) => status === 'PRIMARY')?.taskDefinition).toMatch(/:1$/);
});

test('a deployment that was stopped before it served leaves nothing to roll back', async () => {
  const { ok, next, writes } = await withNext('codedeploy-stopped');
  const failed = await ok(['rollout', next], 6);
  expect(failed.stderr).toContain(`serving now: ${REVISION}:1`);
  expect(failed.stderr).not.toContain('roll back:');
  writes();
  const back = await ok(['rollback']);
  expect(back.stderr).toContain(`did not succeed: the service is still on ${REVISION}:1`);
  expect(back.stderr).not.toContain('by CodeDeploy');
  expect(writes()).toEqual([]);
});

test('a deployment that waits is continued, or refused', async () => {
  const { ok, next } = await withNext('codedeploy-ready');
  const paused = readResult(await ok(['rollout', next, '--until', 'paused', '--json']));
  expect(paused).toMatchObject({
    outcome: 'paused',
    services: [{ paused: { hook: 'READY_WAIT', stage: 'READY_WAIT' } }],
  });
  const diagnosis = await ok(['diagnose']);
  expect(diagnosis.stdout).toContain('paused for approval at READY_WAIT');
  const refused = await ok(['continue', '--rollback']);
  expect(refused.stderr).toContain('requested by ecsdeploy continue --rollback');
  expect(refused.stderr).toContain(`runs ${REVISION}:1`);
  const nothing = await ok(['continue'], 3);
  expect(nothing.stderr).toContain('there is nothing to continue');
  await ok(['rollout', next, '--until', 'paused']);
  const continued = await ok(['continue']);
  expect(continued.stderr).toContain(`${REVISION}:2 has all production traffic`);
});

test('a hung Install names the reason in diagnose, events and logs, and can be rolled back', async () => {
  const { ok, run, next } = await withNext('codedeploy-crash');
  const failed = await run(['rollout', next, '--progress', 'json']);
  expect(failed.status).toBe(6);
  const events = failed.stderr
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as { readonly kind: string; readonly stage?: string });
  expect(events).toContainEqual(
    expect.objectContaining({
      kind: 'cause',
      cause: expect.objectContaining({ code: 'application-exit' }) as object,
    }),
  );
  expect(events).toContainEqual(
    expect.objectContaining({ kind: 'rollout-progress', stage: 'Install' }),
  );
  const diagnosis = await ok(['diagnose']);
  expect(diagnosis.stdout).toContain(`the deployment of ${REVISION}:2 is in progress`);
  expect(diagnosis.stdout).toContain('| database is not reachable, giving up');
  expect((await ok(['logs'])).stdout).toContain('database is not reachable');
  const back = await ok(['rollback']);
  expect(back.stderr).toContain(`runs ${REVISION}:1 (2 of 2 tasks)`);
});

test('--on-failure rollback stops a deployment whose tasks fail', async () => {
  const { ok, next, writes } = await withNext('codedeploy-crash');
  writes();
  const end = await ok(['rollout', next, '--on-failure', 'rollback'], 7);
  expect(writes()).toEqual(['codedeploy:CreateDeployment', 'codedeploy:StopDeployment']);
  expect(end.stderr).toContain(`which is back on ${REVISION}:1: container hyeon9mak-container`);
});

test('hooks and everything else of the last AppSpec stay', async () => {
  const { ok, next, sandbox } = await withNext('codedeploy-hooks', 100);
  const { stderr } = await ok(['rollout', next]);
  expect(stderr).toMatch(/test traffic reaches the new tasks at https?:\/\//);
  const contents = sandbox.calls
    .filter(({ action }) => action === 'codedeploy:CreateDeployment')
    .map(
      ({ input }) => (input['revision'] as { appSpecContent: { content: string } }).appSpecContent,
    )
    .map(({ content }) => content);
  expect(contents).toHaveLength(1);
  expect(contents[0]).toContain(`TaskDefinition: "${next}"`);
  expect(contents[0]).toContain('PlatformVersion: LATEST');
  expect(contents[0]).toContain('- AfterAllowTraffic: arn:aws:lambda:');
});

test('--if-busy wait deploys once the deployment of someone else has ended', async () => {
  const { ok, next, service } = await withNext('codedeploy-busy');
  const end = await ok(['rollout', next, '--if-busy', 'wait']);
  expect(end.stderr).toContain('waiting for the end of the deployment');
  const { taskSets = [] } = await service();
  expect(taskSets.find(({ status }) => status === 'PRIMARY')?.taskDefinition).toBe(next);
});

test('a check that fails takes the deployment back while the old tasks stay', async () => {
  const files = { '.ecsdeployrc': `${CONFIG}check: 'exit 1'\n` };
  const world = await makeWorld({ scenario: 'codedeploy-hour', files });
  const image = `${world.sandbox.registryHost}/hyeon9mak-dev:first`;
  const args = ['deploy', '--image', image, '--set-env', 'A=b', '--on-failure', 'rollback'];
  const end = await world.run(args);
  expect(end.status, end.stderr).toBe(7);
  expect(world.writes().filter((action) => action.startsWith('codedeploy:'))).toEqual([
    'codedeploy:CreateDeployment',
    'codedeploy:StopDeployment',
  ]);
});

test('an answer that is lost starts no second deployment', async () => {
  const { ok, next, sandbox } = await withNext('codedeploy-lost-answer');
  await ok(['rollout', next]);
  const carriedOut = sandbox.calls.filter(
    ({ action, status }) => action === 'codedeploy:CreateDeployment' && status === 200,
  );
  expect(carriedOut).toHaveLength(1);
});

test('a group that the config names must deploy the service', async () => {
  const world = await makeWorld({ scenario: 'codedeploy-other-names' });
  const withGroup = (group: string) =>
    world.run(['rollout', '--force', '--cluster', 'backend'], {
      environment: {},
      directory: makeFolder({
        '.ecsdeployrc': `${CONFIG}codeDeploy: { application: shop, group: ${group} }\n`,
      }),
    });
  const wrong = await withGroup('staging');
  expect(wrong.status).toBe(3);
  expect(wrong.stderr).toContain('which "codeDeploy" in the config names, does not exist');
  expect((await withGroup('production')).status).toBe(0);
});

test('a command runs in the place of the PRIMARY task set', async () => {
  const { run, next, ok } = await withNext('codedeploy');
  await ok(['rollout', next]);
  const end = await run(['run', '--dry-run', '--', 'rails', 'db:migrate']);
  expect(end.stdout).toContain(next);
});
