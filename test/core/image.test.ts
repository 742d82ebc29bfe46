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

const FARGATE = { launchType: 'FARGATE', capacityProviders: [] };
const SPOT = { launchType: undefined, capacityProviders: ['FARGATE_SPOT'] };
const EC2 = { launchType: 'EC2', capacityProviders: [] };
const MACHINES = { launchType: undefined, capacityProviders: ['my-machines'] };
const EXTERNAL = { launchType: 'EXTERNAL', capacityProviders: [] };
const ARM64 = { cpuArchitecture: 'ARM64' };
const X86 = { cpuArchitecture: 'X86_64' };

test.each([
  [undefined, [FARGATE, SPOT], 'linux/amd64', false],
  [undefined, [EC2, MACHINES, EXTERNAL], 'linux/amd64', true],
  [{ operatingSystemFamily: 'LINUX' }, [FARGATE], 'linux/amd64', false],
  [{ operatingSystemFamily: 'LINUX' }, [EC2, EXTERNAL], 'linux/amd64', true],
  [{ cpuArchitecture: '' }, [EC2], 'linux/amd64', true],
  [X86, [FARGATE, SPOT, EC2, MACHINES, EXTERNAL], 'linux/amd64', false],
  [ARM64, [FARGATE, SPOT, EC2, MACHINES, EXTERNAL], 'linux/arm64', false],
  [{ ...X86, operatingSystemFamily: 'LINUX' }, [EC2], 'linux/amd64', false],
  [{ operatingSystemFamily: 'WINDOWS_SERVER_2019_FULL' }, [EC2, FARGATE], 'windows/amd64', false],
  [
    { ...X86, operatingSystemFamily: 'WINDOWS_SERVER_2022_CORE' },
    [FARGATE, EC2],
    'windows/amd64',
    false,
  ],
])(
  'runtimePlatform %j: where tasks run, and whether that is assumed',
  (runtimePlatform, services, platform, isAssumed) => {
    for (const service of services) {
      expect(platformOf({ runtimePlatform }, service)).toEqual({ platform, isAssumed });
    }
  },
);

test('a service that names nothing runs where its definition says', () => {
  const service = { launchType: undefined, capacityProviders: [] };
  const requiresCompatibilities = ['FARGATE'];
  expect(platformOf({ requiresCompatibilities }, service).isAssumed).toBe(false);
  expect(platformOf({}, service).isAssumed).toBe(true);
});
test('tags follow the rule of Docker', () => {
  expect(['v1.2-x_y', '_', 'a'.repeat(128)].every(isTag)).toBe(true);
  expect(['', '.a', '-a', 'a b', 'a/b', 'é', 'a'.repeat(129)].some(isTag)).toBe(false);
});
