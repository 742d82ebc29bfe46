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

test.each([
  ['a memory of 4', { memory: 4 }],
  ['a start timeout of 1', { startTimeout: 1 }],
  ['a health check that does not say how it is run', { healthCheck: { command: ['curl'] } }],
])('%s is only advised against', (_, change) => {
  const [container] = FARGATE['containerDefinitions'] as [object];
  const definition = { ...FARGATE, containerDefinitions: [{ ...container, ...change }] };
  expect(brokenRules(definition)).toMatchObject([{ isCertain: false }]);
  expect(checkDefinition(definition, FARGATE).status).toBe('warn');
});

test('the check names each member, and what ECS has registered before is no problem', () => {
  const [wrong] = WRONG_DEFINITIONS['privileged on Fargate'] ?? [FARGATE];
  const answer = checkDefinition({ ...wrong, ipcMode: 'task' }, FARGATE);
  expect(answer).toMatchInlineSnapshot(`
    {
      "hint": "change those members of the task definition",
      "message": "ECS refuses the task definition:
      ipcMode: Tasks using the Fargate launch type do not support ipcMode.
      containerDefinitions[0].privileged: Tasks using the Fargate launch type do not support privileged.",
      "status": "fail",
    }
  `);
  expect(checkDefinition(wrong, wrong).status).toBe('ok');
});
