import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { resolveConfig } from '../../src/settings/config.ts';
import { SETTING_KEYS, SETTINGS, settingOf, variableOf } from '../../src/settings/table.ts';
import { makeFolder } from '../support/files.ts';
import { configSchema, exampleConfig } from '../support/generate.ts';

test('.ecsdeployrc.example is what the table of settings says', async () => {
  await expect(exampleConfig()).toMatchFileSnapshot('../../.ecsdeployrc.example');
});

test('the JSON Schema is what the table of settings says', async () => {
  await expect(configSchema()).toMatchFileSnapshot('../../ecsdeployrc.schema.json');
});

test('.ecsdeployrc.example is a valid config, also with every key switched on', () => {
  const source = readFileSync('.ecsdeployrc.example', 'utf8');
  const everything = source
    .replace(/^(\s*)# (\w+: )/gm, '$1$2')
    .replace(/^services:[^]*?\n\n/m, '');
  expect(Object.keys(parse(everything) as object)).toContain('taskDefinition');
  for (const text of [source, everything]) {
    const config = resolveConfig({
      flags: { config: `${makeFolder({ rc: text })}/rc` },
      environment: {},
      directory: process.cwd(),
    });
    expect(config.targets.map(({ service }) => service)).toEqual(['hyeon9mak-service-dev']);
  }
});

test('no two settings share a flag or a variable', () => {
  const flags = SETTING_KEYS.flatMap((key) => settingOf(key).flags?.match(/-{1,2}[a-z-]+/g) ?? []);
  expect(new Set(flags).size).toBe(flags.length);
  const variables = SETTING_KEYS.flatMap((key) => variableOf(key) ?? []);
  expect(new Set(variables).size).toBe(variables.length);
});

test.each([
  ['500ms', 500],
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['1h30m', 5_400_000],
])('the duration %s has %d milliseconds', (text, milliseconds) => {
  expect(SETTINGS.timeout.reader.read(text)).toBe(milliseconds);
});

test.each([
  ['30', 'needs a unit: write 30s or 30m'],
  [30, 'needs a unit: write 30s or 30m'],
  ['0s', 'must be longer than nothing'],
  ['soon', 'must be a duration such as 500ms, 90s, 30m or 1h30m'],
])('the duration %s is refused', (text, message) => {
  expect(() => SETTINGS.timeout.reader.read(text)).toThrow(message);
});
