import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { StoredImage } from '../../src/aws/images.ts';
import type { Repository } from '../../src/aws/repositories.ts';
import { CHECK_NAMES } from '../../src/core/check-names.ts';
import type { Service } from '../../src/core/ecs.ts';
import type { JsonObject, Revision } from '../../src/core/task-definition.ts';
import { EcsDeployError } from '../../src/errors.ts';
import { enforce } from '../../src/plan/enforce.ts';
import type { BuildPlace, Destination, ObservedImage } from '../../src/plan/image.ts';
import type { Observed, Way } from '../../src/plan/observe.ts';
import { plan } from '../../src/plan/plan.ts';
import type { Plan, PlanInput } from '../../src/plan/plan.ts';
import type { Config, Target } from '../../src/settings/config.ts';
import { aDeployment, aService, revisionArn } from '../support/ecs-types.ts';

const CONFIG = {
  skipCheck: [],
  platform: undefined,
  showValues: false,
  timeout: 1_800_000,
  cache: false,
};
const IMAGE = 'registry/app:new';
const PINNED = `${IMAGE}@sha256:1`;

const target: Target = {
  cluster: 'backend',
  service: 'api',
  imageName: undefined,
  container: undefined,
  containerImages: {},
  codeDeploy: undefined,
  schedules: false,
  taskDefinition: undefined,
  setEnv: {},
  setSecrets: {},
  unsetEnv: [],
  replaceEnv: false,
  setCommand: undefined,
  setCpu: undefined,
  setMemory: undefined,
  setTaskRole: undefined,
  setExecutionRole: undefined,
  setTags: {},
};

function aRevision(name: string, members: JsonObject = {}): Revision {
  const [family = '', revision] = name.split(':');
  return {
    arn: revisionArn(name),
    family,
    revision: Number(revision),
    status: 'ACTIVE',
    definition: {
      family,
      cpu: '256',
      memory: '512',
      executionRoleArn: 'arn:role',
      containerDefinitions: [{ name: 'app', image: 'registry/app:old' }],
      ...members,
    },
  };
}

function observed(
  running: Revision,
  more: {
    readonly service?: Service;
    readonly target?: Partial<Target>;
    readonly next?: readonly [Revision, Way];
    readonly source?: JsonObject;
  } = {},
): Observed {
  const [revision, way] = more.next ?? [];
  return {
    target: { ...target, ...more.target },
    read: {
      value: {
        service: more.service ?? aService(),
        running,
        latest: running,
        next:
          revision === undefined || way === undefined
            ? { kind: 'render', source: more.source ?? running.definition }
            : { kind: 'revision', revision, way },
      },
    },
  };
}

const stored = (platforms: readonly string[]): StoredImage => ({
  digest: 'sha256:1',
  platforms,
  labels: {},
  config: 'sha256:c',
  manifest: '{}',
  mediaType: undefined,
});

const given = (platforms: readonly string[] | undefined): ObservedImage => ({
  kind: 'given',
  reference: IMAGE,
  read: { value: { stored: platforms && stored(platforms), detail: undefined } },
});

const place: BuildPlace = {
  machine: { error: new EcsDeployError({ code: 'docker-unavailable', message: 'no daemon' }) },
  files: { value: undefined },
  dockerfile: '/p/Dockerfile',
  hasRun: false,
  runnable: undefined,
  ignoreFile: '/p/.dockerignore',
  hasIgnoreFile: true,
  heavy: [],
};

function built(
  present: StoredImage | undefined,
  build?: BuildPlace,
  repository?: Repository,
): ObservedImage {
  const destination: Destination = {
    reference: IMAGE,
    tag: 'new',
    labels: {},
    gaps: { submodules: [], pointers: [] },
    repository,
    present: { stored: present, detail: undefined },
    extras: [],
  };
  return { kind: 'built', destination: { value: destination }, build };
}

/** Plans with one image, or none. */
function make(
  { image, ...input }: Partial<PlanInput> & { readonly image?: ObservedImage },
  config: Partial<typeof CONFIG & Pick<Config, 'pin'>> = {},
) {
  const images = image === undefined ? [] : [{ name: undefined, image }];
  const made = plan({ ...CONFIG, ...config }, { services: [], images, checked: true, ...input });
  return { ...made, image: made.images[0]?.image };
}

const failed = ({ findings }: Plan) =>
  findings.filter(({ status }) => status === 'fail').map(({ check }) => check);

const PULL = 'ok: ECS pulls the image across regions, from us-east-1 to ap-northeast-2';
const POLICY =
  'skip: the image is in account 222222222222, the service in 111122223333: whether the policy of the repository allows the pull';

