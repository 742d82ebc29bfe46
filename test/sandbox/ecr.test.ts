import {
  BatchCheckLayerAvailabilityCommand,
  BatchDeleteImageCommand,
  BatchGetImageCommand,
  BatchGetRepositoryScanningConfigurationCommand,
  CompleteLayerUploadCommand,
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  DeleteRepositoryPolicyCommand,
  DescribeImageScanFindingsCommand,
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  GetDownloadUrlForLayerCommand,
  GetLifecyclePolicyPreviewCommand,
  GetRepositoryPolicyCommand,
  InitiateLayerUploadCommand,
  ListImagesCommand,
  ListTagsForResourceCommand,
  PutImageCommand,
  PutImageScanningConfigurationCommand,
  PutImageTagMutabilityCommand,
  PutLifecyclePolicyCommand,
  PutRegistryScanningConfigurationCommand,
  SetRepositoryPolicyCommand,
  StartImageScanCommand,
  StartLifecyclePolicyPreviewCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UploadLayerPartCommand,
} from '@aws-sdk/client-ecr';
import type { ScanFrequency } from '@aws-sdk/client-ecr';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createRegistryClient } from '../../src/sandbox/registry-client.ts';
import { digestOf } from '../../src/sandbox/registry.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

const ACCOUNT = '111122223333';
const OCI = 'application/vnd.oci.image.manifest.v1+json';
/** The repository of the start world, with the image `first`. */
const repositoryName = 'hyeon9mak-dev';

let sandbox: Sandbox;
let ecr: ECRClient;

beforeEach(async () => {
  sandbox = await startSandbox({ speed: 1000 });
  ecr = clientFor(sandbox.environment['AWS_REGION'] ?? '');
  const { close } = sandbox;
  return close;
});

function clientFor(region: string): ECRClient {
  const { environment } = sandbox;
  const client = new ECRClient({
    region,
    endpoint: environment['AWS_ENDPOINT_URL'] ?? '',
    credentials: {
      accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  });
  onTestFinished(() => client.destroy());
  return client;
}

function registry() {
  const { registryHost: host, registryPassword: password } = sandbox;
  return createRegistryClient({ host, username: 'AWS', password });
}

const missing = (name: string, account = ACCOUNT) => ({
  name: 'RepositoryNotFoundException',
  message: `The repository with name '${name}' does not exist in the registry with id '${account}'`,
});

/** The image of the start world. */
async function firstImage(): Promise<{
  digest: string;
  text: string;
  config: string;
  size: number;
}> {
  const { images } = await ecr.send(
    new BatchGetImageCommand({ repositoryName, imageIds: [{ imageTag: 'first' }] }),
  );
  const text = images?.[0]?.imageManifest ?? '';
  const { config, layers } = JSON.parse(text) as {
    config: { digest: string; size: number };
    layers: { size: number }[];
  };
  const size = layers.reduce((sum, layer) => sum + layer.size, config.size);
  return { digest: images?.[0]?.imageId?.imageDigest ?? '', text, config: config.digest, size };
}

test('GetAuthorizationToken returns a login for the registry that is valid for twelve hours', async () => {
  const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
  const [{ authorizationToken = '', expiresAt, proxyEndpoint } = {}] = authorizationData ?? [];
  expect(Buffer.from(authorizationToken, 'base64').toString()).toBe(
    `AWS:${sandbox.registryPassword}`,
  );
  expect(proxyEndpoint).toBe(`http://${sandbox.registryHost}`);
  expect(expiresAt?.getTime()).toBeGreaterThan(Date.now() + 11 * 3_600_000);
  const headers = { authorization: `Basic ${authorizationToken}` };
  expect((await fetch(`${proxyEndpoint}/v2/`, { headers })).status).toBe(200);
  expect(await clientFor('us-east-1').send(new GetAuthorizationTokenCommand({}))).toMatchObject({
    authorizationData: [{ authorizationToken }],
  });
});

test('repositories are created, described and deleted', async () => {
  const { repository } = await ecr.send(
    new CreateRepositoryCommand({ repositoryName: 'team/app', imageTagMutability: 'IMMUTABLE' }),
  );
  expect(repository).toEqual({
    repositoryArn: `arn:aws:ecr:ap-northeast-2:${ACCOUNT}:repository/team/app`,
    registryId: ACCOUNT,
    repositoryName: 'team/app',
    repositoryUri: `${sandbox.registryHost}/team/app`,
    createdAt: expect.any(Date) as Date,
    imageTagMutability: 'IMMUTABLE',
    imageScanningConfiguration: { scanOnPush: false },
    encryptionConfiguration: { encryptionType: 'AES256' },
  });
  const names = async (...repositoryNames: string[]) => {
    const input = repositoryNames.length === 0 ? {} : { repositoryNames };
    const { repositories } = await ecr.send(new DescribeRepositoriesCommand(input));
    return repositories?.map(({ repositoryName: name }) => name);
  };
  expect(await names()).toEqual([repositoryName, 'team/app']);
  expect(await names('team/app')).toEqual(['team/app']);
  await expect(names('team/app', 'gone')).rejects.toMatchObject(missing('gone'));
  const resourceArn = repository?.repositoryArn ?? '';
  const tags = await ecr.send(new ListTagsForResourceCommand({ resourceArn }));
  expect(tags.tags).toEqual([]);
  await ecr.send(new DeleteRepositoryCommand({ repositoryName: 'team/app' }));
  expect(await names()).toEqual([repositoryName]);
});

test('a repository cannot be created twice or with an invalid name', async () => {
  const create = (name: string) => ecr.send(new CreateRepositoryCommand({ repositoryName: name }));
  await expect(create(repositoryName)).rejects.toMatchObject({
    name: 'RepositoryAlreadyExistsException',
    message: `The repository with name '${repositoryName}' already exists in the registry with id '${ACCOUNT}'`,
  });
  for (const name of ['x', 'App', 'a//b', 'a-', '_a', 'a'.repeat(257)]) {
    await expect(create(name)).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: expect.stringMatching(/^Invalid parameter at 'repositoryName' failed/) as string,
    });
  }
  for (const name of ['ab', 'a.b/c_d/e-f', 'a'.repeat(256)]) await create(name);
});

