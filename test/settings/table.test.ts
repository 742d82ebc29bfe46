import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, expectTypeOf, test } from 'vitest';
import { parse } from 'yaml';
import { resolveConfig } from '../../src/settings/config.ts';
import type { ConfigOf } from '../../src/settings/config.ts';
import { SETTING_KEYS, settingOf, variableOf } from '../../src/settings/lookup.ts';
import type { KeyOf } from '../../src/settings/lookup.ts';
import { SETTINGS } from '../../src/settings/table.ts';
import { makeFolder } from '../support/files.ts';
import { actionManifest, configSchema, exampleConfig } from '../support/generate.ts';

test('.ecsdeployrc.example is what the table of settings says', async () => {
  await expect(exampleConfig()).toMatchFileSnapshot('../../.ecsdeployrc.example');
});

test('the JSON Schema is what the table of settings says', async () => {
  await expect(configSchema()).toMatchFileSnapshot('../../ecsdeployrc.schema.json');
});

test('action.yml is what the table of settings says', async () => {
  await expect(actionManifest()).toMatchFileSnapshot('../../action.yml');
});

test('.ecsdeployrc.example is a valid config, also with every key switched on', () => {
  const source = readFileSync('.ecsdeployrc.example', 'utf8');
  const everything = source
    .replace(/^(\s*)# (\w+: )/gm, '$1$2')
    .replace(/^(?:services|images):[^]*?\n\n/gm, '');
  expect(Object.keys(parse(everything) as object)).toContain('taskDefinition');
  for (const text of [source, everything]) {
    const config = resolveConfig({
      command: 'deploy',
      flags: { config: `${makeFolder({ rc: text, 'prod.env': '' })}/rc` },
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
  'localhost:5000/team/app_1',
  '111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:v1',
  `app:v1@sha256:${'0'.repeat(64)}`,
])('%s is an image reference', (reference) => {
  expect(SETTINGS.image.reader.read(reference)).toBe(reference);
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
  ['timeout', '30', '"30" needs a unit: write 30s or 30m'],
  ['timeout', 30, '"30" needs a unit: write 30s or 30m'],
  ['timeout', '0s', 'must be greater than 0, not "0s"'],
  ['timeout', '600h', 'must be at most 24 days, not "600h"'],
  ['timeout', 'soon', 'must be a duration such as 500ms, 90s, 30m or 1h30m, not "soon"'],
  ['cluster', '', 'must not be empty'],
  ['before', ['make', ''], 'must not be empty'],
  ['check', '', 'must not be empty'],
  ['notify', ' \n', 'must not be empty'],
  ['cluster', ['a'], 'must be a string, not ["a"]'],
  ['lines', '1.5', 'must be a positive integer, not "1.5"'],
  ['port', '70000', 'must be an integer from 1 to 65535, not "70000"'],
  ['pull', 'maybe', 'must be true or false, not "maybe"'],
  ['image', 'a b', 'must be an image reference such as registry/repository:tag, not "a b"'],
  ['image', 'UPPER:1', 'must be an image reference'],
  ['image', 'http://x/y:1', 'must be an image reference'],
  ['image', `app@sha256:${'0'.repeat(63)}`, 'must be an image reference'],
  ['cluster', 'arn:aws:ecs:eu-west-1:111122223333:service/web', 'must be the name or ARN of a clu'],
  ['region', 'Europe (Ireland)', 'must be an AWS region such as us-east-1, not "Europe (Ireland)"'],
  ['extraTags', ['ok', '-x'], '"-x" is not a valid image tag'],
  ['platform', 'arm64', 'not "arm64" (did you mean "linux/arm64"?)'],
  ['platform', 'x86_64', 'not "x86_64" (did you mean "linux/amd64"?)'],
  ['platform', 'linux/386', 'must be one of linux/amd64, linux/arm64, not "linux/386"'],
  ['onFailure', 'rolback', 'not "rolback" (did you mean "rollback"?)'],
  ['onFailure', 'toString', 'must be one of exit, watch, rollback, not "toString"'],
  ['skipCheck', ['secret'], 'not "secret" (did you mean "secrets"?)'],
  ['container', ['a,b'], 'must be one name, not "a,b": repeat the flag'],
  ['setEnv', ['A=1', 'FOO', 'B=2'], 'must be KEY=VALUE, not "FOO"'],
  ['setEnv', ['FOO BAR=1'], '"FOO BAR" is not a valid name: it must not contain spaces or "="'],
  ['setEnv', { 'A=B': '1' }, '"A=B" is not a valid name'],
  ['containerImages', ['sidecar=a b'], '"sidecar": must be an image reference'],
  [
    'taskDefinition',
    'file://td.json',
    'must be a path, not a URL such as "file://td.json": write td.json',
  ],
  ['secrets', ['id=a,value=s3cret'], 'id=NAME,env=VARIABLE, not "id,value"'],
  ['secrets', [['a']], 'id=NAME,env=VARIABLE, not "0"'],
  ['setCpu', '0.5', 'must be CPU units such as 512, or vCPUs such as "0.5 vCPU", not "0.5"'],
  ['setCpu', '512m', 'must be CPU units'],
  ['setMemory', '512 MB', 'must be MiB such as 1024, or GB such as "1 GB", not "512 MB"'],
  ['setMemory', '-1', 'must be MiB'],
  ['setTags', ['aws:x=1'], '"aws:x" is not a valid name: it must have 1 to 128 letters'],
  ['setTags', ['AWS:x=1'], 'and not begin with "aws:"'],
  ['setTags', [`${'k'.repeat(129)}=1`], 'it must have 1 to 128 letters'],
  ['setTags', ['a=<'], '"a": must be at most 256 letters, digits, spaces'],
  ['setTags', [`a=${'v'.repeat(257)}`], '"a": must be at most 256 letters'],
  ['setCommand', '', 'must be words such as "npm start", or a list such as ["npm", "start"]'],
  ['setCommand', '["npm"', 'must be words such as'],
  ['setCommand', '[1]', 'must be a string, not 1'],
  [
    'setCommand',
    'a && b',
    '"a && b" needs a shell, but ECS starts a command without one: write ["sh", "-c", "a && b"]',
  ],
  ['setCommand', 'echo $HOME', 'needs a shell'],
  ['setCommand', 'echo "$HOME"', 'needs a shell'],
  ['setCommand', 'a `b`', 'needs a shell'],
  ['setCommand', "it's", 'needs a shell'],
  ['cacheFrom', ['type=registry'], 'must not be empty'],
  ['cacheFrom', ['type=registry,ref=a b'], 'must be an image reference'],
  ['cacheTo', ['type=regstry,ref=a:1'], 'not "regstry" (did you mean "registry"?)'],
  ['cacheTo', ['type=local'], 'must be type=local,src=FOLDER to read or type=local,dest=FOLDER'],
  ['cacheTo', ['type=gha,mode'], 'must be type=TYPE,KEY=VALUE'],
  ['ssh', ['=x'], 'must be ID or ID=SOCKET, e.g. default, not "=x"'],
] as const)('%s: %j is refused', (key, value, message) => {
  expect(() => settingOf(key).reader.read(value)).toThrow(message);
});

test.each([
  ['service', 'a, b', ['a', 'b']],
  ['setEnv', ['a.b-c=1=2', 'EMPTY='], { 'a.b-c': '1=2', EMPTY: '' }],
  ['setEnv', ['URL=${base}/x'], { URL: '${base}/x' }],
  ['secrets', 'id=a,src=b=c', [{ id: 'a', src: 'b=c' }]],
  ['before', 'make a,b', ['make a,b']],
  ['setCpu', '.5 vcpu', '.5 vcpu'],
  ['setMemory', '2GB', '2GB'],
  ['setTags', ['a b/c=x=y', 'e='], { 'a b/c': 'x=y', e: '' }],
  ['setTags', ['team=équipe'], { team: 'équipe' }],
  ['setCommand', ' npm  run start ', ['npm', 'run', 'start']],
  [
    'setCommand',
    `a 'b $c' "d \\"e\\" \\n" f\\ g '' h"i"j`,
    ['a', 'b $c', 'd "e" \\n', 'f g', '', 'hij'],
  ],
  ['setCommand', '["sh", "-c", "a && b"]', ['sh', '-c', 'a && b']],
  ['setCommand', '[]', []],
  ['setCommand', ['a', ''], ['a', '']],
  ['cacheFrom', 'app:cache', [{ type: 'registry', attributes: { ref: 'app:cache' } }]],
  ['cacheTo', 'type=gha, mode=max', [{ type: 'gha', attributes: { mode: 'max' } }]],
  [
    'cacheTo',
    [{ type: 'registry', ref: 'app:cache', 'ignore-error': true }],
    [{ type: 'registry', attributes: { ref: 'app:cache', 'ignore-error': 'true' } }],
  ],
  ['quiet', '', false],
] as const)('%s: %j is read', (key, value, read) => {
  expect(settingOf(key).reader.read(value)).toEqual(read);
});

test('no reader quotes a value of an environment variable', () => {
  for (const value of [['A B=s3cret'], { A: ['s3cret'] }, { 'A B': 's3cret' }]) {
    expect(() => SETTINGS.setEnv.reader.read(value)).toThrow(/^(?!.*s3cret)/);
  }
});

test('a command reads the settings that it takes, and no others', () => {
  expectTypeOf<KeyOf<'register'>>().extract<'skipCheck' | 'json'>().not.toBeNever();
  expectTypeOf<ConfigOf<'rollback'>>().toHaveProperty('to');
  expectTypeOf<ConfigOf<'rollback'>>().not.toHaveProperty('repository');
  expectTypeOf<ConfigOf<'push' | 'verify'>>().toHaveProperty('before');
  expectTypeOf<ConfigOf<'push' | 'deploy'>>().not.toHaveProperty('setEnv');
});

test('every setting is read somewhere', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/^(settings|sandbox)[/\\]/.test(file))
    .map((file) =>
      readFileSync(join('src', file), 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*$/gm, ''),
    );
  // Settings that the merge of the sources itself reads.
  const merged = new Set<string>(['config', 'environment', 'service', 'envFile']);
  const unread = SETTING_KEYS.filter((key) => {
    const reads = new RegExp(`\\.${key}\\b|[{,]\\s*${key}\\s*[,:}=]`);
    return !merged.has(key) && !sources.some((source) => reads.test(source));
  });
  expect(unread).toEqual([]);
});