test.each([
  ['222222222222.dkr.ecr.us-east-1.amazonaws.com', [PULL, POLICY]],
  ['registry', []],
])('how a service that is elsewhere gets its image from %s', (registry, expected) => {
  const read = { value: { stored: undefined, detail: undefined } };
  const image = { kind: 'given', reference: `${registry}/app:new`, read } as const;
  const notes = (where: Partial<Target>) =>
    make({ services: [observed(aRevision('app:1'), { target: where })], image })
      .findings.filter(({ check, about }) => check === 'image-exists' && about !== 'image')
      .map(({ about, status, message }) => [about, `${status}: ${message}`]);
  const about = 'service api in backend (r, other)';
  expect(notes({ place: { region: 'r', profile: 'other' } })).toEqual(
    expected.map((note) => [about, note]),
  );
  expect(notes({})).toEqual([]);
});

test('a plan holds what is registered, what changes and where it goes back to', () => {
  const { services, image } = make({
    services: [observed(aRevision('app:1'))],
    image: given(['linux/amd64']),
  });
  expect(image).toEqual({
    kind: 'use',
    reference: IMAGE,
    digest: 'sha256:1',
    platform: 'linux/amd64',
  });
  expect(services).toHaveLength(1);
  expect(services[0]).toMatchObject({
    way: 'move',
    revision: undefined,
    previous: revisionArn('app:1'),
    containers: ['app'],
    definition: { containerDefinitions: [{ name: 'app', image: PINNED }] },
    changes: [{ container: 'app', path: 'image', before: 'registry/app:old', after: PINNED }],
  });
});

test.each<[string, ObservedImage, Partial<Pick<Config, 'pin'>>, string]>([
  ['an image that is read', given(['linux/amd64']), {}, PINNED],
  ['an image that is read, with pin: tag', given(['linux/amd64']), { pin: 'tag' }, IMAGE],
  ['an image that cannot be read', given(undefined), {}, IMAGE],
  ['an image that is not built yet', built(undefined), {}, IMAGE],
  ['an image that is built already', built(stored(['linux/amd64'])), {}, PINNED],
])('a definition names %s', (_, image, config, name) => {
  const { services } = make({ services: [observed(aRevision('app:1'))], image }, config);
  expect(services[0]?.changes).toMatchObject([{ path: 'image', after: name }]);
});