test('a repository with images can be deleted by force, and a new one is empty', async () => {
  await expect(ecr.send(new DeleteRepositoryCommand({ repositoryName }))).rejects.toMatchObject({
    name: 'RepositoryNotEmptyException',
    message: `The repository with name '${repositoryName}' in registry with id '${ACCOUNT}' cannot be deleted because it still contains images`,
  });
  await ecr.send(new DeleteRepositoryCommand({ repositoryName, force: true }));
  await expect(ecr.send(new ListImagesCommand({ repositoryName }))).rejects.toMatchObject(
    missing(repositoryName),
  );
  await ecr.send(new CreateRepositoryCommand({ repositoryName }));
  expect(await ecr.send(new ListImagesCommand({ repositoryName }))).toMatchObject({ imageIds: [] });
});

test('every operation on a missing repository throws RepositoryNotFoundException', async () => {
  const gone = { repositoryName: 'gone' };
  const calls = [
    ecr.send(new DescribeRepositoriesCommand({ repositoryNames: ['gone'] })),
    ecr.send(new DeleteRepositoryCommand(gone)),
    ecr.send(new PutImageTagMutabilityCommand({ ...gone, imageTagMutability: 'MUTABLE' })),
    ecr.send(new DescribeImagesCommand(gone)),
    ecr.send(new ListImagesCommand(gone)),
    ecr.send(new BatchGetImageCommand({ ...gone, imageIds: [{ imageTag: 'x' }] })),
    ecr.send(new BatchCheckLayerAvailabilityCommand({ ...gone, layerDigests: [digestOf('x')] })),
    ecr.send(new GetDownloadUrlForLayerCommand({ ...gone, layerDigest: digestOf('x') })),
    ecr.send(new PutImageCommand({ ...gone, imageManifest: '{}' })),
    ecr.send(new ListTagsForResourceCommand({ resourceArn: 'arn:aws:ecr:r:1:repository/gone' })),
  ];
  for (const result of await Promise.allSettled(calls)) {
    expect(result).toMatchObject({ status: 'rejected', reason: missing('gone') });
  }
});

