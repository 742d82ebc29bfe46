import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { asWritten, unknown, unknownsIn } from './expressions.ts';
import {
  addBuild,
  addDeployment,
  addTask,
  bake,
  builtArgs,
  CACHE,
  CODE_DEPLOY,
  fileSecrets,
  NO_DEFINITION,
  notedValues,
  parseJson,
  noteCondition,
} from './reading.ts';
import type { Definition, Noted, StepReading, StepUse } from './reading.ts';
import { readOptions, readScript } from './shell.ts';
import type { Command } from './shell.ts';
import { textOf, valuesOf } from './workflow.ts';

/** A command that ecsdeploy does not replace. */
interface Other {
  readonly command: Command;
  readonly place: string;
}

/** A command of a step, and what the step has read so far. */
interface CommandReading {
  readonly step: StepReading;
  readonly command: Command;
  readonly place: string;
  readonly setVariable: (name: string, value: string) => void;
  /** Moves the commands before a build to the config. */
  readonly takeBefore: () => void;
}

/** What the words of a command say about its step; undefined says nothing. */
type ReadCommand = (reading: CommandReading) => StepUse['use'] | undefined;

/** Commands that ecsdeploy does by itself, or that change nothing. */
const NOTHING_LEFT =
  /^(docker (login|logout|images|image ls|info|version|buildx (create|use|inspect|ls))|aws (ecr get-login\S*|sts get-caller-identity|--version)|echo|printf|set|exit|true|cat|ls|pwd|sleep|test|\[+|local|return) /;

/** The commands that are understood, the first that matches the words. */
const COMMANDS: readonly (readonly [RegExp, ReadCommand])[] = [
  [/^docker (?:image |buildx )?build /, dockerBuild],
  [/^docker buildx bake /, dockerBake],
  [
    /^docker(?:-| )compose build /,
    ({ step, place }) => {
      step.reading.warn(place, 'docker compose builds the image: set build.context by hand');
      return 'replaced';
    },
  ],
  [
    /^(?:\S*gradlew?|\S*mvnw?|gradle|mvn) .*(?:jib|bootBuildImage|spring-boot:build-image)|^(?:pack|ko|kaniko|podman|buildah) (?:build|publish|push|bud) /,
    ({ step, command, place }) => {
      step.reading.warn(
        place,
        `${shorten(command.statement)}: ecsdeploy builds from a Dockerfile; deploy an image of another builder with --image`,
      );
      return undefined;
    },
  ],
  [
    /^docker tag /,
    ({ step, command: { words } }) => {
      const [, , from = '', to = ''] = words;
      const isFrom = (image: string) => image === from || `${image}:latest` === from;
      step.reading.builds.find(({ images }) => images.some(isFrom))?.images.push(to);
      return 'replaced';
    },
  ],
  [
    /^docker push /,
    ({ step, command: { words } }) => {
      const image = words.at(-1) ?? '';
      step.reading.builds.find(({ images }) => images.includes(image))?.steps.push(step.entry);
      return 'replaced';
    },
  ],
  [/^echo /, readEcho],
  [/^aws ecs /, awsCommand],
  [
    /^aws deploy /,
    ({ step, place }) => {
      step.reading.warn(place, CODE_DEPLOY);
      return 'replaced';
    },
  ],
  [/^(?:jq|sed|envsubst|python3?|yq) /, patchDefinition],
];

/** Reads the script of a step. */
export function readRun(
  step: StepReading,
  setVariable: CommandReading['setVariable'],
): StepUse['use'] {
  const { run, reading, scope, path } = step;
  const script = step.resolve(step.step['run']);
  if (!/^(?:bash|sh)?(?: |$)/.test(textOf(step.step['shell']))) {
    reading.warn(step.place, 'the script is not of sh or bash, and was not read');
    return 'kept';
  }
  const variables = new Map([
    ['GITHUB_SHA', unknown('github.sha')],
    ...['REF_NAME', 'RUN_NUMBER', 'RUN_ID', 'REF', 'REPOSITORY'].map(
      (name) => [`GITHUB_${name}`, unknown(`github.${name.toLowerCase()}`)] as const,
    ),
    ...(run.region === undefined ? [] : [['AWS_REGION', run.region.value] as const]),
    ...scope.env,
  ]);
  const others: Other[] = [];
  let use: StepUse['use'] | undefined;
  let isSimple = true;
  let { folder } = step;
  readScript(script, variables, (command) => {
    const place = run.workflow.placeOf([...path, 'run'], command.line);
    const text = `${command.words.join(' ')} `;
    isSimple &&= !command.isNested;
    if (command.words[0] === 'cd' && !command.isNested) {
      folder = posix.normalize(posix.join(folder, command.words[1] ?? '.'));
      return;
    }
    const here = { ...step, folder };
    const [, read] = COMMANDS.find(([pattern]) => pattern.test(text)) ?? [];
    const found = read?.({
      step: here,
      command,
      place,
      setVariable,
      takeBefore: () => {
        const rest = isSimple ? takeCommands(here, others, variables, []) : others;
        others.splice(0, others.length, ...rest);
      },
    });
    if (found !== undefined && use !== 'deploy' && !(use === 'replaced' && found === 'kept'))
      use = found;
    const isOther =
      found === undefined &&
      !command.isSubstituted &&
      !(NOTHING_LEFT.test(text) && !writesFile(command));
    if (isOther) others.push({ command, place });
    else if (/^(docker|aws) /.test(text)) use ??= 'replaced';
  });
  if (use === undefined) {
    if (readCheck(step, script, others, variables, isSimple)) return 'replaced';
    return moveBefore(step, script, others, variables, isSimple && folder === step.folder);
  }
  if (use === 'kept') return use;
  for (const { command, place } of others) {
    reading.warn(place, `${shorten(command.statement)}: add it to a step of the workflow`);
  }
  return use;
}

function writesFile({ output }: Command): boolean {
  return output !== undefined && !/^\/dev\/|GITHUB_/.test(output);
}

function shorten(text: string): string {
  const [first = ''] = asWritten(text).split('\n');
  return first.length > 60 || text.includes('\n') ? `${first.slice(0, 60)}…` : first;
}

function readEcho({ step, command, setVariable }: CommandReading): StepUse['use'] | undefined {
  const text = command.words.slice(1).join(' ');
  const output = command.output ?? '';
  const [, name, value = ''] =
    /^(?:::set-output name=([\w-]+)::)([^]*)$/.exec(text) ?? /^([\w-]+)=([^]*)$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  if (/GITHUB_ENV/.test(output)) {
    setVariable(name, value);
    // A later step that stays may read it.
    return 'kept';
  }
  if (!/GITHUB_OUTPUT/.test(output) && !text.startsWith('::')) return undefined;
  step.setOutput(name, value);
  return 'replaced';
}

/** Moves commands to `build.before`; returns those that cannot run outside of the workflow. */
function takeCommands(
  step: StepReading,
  others: readonly Other[],
  variables: ReadonlyMap<string, string>,
  exported: readonly string[],
): readonly Other[] {
  return others.filter(({ command, place }) => {
    const value = runnable(step, command.statement, variables, exported);
    if (value === undefined) return true;
    addBefore(step, value, place);
    return false;
  });
}

function addBefore({ pending, entry }: StepReading, value: string, place: string): void {
  // One statement can have several commands.
  if (pending.at(-1)?.value !== value) pending.push({ value, place, step: entry });
}

/** A statement with the variables that it names or reads; undefined where one is not known. */
function runnable(
  { folder }: StepReading,
  statement: string,
  variables: ReadonlyMap<string, string>,
  exported: readonly string[],
): string | undefined {
  if (unknownsIn(statement).length > 0) return undefined;
  if (/GITHUB_(OUTPUT|ENV|PATH|STEP_SUMMARY)/.test(statement)) return undefined;
  const names = [...statement.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name);
  const used = [...new Set([...exported, ...names])].flatMap((name) => {
    const value = variables.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  if (used.some(([, value]) => unknownsIn(value).length > 0)) return undefined;
  const exports = used.map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`);
  return [...(folder === '.' ? [] : [`cd ${folder}`]), ...exports, statement].join(' && ');
}

/** A request that sends something reports the deployment, and does not test it. */
const SENDS = /\s(?:-[a-zA-Z]*[XdFT]|--(?:request|data|json|form|upload-file|post-|method|body-))/;
/** What a line has that can hide the failure of a command joined to it with `&&`. */
const OPEN_ENDED = /\|\||[;&#\n]/;

/** Reads a step after a deployment that requests a page; false for any other. */
function readCheck(
  step: StepReading,
  script: string,
  others: readonly Other[],
  variables: ReadonlyMap<string, string>,
  isSimple: boolean,
): boolean {
  const { reading, run } = step;
  const first = others.find(({ command }) => /^(?:curl|wget)$/.test(command.words[0] ?? ''));
  const isAfter = reading.deployments.some((deployment) => deployment.run === run);
  if (first === undefined || !isAfter || step.step['if'] !== undefined || SENDS.test(script)) {
    return false;
  }
  const exported = Object.keys(valuesOf(step.step['env']));
  const lines = others.map(({ command }) => command.statement);
  // A shell of its own: before `&&`, `set -e` would have no effect.
  const statements =
    isSimple && !lines.some((line) => OPEN_ENDED.test(line))
      ? lines
      : [`sh -ec '\n${script.trim().replaceAll("'", "'\\''")}\n'`];
  const values = [...new Set(statements)].map((statement) =>
    runnable(step, statement, variables, exported),
  );
  if (values.includes(undefined)) return false;
  const { place } = first;
  run.check = {
    value: [...(run.check === undefined ? [] : [run.check.value]), ...values].join(' && '),
    place: run.check?.place ?? place,
  };
  reading.note(place, 'the test is in "check": when it fails, the deployment has failed');
  return true;
}

/** Moves a step without docker and AWS before the next build of its job, where it can run there. */
function moveBefore(
  step: StepReading,
  script: string,
  others: readonly Other[],
  variables: ReadonlyMap<string, string>,
  isSimple: boolean,
): StepUse['use'] {
  const [first] = others;
  const own = valuesOf(step.step['env']);
  // A program can read them without their names in the script.
  const exported = Object.keys(own);
  const env = Object.values(own).map(textOf).join(' ');
  const hasSecrets = /secrets\./.test(env + unknownsIn(script).join(' '));
  if (first === undefined || step.step['if'] !== undefined || hasSecrets) return 'kept';
  if (isSimple && !/<<|^\s*\w+=/m.test(script)) {
    const values = others.map(({ command }) =>
      runnable(step, command.statement, variables, exported),
    );
    if (!values.includes(undefined)) takeCommands(step, others, variables, exported);
    return 'kept';
  }
  const text = script.trim();
  const value = runnable(step, text.includes('\n') ? `set -e\n${text}` : text, variables, exported);
  if (value !== undefined) addBefore(step, value, first.place);
  return 'kept';
}

const BUILD_SWITCHES = new Set(
  '--no-cache --pull --push --load --rm --force-rm --quiet -q --squash --compress'.split(' '),
);

/** Options of `docker build` that are read below, or mean nothing for a push. */
const BUILD_OPTIONS = new Set(
  '-t --tag -f --file --target --platform --build-arg --secret --ssh --push --load --output -o --rm --force-rm --quiet -q --progress --provenance'.split(
    ' ',
  ),
);

function dockerBuild({ step, command, place, takeBefore }: CommandReading): 'replaced' {
  const { reading, folder } = step;
  takeBefore();
  const words = command.words.slice(command.words.indexOf('build') + 1);
  const { options, rest } = readOptions(words, BUILD_SWITCHES);
  const all = (...names: readonly string[]) =>
    options.flatMap(([name, value]) => (names.includes(name) ? [value] : []));
  for (const [name] of options) {
    if (/^--cache-(from|to)$/.test(name)) reading.note(place, CACHE);
    else if (name === '--no-cache' || name === '--pull') {
      reading.warn(place, `${name} is not in the config file: use ecsdeploy deploy ${name}`);
    } else if (!BUILD_OPTIONS.has(name)) reading.warn(place, `docker build ${name} has no setting`);
  }
  const [given = '.'] = rest;
  if (/^(https?:|git@|-$)/.test(given)) {
    reading.warn(place, `the build context ${given} is not a folder of the repository`);
  }
  const at = (path: string) => posix.normalize(posix.join(folder, path));
  const context = at(given);
  const file = all('-f', '--file').at(-1) ?? (folder === '.' ? undefined : `${given}/Dockerfile`);
  const ssh = all('--ssh');
  addBuild(step, place, all('-t', '--tag'), {
    ...notedValues(
      {
        context,
        // docker takes it from the current folder, the config file from the context.
        dockerfile: file && posix.relative(context, at(file)),
        target: all('--target').at(-1),
        platform: all('--platform').at(-1),
        ssh: ssh.length > 0 ? ssh : undefined,
      },
      place,
    ),
    ...builtArgs(
      step,
      all('--build-arg').map((text) => [text, place]),
    ),
    ...fileSecrets(
      step,
      all('--secret').map((text) => [text, place]),
    ),
  });
  return 'replaced';
}

function dockerBake({ step, command, place, takeBefore }: CommandReading): 'replaced' {
  takeBefore();
  const { options, rest } = readOptions(command.words.slice(3), BUILD_SWITCHES);
  const files = options.flatMap(([name, value]) => (/^(-f|--file)$/.test(name) ? [value] : []));
  bake(step, place, files, rest[0]);
  return 'replaced';
}

const AWS_SWITCHES = new Set(
  '--force-new-deployment --no-cli-pager --no-paginate --debug'.split(' '),
);

function awsCommand({ step, command, place }: CommandReading): StepUse['use'] {
  const { reading, run, folder } = step;
  const [, , action, ...words] = command.words;
  const { options } = readOptions(words, AWS_SWITCHES);
  const option = (name: string): Noted<string> | undefined => {
    const value = options.find(([key]) => key === name)?.[1];
    return value === undefined ? undefined : { value, place };
  };
  run.region ??= option('--region');
  const described = `described by ${run.id}`;
  if (action === 'describe-task-definition') {
    const definition = { ...NO_DEFINITION, source: option('--task-definition') };
    reading.definitions.set(described, definition);
    if (command.output !== undefined) {
      reading.definitions.set(posix.normalize(posix.join(folder, command.output)), definition);
    }
  }
  if (action === 'run-task') {
    const overrides = valuesOf(parseJson(option('--overrides')?.value ?? ''));
    addTask(step, { value: overrides['containerOverrides'], place }, undefined);
  }
  const service = option('--service');
  if (action !== 'update-service' || service === undefined) return 'replaced';
  if (/failure\(\)/.test(textOf(step.step['if']))) {
    run.onFailure = { value: 'rollback', place };
    return 'replaced';
  }
  const definition = reading.definitions.get(described);
  const named = option('--task-definition');
  const isKnown = named !== undefined && unknownsIn(named.value).length === 0;
  addDeployment(step, {
    ...(definition ?? NO_DEFINITION),
    source: isKnown ? named : definition?.source,
    place,
    run,
    service,
    cluster: option('--cluster') ?? { value: 'default', place },
    timeout: undefined,
  });
  if (option('--desired-count') !== undefined) {
    reading.warn(place, 'ecsdeploy never changes the desired count');
  }
  if (definition === undefined && named === undefined) {
    reading.note(
      place,
      'the workflow restarts the service with the same tag; ecsdeploy registers a revision with the new image',
    );
  }
  noteCondition(step);
  return 'deploy';
}

/** Whether a file of the repository is a task definition. */
function isDefinition(path: string): boolean {
  return (
    path.endsWith('.json') && existsSync(path) && /containerDef/.test(readFileSync(path, 'utf8'))
  );
}

/** Follows a task definition through `jq` and the like; undefined for other data. */
function patchDefinition({ step, command, place }: CommandReading): StepUse['use'] | undefined {
  const { reading, folder, run } = step;
  const { words, output, statement } = command;
  const [program = '', ...rest] = words;
  const described = `described by ${run.id}`;
  const at = (word: string) => posix.normalize(posix.join(folder, word));
  const files = rest.map(at);
  const from = files.find((file) => reading.definitions.has(file));
  const file = files.find((path) => isDefinition(join(reading.root, path)));
  const isAbout =
    from !== undefined ||
    file !== undefined ||
    (output !== undefined && /task-?_?def/i.test(output)) ||
    /containerDefinitions|task-?_?def/i.test(`${words.join(' ')} ${statement}`);
  if (!isAbout) return undefined;
  const base: Definition =
    from !== undefined
      ? (reading.definitions.get(from) ?? NO_DEFINITION)
      : file !== undefined
        ? { ...NO_DEFINITION, source: { value: file, place } }
        : (reading.definitions.get(described) ?? NO_DEFINITION);
  const script = words.join(' ');
  const [, container] = /select\(\s*\.name\s*==\s*\\?"([^"\\]+)\\?"\s*\)/.exec(script) ?? [];
  const image = words.find((word) => /\uE001\/|:[\w.-]*\uE000|\.dkr\.ecr\./.test(word)) ?? '';
  const isOther = /\.(environment|cpu|memory|secrets|command)\b\s*(\|=|=|\+=)/.test(script);
  if (isOther || (program !== 'jq' && !/image/i.test(script))) {
    reading.warn(
      place,
      `${program} changes the task definition: change its source, or use setEnv in the config file`,
    );
  } else {
    reading.note(place, 'ecsdeploy puts the image into the task definition by itself');
  }
  const isNew = container !== undefined && !base.containers.some(({ name }) => name === container);
  const definition: Definition = {
    ...base,
    containers: isNew ? [...base.containers, { name: container, image, place }] : base.containers,
  };
  reading.definitions.set(described, definition);
  if (output !== undefined) reading.definitions.set(at(output), definition);
  if (words.includes('-i') && file !== undefined) reading.definitions.set(file, definition);
  return 'replaced';
}
