import { expect, test } from 'vitest';
import { ecrRegistry, isTag, parseImageReference, platformOf } from '../../src/core/image.ts';

test.each([
  ['nginx', { registry: undefined, repository: 'nginx', tag: undefined, digest: undefined }],
  ['team/app:1.2', { registry: undefined, repository: 'team/app', tag: '1.2' }],
  ['localhost/app', { registry: 'localhost', repository: 'app' }],
  ['127.0.0.1:5000/a/b:t', { registry: '127.0.0.1:5000', repository: 'a/b', tag: 't' }],
  ['127.0.0.1:5000/a', { registry: '127.0.0.1:5000', repository: 'a', tag: undefined }],
  ['r.io/a:t@sha256:0', { registry: 'r.io', repository: 'a', tag: 't', digest: 'sha256:0' }],
])('%s', (reference, parts) => {
  expect(parseImageReference(reference)).toMatchObject(parts);
});

test.each([
  ['111122223333.dkr.ecr.ap-northeast-2.amazonaws.com', 'ap-northeast-2'],
  ['111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
  ['111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
  ['111122223333.dkr-ecr.eu-west-1.on.aws', 'eu-west-1'],
  ['111122223333.dkr-ecr-fips.us-east-1.on.aws', 'us-east-1'],
  ['111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn', 'cn-north-1'],
  ['111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu', 'eusc-de-east-1'],
  ['111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov', 'us-iso-east-1'],
  ['111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov', 'us-isob-east-1'],
])('%s is an ECR registry', (host, region) => {
  expect(ecrRegistry(host)).toEqual({ account: '111122223333', region });
});

test.each([
  'public.ecr.aws',
  '127.0.0.1:5000',
  '111122223333.dkr.ecr.x.amazonaws.com',
  'evil.dkr.ecr.us-east-1.amazonaws.com',
  '111122223333.dkr.ecr.x.amazonaws.com.evil.io',
])('%s is not an ECR registry', (host) => {
  expect(ecrRegistry(host)).toBeUndefined();
});

test('the platform comes from runtimePlatform and defaults to X86_64', () => {
  expect(platformOf(undefined)).toBe('linux/amd64');
  expect(platformOf({ operatingSystemFamily: 'LINUX' })).toBe('linux/amd64');
  expect(platformOf({ cpuArchitecture: 'X86_64' })).toBe('linux/amd64');
  expect(platformOf({ cpuArchitecture: 'ARM64' })).toBe('linux/arm64');
});

test('tags follow the rule of Docker', () => {
  expect(['v1.2-x_y', '_', 'a'.repeat(128)].every(isTag)).toBe(true);
  expect(['', '.a', '-a', 'a b', 'a/b', 'é', 'a'.repeat(129)].some(isTag)).toBe(false);
});