describe('the image', () => {
  const arm = { runtimePlatform: { cpuArchitecture: 'ARM64' } };

  test.each<[string, ObservedImage, readonly Revision[], Partial<typeof CONFIG>, string, string[]]>(
    [
      ['is built for the tasks', built(undefined), [aRevision('a:1', arm)], {}, 'linux/arm64', []],
      ['is built for amd64 without tasks', built(undefined), [], {}, 'linux/amd64', []],
      [
        'is refused for another platform than that of the tasks',
        built(undefined),
        [aRevision('a:1')],
        { platform: 'linux/arm64' as never },
        'linux/arm64',
        ['image-platform'],
      ],
      [
        'exists for another platform',
        built(stored(['linux/arm64'])),
        [aRevision('a:1')],
        {},
        'linux/amd64',
        ['image-platform'],
      ],
      [
        'is given for another platform',
        given(['linux/arm64']),
        [aRevision('a:1')],
        {},
        'linux/arm64',
        ['image-platform'],
      ],
      [
        'is an index with the platform',
        given(['linux/arm64', 'linux/amd64']),
        [aRevision('a:1')],
        {},
        'linux/arm64',
        [],
      ],
      [
        'is given for another platform, and the check is skipped',
        given(['linux/arm64']),
        [aRevision('a:1')],
        { skipCheck: ['image-platform'] as never },
        'linux/arm64',
        [],
      ],
      [
        'is not built when the daemon is missing',
        built(undefined, place),
        [aRevision('a:1')],
        {},
        'linux/amd64',
        ['docker'],
      ],
    ],
  )('%s', (_, image, revisions, config, platform, checks) => {
    const services = revisions.map((revision) => observed(revision));
    const made = make({ services, image }, config);
    expect(made.image?.platform).toBe(platform);
    expect(failed(made)).toEqual(checks);
  });

  const windows = { runtimePlatform: { operatingSystemFamily: 'WINDOWS_SERVER_2022_CORE' } };
  const x86 = { runtimePlatform: { cpuArchitecture: 'X86_64' } };
  const ec2 = aService({ launchType: 'EC2' });
  const external = aService({ launchType: 'EXTERNAL' });
  const machines = aService({ launchType: undefined, capacityProviders: ['mine'] });

  test.each<[JsonObject, readonly Service[], string, string]>([
    // What definition or service say is compared.
    [{}, [aService()], 'linux/amd64', 'ok'],
    [{}, [aService()], 'linux/arm64', 'fail'],
    [{}, [aService()], 'windows/amd64', 'fail'],
    [arm, [aService(), ec2, external, machines], 'linux/amd64', 'fail'],
    [arm, [aService(), ec2, external, machines], 'linux/arm64', 'ok'],
    [x86, [ec2, external], 'linux/arm64', 'fail'],
    [windows, [aService(), ec2, machines], 'windows/amd64', 'ok'],
    [windows, [aService(), ec2, machines], 'linux/amd64', 'fail'],
    // What nothing says is assumed, and no refusal.
    [{}, [ec2, external, machines], 'linux/amd64', 'ok'],
    [{}, [ec2, external, machines], 'linux/arm64', 'warn'],
    [{}, [ec2, machines], 'windows/amd64', 'warn'],
  ])(
    'for %j: an image of another platform is refused only where that is known',
    (members, services, platform, status) => {
      for (const service of services) {
        const one = [observed(aRevision('a:1', members), { service })];
        const { findings } = make({ services: one, image: given([platform]) });
        expect(findings.find(({ check }) => check === 'image-platform')).toMatchObject({ status });
      }
    },
  );

  test.each<[JsonObject, Service, string | undefined, string, string]>([
    [{}, ec2, 'linux/arm64', 'linux/arm64', 'warn'],
    [{}, ec2, undefined, 'linux/amd64', 'ok'],
    [arm, ec2, undefined, 'linux/arm64', 'ok'],
    [windows, ec2, undefined, 'windows/amd64', 'fail'],
    [windows, aService(), 'linux/amd64', 'linux/amd64', 'fail'],
  ])('for %j is built for where tasks run', (members, service, named, platform, status) => {
    const services = [observed(aRevision('a:1', members), { service })];
    const made = make({ services, image: built(undefined) }, { platform: named as never });
    expect(made.image?.platform).toBe(platform);
    const found = made.findings.filter(({ check }) => check === 'image-platform');
    expect(found.map((finding) => finding.status)).toContain(status);
    expect(found.some((finding) => finding.status === 'fail')).toBe(status === 'fail');
  });

  test('that exists is not refused because of an assumption', () => {
    const services = [observed(aRevision('a:1'), { service: ec2 })];
    expect(failed(make({ services, image: built(stored(['linux/arm64'])) }))).toEqual([]);
    const two = [...services, observed(aRevision('b:1', arm))];
    const made = make({ services: two, image: built(undefined) });
    expect([made.image?.platform, failed(made)]).toEqual(['linux/arm64', []]);
  });

  test('of a repository that is not there yet is a warning, which can be skipped', () => {
    const image: ObservedImage = {
      kind: 'given',
      reference: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/library/nginx:1',
      read: { value: { stored: 'missing-repository', detail: undefined } },
    };
    const services = [observed(aRevision('a:1'))];
    const statusIn = ({ findings }: Plan) =>
      findings.find(({ check }) => check === 'image-exists')?.status;
    expect(statusIn(make({ services, image }))).toBe('warn');
    expect(statusIn(make({ services, image }, { skipCheck: ['image-exists'] as never }))).toBe(
      'skip',
    );
  });

  test('is built for a repository that the push creates', () => {
    const repository = { name: 'app', uri: 'registry/app', isCreatedOnPush: true } as Repository;
    const made = make({ image: built(undefined, undefined, repository) });
    expect(made.image).toMatchObject({ kind: 'build', reference: IMAGE });
    expect(failed(made)).toEqual([]);
    expect(made.findings).toContainEqual(
      expect.objectContaining({ check: 'repository', status: 'warn' }),
    );
  });

  test('keeps no cache where it could not be replaced', () => {
    const repositoryOf = (exceptFor: readonly string[]) =>
      ({
        name: 'app',
        uri: 'registry/app',
        mutability: { isImmutable: true, exceptFor },
      }) as Repository;
    const warned = (exceptFor: readonly string[], cache: boolean) =>
      make(
        { image: built(undefined, undefined, repositoryOf(exceptFor)) },
        { cache },
      ).findings.filter(({ status }) => status === 'warn');
    expect(warned([], false)).toEqual([]);
    expect(warned(['build*'], true)).toEqual([]);
    expect(warned([], true)).toEqual([
      expect.objectContaining({
        message: expect.stringContaining('registry/app:buildcache is not written'),
        hint: expect.stringMatching(/--repository-name app .*filter=buildcache$/),
      }),
    ]);
  });

  test('cannot be built for tasks of two platforms at once', () => {
    const made = make({
      services: [observed(aRevision('a:1')), observed(aRevision('b:1', arm))],
      image: built(undefined),
    });
    expect(made.image).toBeUndefined();
    expect(failed(made)).toContain('image-platform');
  });
});