test('other regions and registries are empty', async () => {
  const elsewhere = clientFor('us-east-1');
  const names = { repositoryNames: [repositoryName] };
  await expect(elsewhere.send(new DescribeRepositoriesCommand(names))).rejects.toMatchObject(
    missing(repositoryName),
  );
  const registryId = '444455556666';
  await expect(
    ecr.send(new DescribeRepositoriesCommand({ ...names, registryId })),
  ).rejects.toMatchObject(missing(repositoryName, registryId));
  await expect(elsewhere.send(new ListImagesCommand({ repositoryName }))).rejects.toMatchObject(
    missing(repositoryName),
  );
  const resourceArn = 'arn:aws:ecr:us-east-1:1:repository/x';
  await expect(
    elsewhere.send(new ListTagsForResourceCommand({ resourceArn })),
  ).rejects.toMatchObject(missing(resourceArn));
  expect(await elsewhere.send(new DescribeRepositoriesCommand({}))).toMatchObject({
    repositories: [],
  });
  await expect(
    elsewhere.send(new CreateRepositoryCommand({ repositoryName })),
  ).rejects.toMatchObject({
    name: 'InvalidParameterException',
    message: 'The sandbox has repositories only in ap-northeast-2.',
  });
});

test('images are described by tag, by digest and without either', async () => {
  const { digest, text, size } = await firstImage();
  await ecr.send(new PutImageCommand({ repositoryName, imageManifest: text, imageTag: 'again' }));
  const describe = async (...imageIds: { imageTag?: string; imageDigest?: string }[]) => {
    const input = imageIds.length === 0 ? {} : { imageIds };
    const command = new DescribeImagesCommand({ repositoryName, ...input });
    return (await ecr.send(command)).imageDetails;
  };
  const detail = {
    registryId: ACCOUNT,
    repositoryName,
    imageDigest: digest,
    imageTags: ['again', 'first'],
    imageSizeInBytes: size,
    imagePushedAt: expect.any(Date) as Date,
    imageManifestMediaType: OCI,
    imageStatus: 'ACTIVE',
  };
  expect(await describe()).toEqual([detail]);
  expect(await describe({ imageTag: 'again' }, { imageDigest: digest })).toEqual([detail, detail]);
  expect((await describe())?.[0]?.imagePushedAt).toEqual((await describe())?.[0]?.imagePushedAt);
  await expect(describe({ imageTag: 'zz' })).rejects.toMatchObject({
    name: 'ImageNotFoundException',
    message: `The image with imageId {imageDigest:'null', imageTag:'zz'} does not exist within the repository with name '${repositoryName}' in the registry with id '${ACCOUNT}'`,
  });
  const imageDigest = digestOf('zz');
  await expect(describe({ imageDigest })).rejects.toMatchObject({
    message: expect.stringContaining(`{imageDigest:'${imageDigest}', imageTag:'null'}`) as string,
  });
  expect((await ecr.send(new ListImagesCommand({ repositoryName }))).imageIds).toEqual([
    { imageDigest: digest, imageTag: 'again' },
    { imageDigest: digest, imageTag: 'first' },
  ]);
});

test('BatchGetImage returns manifests of the accepted types, and failures', async () => {
  const { digest, text } = await firstImage();
  const imageIds = [{ imageTag: 'first' }, { imageDigest: digest }, { imageTag: 'zz' }];
  const get = (...acceptedMediaTypes: string[]) =>
    ecr.send(new BatchGetImageCommand({ repositoryName, imageIds, acceptedMediaTypes }));
  const image = {
    registryId: ACCOUNT,
    repositoryName,
    imageManifest: text,
    imageManifestMediaType: OCI,
  };
  const failures = [
    {
      imageId: { imageTag: 'zz' },
      failureCode: 'ImageNotFound',
      failureReason: 'Requested image not found',
    },
  ];
  expect(await get(OCI)).toMatchObject({
    images: [
      { ...image, imageId: { imageTag: 'first', imageDigest: digest } },
      { ...image, imageId: { imageDigest: digest } },
    ],
    failures,
  });
  const schema2 = 'application/vnd.docker.distribution.manifest.v2+json';
  expect(await get(schema2)).toMatchObject({ images: [], failures });
});

