import { expect, test } from 'vitest';
import type { Aws } from '../../src/aws/client.ts';
import type { Repository } from '../../src/aws/repositories.ts';
import { cachesOf } from '../../src/image/caches.ts';
import { SETTINGS } from '../../src/settings/table.ts';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
const URI = `${HOST}/shop`;
const OURS = `${URI}:buildcache`;
const RUNNING = [`${URI}:one`, `${URI}:one`, 'public.ecr.aws/datadog/agent:7', `${URI}-web:two`];
const ECR = { 'image-manifest': 'true', 'oci-mediatypes': 'true' };

function cached(
  options: {
    readonly cache?: boolean;
    readonly from?: string;
    readonly to?: string;
    readonly immutable?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
) {
  const { cache = false, from, to, immutable, environment = {} } = options;
  const repository: Repository = {
    aws: {} as Aws,
    name: 'shop',
    uri: URI,
    registryId: '111122223333',
    region: undefined,
    mutability: { isImmutable: immutable !== undefined, exceptFor: immutable ?? [] },
  };
  const caches = cachesOf(
    { environment },
    {
      cache,
      secretsDirectory: '/project',
      cacheFrom: from === undefined ? [] : SETTINGS.cacheFrom.reader.read(from),
      cacheTo: to === undefined ? [] : SETTINGS.cacheTo.reader.read(to),
    },
    repository,
    RUNNING,
  );
  const refs = caches.cacheFrom.map(({ attributes }) => attributes['ref']);
  return { ...caches, refs };
}

const CI = { CI: 'true' };

test('in CI the images that run give layers, each once, and the cache of the repository is written', () => {
  expect(cached()).toMatchObject({ refs: [], cacheTo: [] });
  expect(cached({ environment: CI })).toMatchObject({ refs: [`${URI}:one`], cacheTo: [] });
  expect(cached({ cache: true })).toMatchObject({ refs: [OURS], cacheTo: [] });
  const inCi = cached({ cache: true, environment: CI });
  expect(inCi.refs).toEqual([OURS, `${URI}:one`]);
  expect(inCi.cacheTo).toEqual([
    { type: 'registry', attributes: { ...ECR, ref: OURS, mode: 'max', 'ignore-error': 'true' } },
  ]);
});

test('a cache in ECR has the form that ECR takes, unless another one is given', () => {
  const attributesOf = (to: string) => cached({ to }).cacheTo[0]?.attributes;
  expect(attributesOf(`type=registry,ref=${HOST}/cache:1,mode=max`)).toEqual({
    ...ECR,
    ref: `${HOST}/cache:1`,
    mode: 'max',
  });
  expect(attributesOf(`type=registry,ref=${URI}:1,oci-mediatypes=false`)).toMatchObject({
    'oci-mediatypes': 'false',
  });
  expect(attributesOf('type=registry,ref=ghcr.io/me/cache:1')).toEqual({
    ref: 'ghcr.io/me/cache:1',
  });
  expect(attributesOf('type=inline')).toBeUndefined();
});

test('the cache of GitHub Actions gets what the runner gives to actions', () => {
  const environment = { ACTIONS_RUNTIME_TOKEN: 't', ACTIONS_RESULTS_URL: 'https://r/' };
  expect(cached({ to: 'type=gha,mode=max', from: 'type=gha,scope=x', environment })).toMatchObject({
    cacheFrom: [{ type: 'gha', attributes: { token: 't', url_v2: 'https://r/', scope: 'x' } }],
    cacheTo: [{ type: 'gha', attributes: { token: 't', url_v2: 'https://r/', mode: 'max' } }],
  });
});

test('folders of a cache are relative to the config file', () => {
  const { cacheFrom, cacheTo } = cached({ from: 'type=local,src=in', to: 'type=local,dest=/out' });
  expect(cacheFrom).toEqual([{ type: 'local', attributes: { src: '/project/in' } }]);
  expect(cacheTo).toEqual([{ type: 'local', attributes: { dest: '/out' } }]);
});

test('an immutable repository is read only, unless it excludes the tag', () => {
  const fixed = cached({ cache: true, environment: CI, immutable: [] });
  expect(fixed.refs).toContain(OURS);
  expect(fixed.cacheTo).toEqual([]);
  const excluded = cached({ cache: true, environment: CI, immutable: ['build*'] });
  expect(excluded.cacheTo).toHaveLength(1);
});
