import { expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import type { ProcessOptions } from '../support/cli.ts';
import { makeWorld } from '../support/world.ts';

test('each command of the bundle works in a process of its own', async () => {
  const world = await makeWorld();
  const run = async (args: readonly string[], options?: ProcessOptions) => {
    const end = await world.spawn(args, options);
    expect(end.status, end.stderr).toBe(0);
    return end;
  };
  await run(['verify']);
  const rendered = await run(['render', '--set-env', 'A=b']);
  const registered = await run(['register'], { stdin: rendered.stdout });
  await run(['rollout', registered.stdout.trim()]);
  const pushed = await run(['push', '--tag', 'v1']);
  const deployed = readResult(await run(['deploy', '--image', pushed.stdout.trim(), '--json']));
  expect(deployed.services).toMatchObject([{ outcome: 'succeeded', running: 2 }]);
  await run(['rollback']);
  expect((await world.service()).taskDefinition).toBe(registered.stdout.trim());
  for (const command of ['status', 'diagnose', 'logs']) await run([command, '--json']);
  await run(['help', 'iam']);
  await run(['sandbox', '--list']);
});