test('layers are available or not, and can be downloaded without a login', async () => {
  const { config } = await firstImage();
  const absent = digestOf('absent');
  const check = { repositoryName, layerDigests: [config, absent] };
  const answer = await ecr.send(new BatchCheckLayerAvailabilityCommand(check));
  expect(answer).toMatchObject({
    layers: [
      {
        layerDigest: config,
        layerAvailability: 'AVAILABLE',
        layerSize: expect.any(Number) as number,
      },
      { layerDigest: absent, layerAvailability: 'UNAVAILABLE' },
    ],
    failures: [],
  });
  const locate = (layerDigest: string) =>
    ecr.send(new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest }));
  const { downloadUrl = '' } = await locate(config);
  const bytes = Buffer.from(await (await fetch(downloadUrl)).arrayBuffer());
  expect(digestOf(bytes)).toBe(config);
  expect(JSON.parse(bytes.toString())).toMatchObject({ os: 'linux', architecture: 'amd64' });
  await expect(locate(absent)).rejects.toMatchObject({
    name: 'LayersNotFoundException',
    message: `The layer with digest '${absent}' does not exist in the repository with name '${repositoryName}' in the registry with id '${ACCOUNT}'`,
  });
  expect((await fetch(downloadUrl.replace(config, absent))).status).toBe(404);
});

test('PutImage adds a tag once', async () => {
  const { digest, text } = await firstImage();
  const put = (imageManifest: string, imageTag?: string) =>
    ecr.send(new PutImageCommand({ repositoryName, imageManifest, ...(imageTag && { imageTag }) }));
  const { image } = await put(text, 'v1');
  expect(image?.imageId).toEqual({ imageDigest: digest, imageTag: 'v1' });
  expect((await registry().getManifest(repositoryName, 'v1'))?.text).toBe(text);
  const already = (tag: string) => ({
    name: 'ImageAlreadyExistsException',
    message: `Image with digest '${digest}' and tag '${tag}' already exists in the repository with name '${repositoryName}' in registry with id '${ACCOUNT}'`,
  });
  await expect(put(text, 'v1')).rejects.toMatchObject(already('v1'));
  await expect(put(text)).rejects.toMatchObject(already('null'));
  await expect(put('no JSON', 'v2')).rejects.toMatchObject({
    name: 'InvalidParameterException',
    message:
      "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'",
  });
  const layers = JSON.stringify({ mediaType: OCI, layers: [{ digest: digestOf('absent') }] });
  await expect(put(layers, 'v2')).rejects.toMatchObject({ name: 'LayersNotFoundException' });
  const other = JSON.stringify({ ...(JSON.parse(text) as object), annotations: { a: 'b' } });
  expect((await put(other)).image?.imageId).toEqual({ imageDigest: digestOf(other) });
  await put(other, 'v1');
  expect((await registry().getManifest(repositoryName, 'v1'))?.text).toBe(other);
});

test('a tag of an immutable repository cannot be moved, except for exclusions', async () => {
  const { text } = await firstImage();
  const other = JSON.stringify({ ...(JSON.parse(text) as object), annotations: { a: 'b' } });
  const put = (imageManifest: string, imageTag: string) =>
    ecr.send(new PutImageCommand({ repositoryName, imageManifest, imageTag }));
  const change = (imageTagMutability: string, ...filters: string[]) =>
    ecr.send(
      new PutImageTagMutabilityCommand({
        repositoryName,
        imageTagMutability: imageTagMutability as 'MUTABLE',
        ...(filters.length > 0 && {
          imageTagMutabilityExclusionFilters: filters.map((filter) => ({
            filterType: 'WILDCARD' as const,
            filter,
          })),
        }),
      }),
    );
  for (const tag of ['1.0', 'dev-1']) await put(text, tag);
  const immutable = {
    name: 'ImageTagAlreadyExistsException',
    message: `The image tag '1.0' already exists in the '${repositoryName}' repository and cannot be overwritten because the repository is immutable.`,
  };
  expect(await change('IMMUTABLE')).toMatchObject({ imageTagMutability: 'IMMUTABLE' });
  await expect(put(other, '1.0')).rejects.toMatchObject(immutable);
  await put(other, 'new');
  const filters = [{ filterType: 'WILDCARD', filter: 'dev-*' }];
  expect(await change('IMMUTABLE_WITH_EXCLUSION', 'dev-*')).toMatchObject({
    imageTagMutabilityExclusionFilters: filters,
  });
  await expect(put(other, '1.0')).rejects.toMatchObject(immutable);
  await put(other, 'dev-1');
  await change('MUTABLE_WITH_EXCLUSION', '1.*');
  await expect(put(other, '1.0')).rejects.toMatchObject(immutable);
  await put(text, 'dev-1');
  await change('MUTABLE');
  await put(other, '1.0');
  for (const wrong of ['SOMETIMES', 'IMMUTABLE_WITH_EXCLUSION']) {
    await expect(change(wrong)).rejects.toMatchObject({ name: 'InvalidParameterException' });
  }
});

