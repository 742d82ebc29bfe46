import { expect, test } from 'vitest';
import { parseCommandLine } from '../../src/cli.ts';
import { inputOf, readInputs } from '../../src/settings/inputs.ts';
import { SETTING_KEYS, settingOf } from '../../src/settings/lookup.ts';
import { makeStep } from '../support/runner.ts';

const argvOf = (inputs: Readonly<Record<string, string>>) =>
  readInputs(makeStep(inputs).environment).argv;

test('without inputs, the action deploys', () => {
  expect(readInputs(makeStep().environment)).toEqual({ argv: ['deploy'], variables: {} });
});

test.each<readonly [inputs: Readonly<Record<string, string>>, argv: readonly string[]]>([
  [{ command: 'rollout app:41', cluster: 'c' }, ['rollout', 'app:41', '--cluster=c']],
  [{ command: ' verify\n' }, ['verify']],
  [
    { command: 'run -- rails db:migrate', env: 'x' },
    ['run', '--env=x', '--', 'rails', 'db:migrate'],
  ],
  [{ 'set-env': 'A=1 2\n\n  B=--x\n' }, ['deploy', '--set-env=A=1 2', '--set-env=B=--x']],
  [{ service: 'a\nb' }, ['deploy', '--service=a', '--service=b']],
  [{ 'dry-run': 'true', 'no-wait': 'true' }, ['deploy', '--dry-run', '--no-wait']],
  [{ tag: '--json' }, ['deploy', '--tag=--json']],
])('the inputs %j are the command line %j', (inputs, argv) => {
  expect(argvOf(inputs)).toEqual(argv);
});

test('a switch that is not true is a variable, which overrides one of the job', () => {
  const { argv, variables } = readInputs(
    makeStep({ 'dry-run': 'false', force: 'maybe' }).environment,
  );
  expect(argv).toEqual(['deploy']);
  expect(variables).toEqual({ ECSDEPLOY_DRY_RUN: 'false', ECSDEPLOY_FORCE: 'maybe' });
});

test('debug logging of the runner is --verbose', () => {
  expect(readInputs({ INPUT_COMMAND: 'deploy', RUNNER_DEBUG: '1' }).argv).toEqual([
    'deploy',
    '--verbose',
  ]);
});

test('every setting with a flag is an input, and its command takes it', async () => {
  for (const key of SETTING_KEYS) {
    const name = inputOf(key);
    if (name === undefined) continue;
    const { commands = ['deploy'] } = settingOf(key);
    const [command = 'deploy'] = commands;
    const isIam = command === 'help';
    const argv = argvOf({ command: isIam ? 'help iam' : command, [name]: 'true' });
    const invocation = await parseCommandLine(argv, '1', {
      write: () => undefined,
      columns: 80,
      errorCodes: async () => '',
      docs: '',
    });
    expect(Object.keys(invocation?.flags ?? {})).toEqual([key]);
  }
});
