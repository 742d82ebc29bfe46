import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Result } from '../../src/core/result.ts';
import { awsFault, CUT } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import { CONFIG, makeWorld } from '../support/world.ts';
import type { WorldOptions } from '../support/world.ts';

const makeProject = (more: string, options: WorldOptions = {}) =>
  makeWorld({ ...options, files: { '.ecsdeployrc': `${CONFIG}${more}` } });

describe('check', () => {
  test('runs after the rollout, in the folder of the config file, with its result', async () => {
    const world = await makeProject(
      'check: \'echo "$DEPLOY_OUTCOME $DEPLOY_DEPLOYMENT" > seen; cp "$DEPLOY_RESULT_FILE" result\'\n',
    );
    const end = await world.run(['deploy', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toMatch(
      /runs hyeon9mak-task-dev:2 [^]*Running check: [^]*check succeeded in/,
    );
    const { services } = readResult(end);
    const read = (name: string) => readFileSync(join(world.folder, name), 'utf8');
    expect(read('seen')).toBe(`succeeded ${services[0]?.deployment}\n`);
    expect(JSON.parse(read('result'))).toMatchObject({
      command: 'deploy',
      services: [{ desired: 2 }],
    });
  });

  test('its failure is one of the rollout', async () => {
    const world = await makeProject("check: 'echo the API answers 500; exit 22'\n");
    const end = await world.run(['deploy', '--json']);
    expect(end.status, end.stderr).toBe(6);
    expect(readResult(end)).toMatchObject({
      outcome: 'failed',
      services: [{ outcome: 'failed' }],
      error: { code: 'rollout-check-failed' },
    });
    expect(end.stderr).toContain('ended with status 22: the rollout has failed.\n');
    expect(end.stderr).toContain('| the API answers 500');
    expect((await world.service()).taskDefinition).toMatch(/:2$/);
  });

  test('with --on-failure rollback, the service goes back', async () => {
    const world = await makeProject("check: 'exit 1'\n");
    const end = await world.run(['deploy', '--json', '--on-failure', 'rollback']);
    expect(end.status, end.stderr).toBe(7);
    expect(readResult(end)).toMatchObject({
      outcome: 'rolled-back',
      services: [{ outcome: 'rolled-back', serving: expect.stringMatching(/:1$/) as string }],
    });
    expect((await world.service()).taskDefinition).toMatch(/:1$/);
  });

  test('ends with its shell, whatever that leaves in the background', async () => {
    const world = await makeProject("check: 'sleep 30 & echo $! > left'\n");
    const end = await world.run(['rollout', '--force', '--timeout', '20s']);
    expect(end.status, end.stderr).toBe(0);
    process.kill(Number(readFileSync(join(world.folder, 'left'), 'utf8')));
  });

  test('a line of megabytes is cut in the error outside of a secret, and notify still runs', async () => {
    const world = await makeProject(
      `check: 'printf "%1990s $API_TOKEN" | cat - /dev/zero | head -c 3000000 | tr "\\0" a; exit 1'\nnotify: 'printf %s "$DEPLOY_ERROR" > told'\n`,
    );
    const environment = { API_TOKEN: 'very-secret-value-42' };
    const end = await world.run(['rollout', '--force', '-q', '--json'], { environment });
    expect(end.status).toBe(6);
    const { message = '' } = readResult(end).error ?? {};
    expect(message.length).toBeLessThan(5000);
    expect(message).not.toContain('very');
    expect(readFileSync(join(world.folder, 'told'), 'utf8')).toBe(message);
  });

  test('a deployment that has not ended is stopped: the old tasks still run', async () => {
    const world = await makeProject("check: 'exit 1'\n", { scenario: 'paused-after-production' });
    const args = ['deploy', '--json', '--until', 'serving', '--on-failure', 'rollback'];
    const end = await world.run(args);
    expect(end.status, end.stderr).toBe(7);
    const writes = world.writes().filter((action) => action.startsWith('ecs:'));
    expect(writes.slice(1)).toEqual(['ecs:UpdateService', 'ecs:ContinueServiceDeployment']);
    const reasons = [...end.stderr.matchAll(/is being rolled back [^:]*: (.*)/g)];
    expect(reasons.map(([, reason]) => reason)).toEqual(['the check failed']);
    expect((await world.service()).taskDefinition).toMatch(/:1$/);
  });

  test.each([
    ['refused', awsFault('InvalidParameterException', 'not now')],
    ['not answered', CUT],
  ])('a rollback that is %s is no refusal: the service was changed', async (_, fault) => {
    const world = await makeProject("check: 'exit 1'\n");
    const end = await world.run(['deploy', '--json', '--on-failure', 'rollback'], {
      onStderr: (text) => {
        if (text.includes('Running check')) world.sandbox.fail('ecs:UpdateService', fault, 99);
      },
    });
    expect(end.status, end.stderr).toBe(6);
    expect(readResult(end)).toMatchObject({ outcome: 'failed', services: [{ outcome: 'failed' }] });
    expect((await world.service()).taskDefinition).toMatch(/:2$/);
  });

  test('an interrupt of the check, and of the rollback after it, never says that nothing changed', async () => {
    for (const word of ['Running check', 'is being rolled back']) {
      const world = await makeProject("check: 'exit 1'\n");
      const end = await world.run(['deploy', '--json', '--on-failure', 'rollback'], {
        onStderr: (text, running) => {
          if (text.includes(word)) running.kill('SIGINT');
        },
      });
      expect(end.status, end.stderr).toBe(130);
      expect(end.stdout + end.stderr).not.toMatch(/No service was changed/);
    }
  });

  test.each([
    ['--no-check', ['--no-check'], 0],
    ['nothing is deployed', ['--dry-run'], 0],
    ['nobody waits for the rollout', ['--no-wait'], 0],
  ] as const)('does not run: %s', async (_, args, status) => {
    const world = await makeProject("check: 'exit 1'\n");
    const end = await world.run(['deploy', ...args]);
    expect(end.status, end.stderr).toBe(status);
    expect(end.stderr).not.toContain('Running check');
  });

  test('does not run after a rollout that failed', async () => {
    const world = await makeProject("check: 'exit 1'\n", { scenario: 'crash' });
    const end = await world.run(['deploy']);
    expect(end.status, end.stderr).toBe(7);
    expect(end.stderr).not.toContain('Running check');
  });

  test('Ctrl-C ends it, and says that the rollout has succeeded', async () => {
    const world = await makeProject("check: 'echo probing; sleep 60'\n");
    const end = await world.run(['deploy', '--json'], {
      onStderr: (text, { kill }) => {
        if (text.includes('  probing')) kill('SIGINT');
      },
    });
    expect(end.status, end.stderr).toBe(130);
    expect(readResult(end)).toMatchObject({
      outcome: 'interrupted',
      services: [{ outcome: 'succeeded' }],
    });
  });
});

describe('notify', () => {
  const NOTIFY =
    'notify: \'echo "$DEPLOY_COMMAND $DEPLOY_OUTCOME $DEPLOY_ERROR" > told; cp "$DEPLOY_RESULT_FILE" result\'\n';
  const told = (folder: string) => ({
    line: readFileSync(join(folder, 'told'), 'utf8').trim(),
    result: JSON.parse(readFileSync(join(folder, 'result'), 'utf8')) as Result,
  });

  test.each([
    ['success', 0, 'deploy succeeded', 'succeeded'],
    ['crash', 7, 'deploy rolled-back', 'rolled-back'],
    [
      'service-deleted',
      3,
      'deploy refused The service "hyeon9mak-service-dev" is INACTIVE',
      'refused',
    ],
  ] as const)('%s: whatever came out is told', async (scenario, status, line, outcome) => {
    const world = await makeProject(NOTIFY, { scenario });
    const end = await world.run(['deploy', '--json']);
    expect(end.status, end.stderr).toBe(status);
    const { line: seen, result } = told(world.folder);
    expect(seen).toContain(line);
    expect(result.outcome).toBe(outcome);
    expect(readResult(end).outcome).toBe(outcome);
  });

  test('its failure is a warning, and changes nothing', async () => {
    const world = await makeProject("notify: 'echo no network; exit 7'\n");
    const end = await world.run(['deploy']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain(
      'Warning: notify "echo no network; exit 7" ended with status 7.\n',
    );
  });

  test('other commands do not run it', async () => {
    const world = await makeProject("notify: 'exit 7'\n");
    const end = await world.run(['status']);
    expect(end.stderr).toBe('');
  });
});