test('a repository keeps its settings, tags and policies', async () => {
  const send = ecr.send.bind(ecr);
  const { repository } = await send(
    new CreateRepositoryCommand({
      repositoryName: 'team/app',
      tags: [{ Key: 'team', Value: 'web' }],
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfiguration: { encryptionType: 'KMS' },
    }),
  );
  expect(repository).toMatchObject({
    imageScanningConfiguration: { scanOnPush: true },
    encryptionConfiguration: {
      encryptionType: 'KMS',
      kmsKey: expect.stringMatching(/^arn:aws:kms:ap-northeast-2:111122223333:key\//) as string,
    },
  });
  const resourceArn = repository?.repositoryArn ?? '';
  await send(new TagResourceCommand({ resourceArn, tags: [{ Key: 'a', Value: 'b' }] }));
  await send(new UntagResourceCommand({ resourceArn, tagKeys: ['team'] }));
  expect((await send(new ListTagsForResourceCommand({ resourceArn }))).tags).toEqual([
    { Key: 'a', Value: 'b' },
  ]);
  const named = { repositoryName: 'team/app' };
  const statement = { Effect: 'Allow', Principal: '*', Action: ['ecr:BatchGetImage'] };
  const policyText = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await expect(send(new GetRepositoryPolicyCommand(named))).rejects.toMatchObject({
    name: 'RepositoryPolicyNotFoundException',
  });
  await expect(
    send(new SetRepositoryPolicyCommand({ ...named, policyText: '{}' })),
  ).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await send(new SetRepositoryPolicyCommand({ ...named, policyText }));
  expect(await send(new GetRepositoryPolicyCommand(named))).toMatchObject({ policyText });
  await send(new DeleteRepositoryPolicyCommand(named));
  await send(
    new PutImageScanningConfigurationCommand({
      ...named,
      imageScanningConfiguration: { scanOnPush: false },
    }),
  );
  const scanning = new BatchGetRepositoryScanningConfigurationCommand({
    repositoryNames: ['team/app', 'gone'],
  });
  expect(await send(scanning)).toMatchObject({
    scanningConfigurations: [{ scanOnPush: false, scanFrequency: 'MANUAL' }],
    failures: [{ failureCode: 'REPOSITORY_NOT_FOUND' }],
  });
});

test('the registry decides when images are scanned: continuously before on push', async () => {
  const set = (scanType: 'BASIC' | 'ENHANCED', ...rules: readonly [ScanFrequency, string][]) =>
    ecr.send(
      new PutRegistryScanningConfigurationCommand({
        scanType,
        rules: rules.map(([scanFrequency, filter]) => ({
          scanFrequency,
          repositoryFilters: [{ filter, filterType: 'WILDCARD' }],
        })),
      }),
    );
  const read = async () => {
    const command = new BatchGetRepositoryScanningConfigurationCommand({
      repositoryNames: [repositoryName],
    });
    const { scanningConfigurations: [found] = [] } = await ecr.send(command);
    return [found?.scanFrequency, found?.appliedScanFilters?.map(({ filter }) => filter)];
  };
  await set('ENHANCED', ['SCAN_ON_PUSH', '*'], ['CONTINUOUS_SCAN', 'hyeon9mak-*']);
  expect(await read()).toEqual(['CONTINUOUS_SCAN', ['hyeon9mak-*']]);
  const imageId = { imageTag: 'first' };
  const scan = await ecr.send(new StartImageScanCommand({ repositoryName, imageId }));
  expect(scan.imageScanStatus?.status).toBe('IN_PROGRESS');
  const described = await ecr.send(new DescribeImagesCommand({ repositoryName }));
  expect(described.imageDetails).toMatchObject([{ imageScanStatus: { status: 'ACTIVE' } }]);
  await set('ENHANCED', ['SCAN_ON_PUSH', '9mak'], ['CONTINUOUS_SCAN', 'other-*']);
  expect(await read()).toEqual(['SCAN_ON_PUSH', ['9mak']]);
  await set('BASIC');
  expect(await read()).toEqual(['MANUAL', []]);
});

test('images are scanned on demand', async () => {
  const imageId = { imageTag: 'first' };
  const findings = () =>
    ecr.send(new DescribeImageScanFindingsCommand({ repositoryName, imageId }));
  await expect(findings()).rejects.toMatchObject({ name: 'ScanNotFoundException' });
  await ecr.send(new StartImageScanCommand({ repositoryName, imageId }));
  expect(await findings()).toMatchObject({
    imageScanStatus: { status: 'COMPLETE' },
    imageScanFindings: { findings: [] },
  });
});

test('untagged images are listed, filtered and deleted, and lists have pages', async () => {
  const { text, digest } = await firstImage();
  const other = JSON.stringify({ ...(JSON.parse(text) as object), annotations: { a: 'b' } });
  // A push by Docker moves the tag.
  await registry().putManifest(repositoryName, 'first', { mediaType: OCI, text: other });
  const list = async (tagStatus?: 'TAGGED' | 'UNTAGGED') => {
    const filter = tagStatus && { filter: { tagStatus } };
    const answer = await ecr.send(new ListImagesCommand({ repositoryName, ...filter }));
    return answer.imageIds;
  };
  const tagged = { imageDigest: digestOf(other), imageTag: 'first' };
  expect(await list()).toEqual([tagged, { imageDigest: digest }]);
  expect(await list('TAGGED')).toEqual([tagged]);
  expect(await list('UNTAGGED')).toEqual([{ imageDigest: digest }]);
  const page = await ecr.send(new DescribeImagesCommand({ repositoryName, maxResults: 1 }));
  const { nextToken } = page;
  const rest = await ecr.send(new DescribeImagesCommand({ repositoryName, nextToken }));
  expect([...(page.imageDetails ?? []), ...(rest.imageDetails ?? [])]).toHaveLength(2);
  await ecr.send(new PutImageCommand({ repositoryName, imageManifest: other, imageTag: 'v1' }));
  const remove = (...imageIds: { imageTag?: string; imageDigest?: string }[]) =>
    ecr.send(new BatchDeleteImageCommand({ repositoryName, imageIds }));
  expect(await remove({ imageTag: 'v1' }, { imageDigest: digest }, { imageTag: 'zz' }, {})).toEqual(
    expect.objectContaining({
      imageIds: [{ imageDigest: digestOf(other), imageTag: 'v1' }, { imageDigest: digest }],
      failures: [
        {
          imageId: { imageTag: 'zz' },
          failureCode: 'ImageNotFound',
          failureReason: 'Requested image not found',
        },
        {
          imageId: {},
          failureCode: 'MissingDigestAndTag',
          failureReason: expect.any(String) as string,
        },
      ],
    }),
  );
  expect(await list()).toEqual([tagged]);
  const wrong = await remove({ imageDigest: digestOf(other), imageTag: 'v9' });
  expect(wrong.failures).toMatchObject([{ failureCode: 'ImageTagDoesNotMatchDigest' }]);
  await remove({ imageTag: 'first' });
  expect(await list()).toEqual([]);
});

test('an image of an index is deleted with the index only', async () => {
  const { digest, text } = await firstImage();
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ mediaType: OCI, digest, size: text.length }],
  });
  await ecr.send(new PutImageCommand({ repositoryName, imageManifest: index, imageTag: 'all' }));
  const remove = (imageDigest: string) =>
    ecr.send(new BatchDeleteImageCommand({ repositoryName, imageIds: [{ imageDigest }] }));
  expect((await remove(digest)).failures).toMatchObject([
    { failureCode: 'ImageReferencedByManifestList' },
  ]);
  expect((await remove(digestOf(index))).failures).toEqual([]);
  expect((await remove(digest)).failures).toEqual([]);
});