describe('what has to be looked up', () => {
  const logging = (group: string) => ({
    containerDefinitions: [
      {
        name: 'app',
        image: 'registry/app:old',
        logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': group } },
      },
    ],
  });
  const by = (services: readonly Observed[]) =>
    make({ services, image: given(['linux/amd64']) }).lookups.map((lookup) => [
      lookup.check,
      lookup.by,
    ]);

  test('what the running tasks use does not delay the registration', () => {
    expect(by([observed(aRevision('app:1', logging('/a')))])).toEqual([
      ['log-groups', 'before-move'],
      ['rollback-target', 'late'],
    ]);
  });

  test('what is new, or was never seen to work, is looked up before the first write', () => {
    const running = aRevision('app:1', logging('/a'));
    const changed = { source: aRevision('app:1', logging('/b')).definition };
    expect(by([observed(running, changed)])[0]).toEqual(['log-groups', 'before-write']);
    const failing = aService({ deployments: [aDeployment({ rolloutState: 'FAILED' })] });
    expect(by([observed(running, { service: failing })])[0]).toEqual([
      'log-groups',
      'before-write',
    ]);
  });

  test('a rollback looks for the images of the revision it goes to, and nothing else', () => {
    const running = aRevision('app:2');
    const services = [observed(running, { next: [aRevision('app:1'), 'move'] })];
    expect(make({ services, checked: false }).lookups).toMatchObject([
      { check: 'image-exists', by: 'before-write', revision: { arn: revisionArn('app:1') } },
    ]);
  });
});

describe('the way', () => {
  const [one, two] = [aRevision('app:1'), aRevision('app:2')];
  const onTwo = aService({ deployments: [aDeployment({ taskDefinition: two.arn })] });

  test.each<[Way, Revision, string, string]>([
    ['move', one, one.arn, two.arn],
    // The deployment in progress is that of the running revision.
    ['stop', one, two.arn, one.arn],
    ['stay', two, two.arn, two.arn],
  ])('%s', (way, next, revision, previous) => {
    const services = [observed(two, { service: onTwo, next: [next, way] })];
    const made = make({ services, checked: false });
    expect(made.services[0]).toMatchObject({ way, revision, previous });
  });

  test('an inactive revision is refused', () => {
    const inactive = { ...one, status: 'INACTIVE' };
    const services = [observed(two, { next: [inactive, 'move'] })];
    expect(failed(make({ services }))).toEqual(['containers']);
  });
});

test('all that is wrong is refused at once, each problem once, with its own code', () => {
  const missing = new EcsDeployError({ code: 'service-missing', message: 'no service' });
  const lost: Observed = { target: { ...target, service: 'lost' }, read: { error: missing } };
  const running = aRevision('app:1');
  const wrong = observed(running, { target: { container: ['nobody'] } });
  const made = make({ services: [lost, lost, wrong], image: given(['linux/arm64']) });
  const events: unknown[] = [];
  let refusal: EcsDeployError | undefined;
  try {
    enforce({ emit: (event) => void events.push(event) }, made.findings);
  } catch (error) {
    refusal = error as EcsDeployError;
  }
  expect(refusal?.problems.map(({ code }) => code)).toEqual([
    'service-missing',
    'container-missing',
    'image-platform',
  ]);
  expect(refusal?.problems[2]?.hint).toContain('to continue anyway: --skip-check image-platform');
  expect(events).toEqual([]);
});

test('what is doubtful is warned of', () => {
  const progress = aDeployment({ id: 'ecs-svc/2', rolloutState: 'IN_PROGRESS' });
  const service = aService({ deployments: [progress] });
  const { definition: source } = aRevision('app:2', { cpu: '512', memory: '1024' });
  const made = make({ services: [observed(aRevision('app:1'), { service, source })] });
  const warnings: string[] = [];
  enforce(
    { emit: (event) => void (event.kind === 'warning' && warnings.push(event.message)) },
    made.findings,
  );
  expect(warnings).toEqual([
    'service api in backend: The deployment ecs-svc/2 of app:1 is in progress: a new one supersedes it.',
  ]);
});

test('every check that can be skipped is made somewhere', () => {
  const sources = ['plan', 'core', 'image']
    .flatMap((part) => readdirSync(join('src', part)).map((file) => join('src', part, file)))
    .filter((file) => !file.endsWith('check-names.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  expect(CHECK_NAMES.filter((name) => !sources.includes(`'${name}'`))).toEqual([]);
});
