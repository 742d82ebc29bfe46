import { expect, test } from 'vitest';
import {
  createRepository,
  findRepository,
  isImmutable,
  repositoryOf,
} from '../../src/aws/repositories.ts';
import { serveAws } from '../support/aws.ts';

const OWN = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

/** An ECR of account 111122223333 in eu-west-1 that has the repository `app`; it ignores `registryId`. */
async function openEcr(templates?: readonly object[], host = OWN) {
  const calls: string[] = [];
  const aws = await serveAws((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      const action = String(request.headers['x-amz-target']).split('.')[1];
      const input = JSON.parse(body) as { repositoryNames?: string[]; repositoryName?: string };
      calls.push(String(action));
      const name = input.repositoryNames?.[0] ?? input.repositoryName ?? 'app';
      const repository = {
        repositoryName: name,
        registryId: '111122223333',
        repositoryUri: `${host}/${name}`,
        imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
        imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'latest*' }],
      };
      const authorizationToken = Buffer.from('AWS:password').toString('base64');
      const answers: Readonly<Record<string, object>> = {
        DescribeRepositories: { repositories: [repository] },
        CreateRepository: { repository },
        ...(templates && {
          DescribeRepositoryCreationTemplates: {
            registryId: '111122223333',
            repositoryCreationTemplates: templates,
          },
        }),
        GetAuthorizationToken: {
          authorizationData: [{ authorizationToken, proxyEndpoint: `https://${OWN}` }],
        },
      };
      const isMissing = action === 'DescribeRepositories' && name !== 'app';
      response.statusCode = isMissing ? 400 : 200;
      response.end(
        JSON.stringify(
          isMissing
            ? { __type: 'RepositoryNotFoundException', message: 'no' }
            : answers[String(action)],
        ),
      );
    });
  });
  return { aws, calls };
}

test.each([
  ['app', `${OWN}/app`],
  [`${OWN}/app`, `${OWN}/app`],
  ['111122223333.dkr-ecr.eu-west-1.on.aws/app', '111122223333.dkr-ecr.eu-west-1.on.aws/app'],
])('%s is pushed to where it was named', async (named, uri) => {
  const { aws } = await openEcr();
  const found = await findRepository(aws, named, false);
  expect(found).toMatchObject({ name: 'app', uri, registryId: '111122223333' });
  expect(found && ['v1', 'latest-2'].map((tag) => isImmutable(found, tag))).toEqual([true, false]);
});

test.each([
  ['docker.io/library/app', 'config-invalid', 'is not in Amazon ECR'],
  ['docker.io/library/nginx', 'config-invalid', 'is not in Amazon ECR'],
  ['999999999999.dkr.ecr.eu-west-1.amazonaws.com/app', 'repository-missing', '999999999999'],
  ['999999999999.dkr.ecr.eusc-de-east-1.amazonaws.eu/app', 'repository-missing', '999999999999'],
  ['app:latest', 'config-invalid', 'includes a tag'],
  ['nginx', 'repository-missing', 'no repository "nginx" in eu-west-1'],
  [`${OWN}/nginx`, 'repository-missing', 'in account 111122223333 in eu-west-1'],
])('%s is refused', async (named, code, text) => {
  const { aws } = await openEcr();
  const error: unknown = await findRepository(aws, named, false).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code, message: expect.stringContaining(text) as string });
});

test.each([
  'docker.io/me/app',
  '111122223333.DKR.ECR.eu-west-1.amazonaws.com/app',
  '111122223333.dkr.ecr.cn-north-1.amazonaws.com/app',
  `${OWN}:443/app`,
  'arn:aws:ecr:eu-west-1:111122223333:repository/app',
])('%s is not the registry of an emulator', async (named) => {
  const { aws } = await openEcr(undefined, '127.0.0.1:5000');
  await expect(findRepository(aws, named, false)).rejects.toMatchObject({ code: 'config-invalid' });
});

test('a repository is not created in another account than the one named', async () => {
  const { aws, calls } = await openEcr();
  const there = '999999999999.dkr.ecr.eu-west-1.amazonaws.com/new';
  await expect(createRepository(aws, there)).rejects.toMatchObject({ code: 'repository-missing' });
  await expect(createRepository(aws, 'docker.io/me/new')).rejects.toMatchObject({
    code: 'config-invalid',
  });
  expect(calls).not.toContain('CreateRepository');
  expect((await createRepository(aws, `${OWN}/new`)).uri).toBe(`${OWN}/new`);
});

test('an image of another registry has no repository here', async () => {
  const { aws } = await openEcr();
  expect(await repositoryOf(aws, 'docker.io/library/app:1')?.isOurs).toBe(false);
  expect(repositoryOf(aws, 'app:1')).toBeUndefined();
  const own = repositoryOf(aws, `${OWN}/app:1`);
  expect(own?.repository.uri).toBe(`${OWN}/app`);
  expect(await own?.isOurs).toBe(true);
});

const ON_PUSH = { appliedFor: ['PULL_THROUGH_CACHE', 'CREATE_ON_PUSH'] };

test.each<[object, string, boolean]>([
  [{ prefix: 'team', ...ON_PUSH }, 'team/new', false],
  [{ prefix: 'team/', ...ON_PUSH }, 'team/deep/new', true],
  [{ prefix: 'ROOT', ...ON_PUSH }, 'new', false],
  [{ prefix: 'team', ...ON_PUSH }, `${OWN}/team/new`, false],
])(
  'the template %j creates %s at the push (--create-repository %j)',
  async (template, named, may) => {
    const { aws } = await openEcr([template]);
    const name = named.replace(`${OWN}/`, '');
    const uri = `${OWN}/${name}`;
    expect(await findRepository(aws, named, may)).toMatchObject({
      name,
      uri,
      isCreatedOnPush: true,
    });
  },
);

test.each<[object, string]>([
  [{ prefix: 'team', ...ON_PUSH }, 'teams/new'],
  [{ prefix: 'team', appliedFor: ['PULL_THROUGH_CACHE'] }, 'team/new'],
  [{ prefix: 'ROOT', ...ON_PUSH }, '999999999999.dkr.ecr.eu-west-1.amazonaws.com/new'],
])('the template %j does not create %s at the push', async (template, named) => {
  const { aws } = await openEcr([template]);
  await expect(findRepository(aws, named, false)).rejects.toMatchObject({
    code: 'repository-missing',
  });
});

test('without a template, or the permission to see one, --create-repository creates it', async () => {
  expect(await findRepository((await openEcr([])).aws, 'new', true)).toBeUndefined();
  expect(await findRepository((await openEcr()).aws, 'new', true)).toBeUndefined();
});