test('a layer is uploaded in parts', async () => {
  const send = ecr.send.bind(ecr);
  const bytes = Buffer.alloc(6 * 2 ** 20, 7);
  const layerDigest = digestOf(bytes);
  const { uploadId, partSize } = await send(new InitiateLayerUploadCommand({ repositoryName }));
  expect(partSize).toBe(10 * 2 ** 20);
  const upload = { repositoryName, uploadId };
  const part = (first: number, end: number) =>
    send(
      new UploadLayerPartCommand({
        ...upload,
        partFirstByte: first,
        partLastByte: end - 1,
        layerPartBlob: bytes.subarray(first, end),
      }),
    );
  const complete = (...layerDigests: string[]) =>
    send(new CompleteLayerUploadCommand({ ...upload, layerDigests }));
  await expect(complete(layerDigest)).rejects.toMatchObject({ name: 'EmptyUploadException' });
  const half = 5 * 2 ** 20;
  expect(await part(0, half)).toMatchObject({ lastByteReceived: half - 1 });
  await expect(part(half + 1, bytes.length)).rejects.toMatchObject({
    name: 'InvalidLayerPartException',
    lastValidByteReceived: half - 1,
  });
  await part(half, bytes.length);
  await expect(complete(digestOf('x'))).rejects.toMatchObject({ name: 'InvalidLayerException' });
  expect(await complete(layerDigest)).toMatchObject({ layerDigest });
  await expect(complete(layerDigest)).rejects.toMatchObject({ name: 'UploadNotFoundException' });
  const check = { repositoryName, layerDigests: [layerDigest, 'nonsense'] };
  expect(await send(new BatchCheckLayerAvailabilityCommand(check))).toMatchObject({
    layers: [{ layerAvailability: 'AVAILABLE', layerSize: bytes.length }],
    failures: [{ failureCode: 'InvalidLayerDigest' }],
  });
});

