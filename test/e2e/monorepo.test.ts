import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateRepositoryCommand } from '@aws-sdk/client-ecr';
import { DescribeTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import { addService, commitAll, HAS_GIT, makeWorld, stable } from '../support/world.ts';
import type { World, WorldOptions } from '../support/world.ts';

const dockerfile = (name: string) =>
  `FROM scratch\nCOPY services/${name} /\nCOPY libs /libs\nENTRYPOINT ["/app"]\n`;

const FILES = {
  'services/api/Dockerfile': dockerfile('api'),
  'services/api/app': 'api',
  'services/web/Dockerfile': dockerfile('web'),
  'services/web/app': 'web',
  'libs/common': 'common',
  '.ecsdeployrc': `region: ap-northeast-2
cluster: backend
container: hyeon9mak-container
services:
  - { service: hyeon9mak-service-dev, image: api }
  - { service: worker, image: api, setEnv: { ROLE: worker } }
  - { service: web, image: web }
images:
  api: { repository: shop/api, dockerfile: services/api/Dockerfile, paths: [services/api, libs] }
  web: { repository: shop/web, dockerfile: services/web/Dockerfile, paths: [services/web, libs] }
`,
};

async function makeShop(options: WorldOptions = {}): Promise<World> {
  const world = await makeWorld({ files: FILES, ...options });
  for (const repositoryName of ['shop/api', 'shop/web']) {
    await world.ecr.send(new CreateRepositoryCommand({ repositoryName }));
  }
  for (const service of ['worker', 'web']) await addService(world, service);
  world.writes();
  return world;
}

/** What a deploy did: the images, and how each service ended. */
async function deployed(world: World, args: readonly string[] = []) {
  const end = await world.run(['deploy', '--json', ...args]);
  expect(end.status, end.stderr).toBe(0);
  const { image, images = [], services, outcome } = readResult(end);
  return {
    end,
    image,
    outcome,
    images,
    built: images.map(({ name, built, pushed }) => `${name} ${built} ${pushed}`),
    services: Object.fromEntries(services.map((item) => [item.service, item.outcome])),
    tags: Object.fromEntries(images.map((item) => [item.name, item.reference.split(':').at(-1)])),
  };
}

function commit({ folder }: World, path: string, content: string): void {
  writeFileSync(join(folder, path), content);
  commitAll(folder);
}

describe.skipIf(!HAS_GIT)('several images', () => {
  test('a commit that touches the paths of one image builds and deploys that one only', async () => {
    const world = await makeShop();
    const first = await deployed(world);
    expect(first.image).toBeNull();
    expect(first.built).toEqual(['api true true', 'web true true']);
    expect(first.tags).toEqual({
      api: expect.stringMatching(/^tree-[0-9a-f]{40}-[0-9a-f]{8}$/),
      web: expect.stringMatching(/^tree-[0-9a-f]{40}-[0-9a-f]{8}$/),
    });
    expect(first.services).toEqual({
      'hyeon9mak-service-dev': 'succeeded',
      worker: 'succeeded',
      web: 'succeeded',
    });
    world.writes();

    commit(world, 'README.md', 'nobody builds this');
    const idle = await deployed(world, ['--dry-run']);
    expect(idle.tags).toEqual(first.tags);

    commit(world, 'services/web/app', 'web 2');
    const second = await deployed(world);
    expect(second.built).toEqual(['api false false', 'web true true']);
    expect(second.tags).toMatchObject({ api: first.tags['api'] });
    expect(second.services).toEqual({
      'hyeon9mak-service-dev': 'unchanged',
      worker: 'unchanged',
      web: 'succeeded',
    });
    expect(world.writes().filter((action) => action.startsWith('ecs:'))).toEqual([
      'ecs:RegisterTaskDefinition',
      'ecs:UpdateService',
    ]);

    writeFileSync(join(world.folder, 'services/api/app'), 'not committed');
    const dirty = await deployed(world, ['--dry-run']);
    expect(dirty.tags).toEqual({
      api: expect.stringMatching(/^tree-[0-9a-f]{40}-dirty-[0-9a-f]{8}-[0-9a-f]{8}$/),
      web: second.tags['web'],
    });
    expect(dirty.outcome).toBe('planned');
  });

  test('each line of side by side builds names its image, and push prints a reference on each line', async () => {
    const world = await makeShop();
    const end = await world.run(['push']);
    expect(end.status, end.stderr).toBe(0);
    expect(stable(end.stdout, world)).toMatch(
      /^REGISTRY\/shop\/api:tree-COMMIT-\w{8}\nREGISTRY\/shop\/web:tree-COMMIT-\w{8}\n$/,
    );
    const lines = stable(end.stderr, world).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'api: Building for linux/amd64',
        'api: Built for linux/amd64 in TIME',
        'web: Pushing',
      ]),
    );
    // The daemon is one.
    expect(lines.filter((line) => line.startsWith('Docker'))).toHaveLength(1);
  });

  test('a service of one image needs that image only', async () => {
    const world = await makeShop();
    const { image, built } = await deployed(world, ['--service', 'web', '--tag', 'v1']);
    expect(built).toEqual(['web true true']);
    expect(image?.reference).toMatch(/\/shop\/web:v1$/);
    const given = await world.run(['deploy', '--image', image?.reference ?? '', '--dry-run']);
    expect(given.status).toBe(2);
    expect(given.stderr).toBe(
      `Error: --image is for one image, but there are 2 (api, web): choose the services of one with --service\n  → see ecsdeploy deploy --help\n`,
    );
    const args = ['deploy', '--image', image?.reference ?? '', '--service', 'web', '--json'];
    const chosen = await world.run(args);
    expect(readResult(chosen).outcome).toBe('unchanged');
  });

  test('one image that fails stops the others, and no service changes', async () => {
    const world = await makeShop({
      files: {
        ...FILES,
        'services/web/Dockerfile': 'FROM scratch\nCOPY services/api/app /app\n',
      },
    });
    const end = await world.run(['deploy', '--json']);
    // What is not in `paths` is not in the build context, so it cannot be in the image.
    expect(readResult(end).error?.message).toMatch(/^web: .*services\/api\/app/);
    expect(end.status).toBe(5);
    expect(world.writes().filter((action) => action.startsWith('ecs:'))).toEqual([]);
  });

  test('the commands of all images run once each, before the first build', async () => {
    const world = await makeShop({
      files: {
        ...FILES,
        '.ecsdeployrc': FILES['.ecsdeployrc'].replace(
          'images:',
          'build: { before: ["echo made >> log"] }\nimages:',
        ),
        '.gitignore': 'log\n',
      },
    });
    const end = await world.run(['push']);
    expect(end.status, end.stderr).toBe(0);
    expect(execFileSync('cat', [join(world.folder, 'log')], { encoding: 'utf8' })).toBe('made\n');
    expect(end.stderr.indexOf('Running')).toBeLessThan(end.stderr.indexOf('Building'));
  });

  test('each service names its own image, by digest or by tag', async () => {
    const world = await makeShop();
    const named = async () =>
      Promise.all(
        ['hyeon9mak-service-dev', 'worker', 'web'].map(async (service) => {
          const { taskDefinition } = await world.service(service);
          const described = await world.ecs.send(
            new DescribeTaskDefinitionCommand({ taskDefinition }),
          );
          const containers = described.taskDefinition?.containerDefinitions ?? [];
          return containers.find(({ name }) => name === 'hyeon9mak-container')?.image;
        }),
      );
    const { images } = await deployed(world);
    const [api, web] = images.map(({ reference, digest }) => `${reference}@${digest}`);
    expect(await named()).toEqual([api, api, web]);
    const again = await deployed(world);
    expect(new Set(Object.values(again.services))).toEqual(new Set(['unchanged']));
    await deployed(world, ['--pin', 'tag', '--service', 'web']);
    expect(await named()).toEqual([api, api, images[1]?.reference]);
  });

  test('--from-commit builds every image from the same checkout', async () => {
    const world = await makeShop({
      files: {
        ...FILES,
        '.ecsdeployrc': FILES['.ecsdeployrc']
          .replace('images:', 'build: { before: ["echo $WHO >> services/made"] }\nimages:')
          .replace('{ repository: shop/api', '{ env: { WHO: api }, repository: shop/api')
          .replace('{ repository: shop/web', '{ env: { WHO: web }, repository: shop/web')
          .replaceAll('paths: [', 'paths: [services/made, '),
        'services/api/Dockerfile': `${dockerfile('api')}COPY services/made /made\n`,
      },
    });
    const clean = await deployed(world, ['--from-commit', '--dry-run']);
    for (const path of ['services/api/app', 'services/web/app', 'libs/common']) {
      writeFileSync(join(world.folder, path), 'not committed');
    }
    const { built, tags } = await deployed(world, ['--from-commit']);
    expect(built).toEqual(['api true true', 'web true true']);
    expect(tags).toEqual(clean.tags);
    // The commands ran with the variables of each image, in the checkout.
    expect(existsSync(join(world.folder, 'services/made'))).toBe(false);
    expect((await world.run(['push'])).status).toBe(0);
    expect(readFileSync(join(world.folder, 'services/made'), 'utf8')).toBe('api\nweb\n');
  });

  test('verify and the outputs of a job name each image', async () => {
    const world = await makeShop();
    const output = join(world.folder, 'outputs');
    const verified = await world.run(['verify']);
    expect(verified.status, verified.stderr).toBe(0);
    expect(stable(verified.stderr, world)).toMatch(/^image api$/m);
    expect(stable(verified.stderr, world)).toMatch(/^build web$/m);
    const environment = { GITHUB_ACTIONS: 'true', GITHUB_OUTPUT: output };
    const end = await world.run(['push', '--tag', 'v1'], { environment });
    expect(end.status, end.stderr).toBe(0);
    // One section holds the lines of both.
    expect(end.stderr.match(/^::group::.*$/gm)).toEqual(['::group::Build']);
    const written = execFileSync('cat', [output], { encoding: 'utf8' });
    expect(stable(written, world)).toContain(
      '{"api":"REGISTRY/shop/api:v1","web":"REGISTRY/shop/web:v1"}',
    );
    expect(written).not.toMatch(/^image<</m);
  });
});
