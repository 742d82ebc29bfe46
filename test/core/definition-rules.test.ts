import { describe, expect, test } from 'vitest';
import { checkDefinition } from '../../src/core/checks.ts';
import { brokenRules } from '../../src/core/definition-rules.ts';
import { FARGATE, RIGHT_DEFINITIONS, WRONG_DEFINITIONS } from '../support/wrong-definitions.ts';

describe('ECS refuses', () => {
  test.each(Object.entries(WRONG_DEFINITIONS))('%s', (_, [definition, path, exception]) => {
    const rules = brokenRules(definition).filter(({ isCertain }) => isCertain);
    expect(rules.map((rule) => rule.path)).toContain(path);
    expect(rules.find((rule) => rule.path === path)?.exception).toBe(
      exception ?? 'ClientException',
    );
  });
});

test.each(Object.entries(RIGHT_DEFINITIONS))('ECS takes %s', (_, definition) => {
  expect(brokenRules(definition)).toEqual([]);
});

/** The definition for Fargate with other members in its container. */
const withContainer = (change: object) => {
  const [container] = FARGATE['containerDefinitions'] as [object];
  return { ...FARGATE, containerDefinitions: [{ ...container, ...change }] };
};
const options = { 'awslogs-group': '/g', 'awslogs-region': 'r', 'awslogs-stream-prefix': 'p' };

test.each([
  ['a memory of 4', { memory: 4 }],
  ['a start timeout of 1', { startTimeout: 1 }],
  ['a health check that does not say how it is run', { healthCheck: { command: ['curl'] } }],
])('%s is only advised against', (_, change) => {
  const definition = withContainer(change);
  expect(brokenRules(definition)).toMatchObject([{ isCertain: false }]);
  expect(checkDefinition(definition, FARGATE).status).toBe('warn');
});

test.each([
  ['driver', withContainer({ logConfiguration: { logDriver: 'awsquantum' } })],
  [
    'log option',
    withContainer({
      logConfiguration: { logDriver: 'awslogs', options: { ...options, 'awslogs-speed': 'warp' } },
    }),
  ],
  ['protocol', withContainer({ portMappings: [{ containerPort: 80, protocol: 'quic' }] })],
  ['compatibility', { ...FARGATE, requiresCompatibilities: ['FARGATE', 'LAMBDA'] }],
  ['architecture', { ...FARGATE, runtimePlatform: { cpuArchitecture: 'RISCV' } }],
])('a %s that AWS may have added since is a warning', (_, definition) => {
  expect(brokenRules(definition)).toMatchObject([{ isCertain: true, mayBeNew: true }]);
  expect(checkDefinition(definition, FARGATE)).toMatchObject({
    status: 'warn',
    message: expect.stringContaining('ECS may refuse') as string,
    hint: expect.stringContaining('unless AWS has come to accept it') as string,
  });
});

test.each([
  ['networkMode', { networkMode: 'AWSVPC' }],
  ['requiresCompatibilities', { requiresCompatibilities: ['fargate'] }],
  ['runtimePlatform.cpuArchitecture', { runtimePlatform: { cpuArchitecture: 'x86-64' } }],
])('a known value in other letters is no new one: %s', (path, change) => {
  const rules = brokenRules({ ...FARGATE, ...change });
  expect(rules.find((rule) => rule.path === path)).toMatchObject({ mayBeNew: false });
  expect(checkDefinition({ ...FARGATE, ...change }, FARGATE).status).toBe('fail');
});

test('the check names each member, its container and its value', () => {
  const [app] = FARGATE['containerDefinitions'] as [object];
  const definition = {
    ...FARGATE,
    ipcMode: 'task',
    ephemeralStorage: { sizeInGiB: 20 },
    containerDefinitions: [
      { ...app, image: '$IMAGE:1', environment: [{ value: 'confidential' }] },
      { ...app, name: 'side', healthCheck: { command: ['CMD', 'true'], interval: 4 } },
      app,
    ],
  };
  expect(checkDefinition(definition, FARGATE)).toMatchInlineSnapshot(`
    {
      "hint": "change those members of the task definition",
      "message": "ECS refuses the task definition:
      ephemeralStorage.sizeInGiB is 20: EphemeralStorage size should be at least 21
      ipcMode is "task": Fargate compatible task definitions do not support ipcMode
      containerDefinitions[0].image of "app" is "$IMAGE:1": Container.image contains invalid characters.
      containerDefinitions[0].environment of "app": Environment variable name should not be null or empty.
      containerDefinitions[1].healthCheck.interval of "side" is 4: Health check interval must be between 5 and 300.
      containerDefinitions[2].name: Container names must be unique within a task definition: app",
      "status": "fail",
    }
  `);
});

test('what ECS has registered before is no problem', () => {
  const [wrong] = WRONG_DEFINITIONS['privileged on Fargate'] ?? [FARGATE];
  expect(checkDefinition(wrong, FARGATE).status).toBe('fail');
  expect(checkDefinition(wrong, wrong).status).toBe('ok');
});