test('a lifecycle policy is checked, and its preview names what it would expire', async () => {
  const { text } = await firstImage();
  for (const tag of ['prod-1', 'prod-2', 'prod-3']) {
    const annotations = { tag };
    const imageManifest = JSON.stringify({ ...(JSON.parse(text) as object), annotations });
    await ecr.send(new PutImageCommand({ repositoryName, imageManifest, imageTag: tag }));
  }
  const rule = (rulePriority: number, selection: object) => ({
    rulePriority,
    selection,
    action: { type: 'expire' },
  });
  const policy = (...rules: object[]) => JSON.stringify({ rules });
  const put = (lifecyclePolicyText: string) =>
    ecr.send(new PutLifecyclePolicyCommand({ repositoryName, lifecyclePolicyText }));
  const tagged = { tagStatus: 'tagged', tagPrefixList: ['prod-'] };
  const count = { countType: 'imageCountMoreThan', countNumber: 1 };
  for (const text of [
    'no JSON'.padEnd(100),
    '{}'.padEnd(100),
    policy(rule(1, { tagStatus: 'tagged', ...count })),
    policy(rule(1, { tagStatus: 'any', ...count }), rule(2, { tagStatus: 'untagged', ...count })),
    policy(rule(1, { tagStatus: 'any', countType: 'sinceImagePushed', countNumber: 1 })),
    policy(rule(1, { tagStatus: 'any', ...count }), rule(1, { tagStatus: 'any', ...count })),
  ]) {
    await expect(put(text)).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: expect.stringContaining('Lifecycle policy validation failure') as string,
    });
  }
  const preview = new GetLifecyclePolicyPreviewCommand({ repositoryName });
  await expect(ecr.send(preview)).rejects.toMatchObject({
    name: 'LifecyclePolicyPreviewNotFoundException',
  });
  const pulled = { countType: 'sinceImagePulled', countUnit: 'days', countNumber: 30 };
  const archive = { type: 'transition', targetStorageClass: 'archive' };
  await put(policy({ ...rule(1, { tagStatus: 'any', ...pulled }), action: archive }));
  await put(policy(rule(1, { ...tagged, ...count }), rule(2, { tagStatus: 'any', ...count })));
  await ecr.send(new StartLifecyclePolicyPreviewCommand({ repositoryName }));
  expect(await ecr.send(preview)).toMatchObject({
    status: 'COMPLETE',
    previewResults: [
      { imageTags: ['prod-2'], appliedRulePriority: 1, action: { type: 'EXPIRE' } },
      { imageTags: ['prod-1'], appliedRulePriority: 1 },
    ],
    summary: { expiringImageTotalCount: 2 },
  });
});
