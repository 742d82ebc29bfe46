import { posix } from 'node:path';
import { unknown } from './expressions.ts';
import {
  CACHE,
  APP_SPEC,
  NO_DEFINITION,
  addBuild,
  addDeployment,
  addTask,
  bake,
  builtArgs,
  definitionAt,
  fileSecrets,
  noteCondition,
  parseJson,
} from './reading.ts';
import type { Definition, Noted, StepReading, StepUse } from './reading.ts';

/** How the actions that ecsdeploy replaces are read, by name in lower case. */
export const ACTIONS: Readonly<Record<string, (step: StepReading) => StepUse['use']>> = {
  'aws-actions/configure-aws-credentials': (step) => {
    const { run, input, reading, place } = step;
    run.region ??= input('aws-region');
    const role = input('role-to-assume');
    run.role ??= role?.value;
    if (role === undefined && input('aws-access-key-id') !== undefined) {
      reading.note(place, 'access keys: the proposed workflow uses OpenID Connect instead');
    }
    return 'credentials';
  },
  'aws-actions/amazon-ecr-login': ({ id, setOutput }) => {
    setOutput('registry', unknown(`steps.${id}.outputs.registry`));
    return 'replaced';
  },
  'docker/login-action': () => 'replaced',
  'docker/setup-buildx-action': () => 'replaced',
  'docker/setup-qemu-action': () => 'replaced',
  'docker/metadata-action': ({ input, setOutput, reading, place }) => {
    const images = linesOf(input('images')?.value).map(
      (image) => /(?:^|,)name=([^,]+)/.exec(image)?.[1] ?? image,
    );
    setOutput('tags', images.map((image) => `${image}:${unknown('github.sha')}`).join('\n'));
    setOutput('version', unknown('github.sha'));
    reading.note(place, 'ecsdeploy tags the image with the commit SHA');
    return 'replaced';
  },
  'docker/build-push-action': (step) => {
    const { input } = step;
    const given = {
      context: input('context'),
      // The action takes it from the root, the config file from the context.
      dockerfile: relativeTo(input('context')?.value ?? '.', input('file')),
      target: input('target'),
      platform: input('platforms'),
    };
    const values = Object.fromEntries(
      Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
    );
    const pairs = (name: string) =>
      linesOf(input(name)?.value).map((line) => [line, input(name)?.place ?? ''] as const);
    addBuild(step, step.place, linesOf(input('tags')?.value), {
      ...values,
      ...builtArgs(step, pairs('build-args')),
      ...fileSecrets(
        step,
        pairs('secret-files').map(([line, place]) => [`id=${line.replace('=', ',src=')}`, place]),
      ),
    });
    for (const [line, place] of [...pairs('secrets'), ...pairs('secret-envs')]) {
      const id = line.split('=')[0] ?? '';
      step.reading.warn(
        place,
        `build secret ${id}: set a variable in the job, and add to the config: build: { secrets: ["id=${id},env=VARIABLE"] }`,
      );
    }
    if (input('cache-from') !== undefined || input('cache-to') !== undefined) {
      step.reading.note(input('cache-from')?.place ?? step.place, CACHE);
    }
    step.setOutput('digest', unknown('the digest of the image'));
    step.setOutput('imageid', unknown('the digest of the image'));
    return 'replaced';
  },
  'docker/bake-action': (step) => {
    const files = linesOf(step.input('files')?.value);
    bake(step, step.place, files, linesOf(step.input('targets')?.value)[0]);
    return 'replaced';
  },
  'aws-actions/amazon-ecs-render-task-definition': renderDefinition,
  'aws-actions/amazon-ecs-deploy-task-definition': deployDefinition,
  'aws-actions/amazon-ecs-deploy-express-service': ({ reading, place }) => {
    reading.warn(
      place,
      'ecsdeploy deploys to an Express service, but does not create one: set cluster, service, and container to Main',
    );
    return 'kept';
  },
};

function relativeTo(context: string, file: Noted<string> | undefined) {
  return file && { ...file, value: posix.relative(context, file.value) };
}

function linesOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function renderDefinition(step: StepReading): StepUse['use'] {
  const { input, reading, place, setOutput, id, run } = step;
  const file = input('task-definition');
  const family = input('task-definition-family');
  const arn = input('task-definition-arn');
  const revision = input('task-definition-revision');
  const named =
    family && revision ? { ...family, value: `${family.value}:${revision.value}` } : family;
  const base: Definition =
    file === undefined ? { ...NO_DEFINITION, source: arn ?? named } : definitionAt(step, file);
  const name = input('container-name');
  const image = input('image');
  const pairs = (key: string) =>
    Object.fromEntries(
      linesOf(input(key)?.value).flatMap((line) => {
        const [, variable, value] = /^([^=]+)=(.*)$/.exec(line) ?? [];
        return variable === undefined
          ? []
          : [[variable, { value: value ?? '', place: input(key)?.place ?? place }]];
      }),
    );
  const definition: Definition = {
    source: base.source,
    containers: [
      ...base.containers,
      ...(name === undefined
        ? []
        : [{ name: name.value, image: image?.value ?? '', place: name.place }]),
    ],
    setEnv: { ...base.setEnv, ...pairs('environment-variables') },
    setSecrets: { ...base.setSecrets, ...pairs('secrets') },
  };
  for (const key of [
    'docker-labels',
    'env-files',
    'log-configuration-log-driver',
    'log-configuration-options',
  ]) {
    const given = input(key);
    if (given !== undefined) {
      reading.warn(given.place, `"${key}" of the render step: put it into the task definition`);
    }
  }
  const command = input('command');
  if (command !== undefined) {
    reading.warn(command.place, '"command" of the render step: put it into setCommand');
  }
  const output = unknown(`steps.${run.id}.${id}.outputs.task-definition`);
  reading.definitions.set(output, definition);
  setOutput('task-definition', output);
  return 'replaced';
}

function deployDefinition(step: StepReading): StepUse['use'] {
  const { input, reading, place, run, setOutput } = step;
  const named = input('task-definition');
  if (named === undefined) {
    reading.warn(
      place,
      'the deploy step names no task definition: ecsdeploy takes what the service runs',
    );
  }
  const definition = named === undefined ? NO_DEFINITION : definitionAt(step, named);
  const service = input('service');
  for (const [name, message] of [
    ['codedeploy-appspec', APP_SPEC],
    ['desired-count', 'ecsdeploy never changes the desired count'],
    [
      'enable-ecs-managed-tags',
      'managed tags are a property of the service: ecsdeploy leaves them as they are',
    ],
  ] as const) {
    const given = input(name);
    if (given !== undefined && given.value !== 'false') reading.warn(given.place, message);
  }
  const minutes = input('wait-for-minutes');
  const timeout = minutes && { value: `${minutes.value}m`, place: minutes.place };
  if (input('run-task')?.value === 'true') {
    const overrides = input('run-task-container-overrides');
    const value = parseJson(overrides?.value ?? '');
    addTask(step, { value, place: overrides?.place ?? place }, timeout?.value);
  }
  const force = input('force-new-deployment');
  if (force?.value === 'true') {
    reading.warn(
      force.place,
      'a new deployment of an unchanged revision: use ecsdeploy deploy --force',
    );
  }
  if (input('wait-for-service-stability')?.value !== 'true' && service !== undefined) {
    reading.note(
      input('wait-for-service-stability')?.place ?? place,
      'the workflow does not wait for the deployment; ecsdeploy does, unless --no-wait is given',
    );
  }
  setOutput('task-definition-arn', unknown('the ARN of the new revision'));
  noteCondition(step);
  if (service === undefined) return 'replaced';
  const application = input('codedeploy-application');
  const group = input('codedeploy-deployment-group');
  addDeployment(step, {
    ...definition,
    place,
    run,
    service,
    cluster: input('cluster') ?? { value: 'default', place },
    timeout,
    codeDeploy: application &&
      group && {
        value: { application: application.value, group: group.value },
        place: application.place,
      },
  });
  return 'deploy';
}
