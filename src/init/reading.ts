import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { isDefinitionFile } from '../core/task-definition.ts';
import type { Remark } from '../core/result.ts';
import { readBakeTarget } from './bake.ts';
import { asWritten, splitImage, unknownsIn } from './expressions.ts';
import { listOf, textOf, valuesOf } from './workflow.ts';
import type { Path, Values, Workflow } from './workflow.ts';

/** A value and the line that it comes from, e.g. `deploy.yml:12`. */
export interface Noted<T> {
  readonly value: T;
  readonly place: string;
}

/** An image build. */
export interface Build {
  readonly place: string;
  /** Image references that it gives to the image. */
  readonly images: string[];
  readonly values: Readonly<Record<string, Noted<unknown>>>;
  readonly before: readonly Noted<string>[];
  /** The steps that build and push it. */
  readonly steps: StepUse[];
}

/** A task definition on its way to a deployment. */
export interface Definition {
  /** A family, an ARN or a file of the repository; undefined where only the workflow knows. */
  readonly source: Noted<string> | undefined;
  readonly containers: readonly {
    readonly name: string;
    readonly image: string;
    readonly place: string;
  }[];
  readonly setEnv: Readonly<Record<string, Noted<string>>>;
  readonly setSecrets: Readonly<Record<string, Noted<string>>>;
}

/** A one-off task that the workflow runs before it deploys, as an entry of `release`. */
export type ReleaseEntry = Noted<{
  readonly command: readonly string[];
  readonly container?: string;
  readonly timeout?: string;
  readonly setEnv?: Readonly<Record<string, string>>;
}>;

/** One service that the workflow deploys; names can hold what is not known. */
export interface Deployment extends Definition {
  readonly place: string;
  readonly run: JobRun;
  readonly service: Noted<string>;
  readonly cluster: Noted<string>;
  readonly timeout: Noted<string> | undefined;
  /** The deployment group that deploys the service. */
  readonly codeDeploy?: Noted<{ readonly application: string; readonly group: string }> | undefined;
  readonly builds: readonly Build[];
  /** The one-off tasks before it. */
  readonly release: readonly ReleaseEntry[];
}

/** A step and what becomes of it: `deploy` and `replaced` are done by ecsdeploy. */
export interface StepUse {
  readonly path: Path;
  use: 'kept' | 'replaced' | 'deploy' | 'credentials';
}

/** A job where it is written. */
export interface JobAt {
  readonly workflow: Workflow;
  readonly id: string;
  readonly path: Path;
}

/** A job, once for each combination of its matrix. */
export interface JobRun {
  readonly workflow: Workflow;
  readonly id: string;
  readonly path: Path;
  /** The job of the workflow that was named: itself, or the one that calls its workflow. */
  readonly origin: JobAt;
  readonly environment: Noted<string> | undefined;
  readonly steps: StepUse[];
  region: Noted<string> | undefined;
  role: string | undefined;
  onFailure: Noted<string> | undefined;
  /** A command that tests what was deployed. */
  check: Noted<string> | undefined;
}

/** What a workflow does. */
export interface Interpretation {
  readonly deployments: readonly Deployment[];
  readonly jobs: readonly JobRun[];
  readonly builds: readonly Build[];
  readonly remarks: readonly Remark[];
}

/** Values of the contexts while a job is read. */
export interface Scope {
  readonly env: Map<string, string>;
  readonly inputs: Values;
  readonly matrix: Values;
  readonly steps: Map<string, Record<string, string>>;
}

/** A definition of which nothing is known. */
export const NO_DEFINITION: Definition = {
  source: undefined,
  containers: [],
  setEnv: {},
  setSecrets: {},
};

/** What is known so far of a workflow and those that it calls. */
export type Reading = ReturnType<typeof openReading>;

/** Begins to read a workflow of a repository with this root. */
export function openReading(root: string) {
  const remarks: Remark[] = [];
  return {
    root,
    remarks,
    /** The reusable workflows that are being read. */
    calls: [] as string[],
    deployments: [] as Deployment[],
    jobs: [] as JobRun[],
    builds: [] as Build[],
    /** Task definitions by the text that names them: a step's output, a file. */
    definitions: new Map<string, Definition>(),
    outputs: new Map<string, Record<string, string>>(),
    /** One-off tasks that no deployment has followed yet. */
    tasks: [] as ReleaseEntry[],
    warn: (place: string, message: string) => void remarks.push({ place, status: 'warn', message }),
    note: (place: string, message: string) => void remarks.push({ place, status: 'ok', message }),
  };
}

/** A command that may have to run before a build. */
export interface Pending extends Noted<string> {
  readonly step: StepUse;
}

/** What a job's steps share while they are read. */
interface JobReading {
  readonly reading: Reading;
  readonly run: JobRun;
  readonly scope: Scope;
  readonly folder: string;
  readonly pending: Pending[];
}

/** A step, and how to read its values. */
export interface StepReading extends JobReading {
  readonly step: Values;
  readonly path: Path;
  /** What becomes of the step. */
  readonly entry: StepUse;
  readonly id: string;
  readonly place: string;
  /** A text with its expressions replaced. */
  readonly resolve: (text: unknown) => string;
  /** An input of `with`, resolved; undefined where it is not given. */
  readonly input: (name: string) => Noted<string> | undefined;
  readonly setOutput: (name: string, value: string) => void;
}

/** The values that are given, with one place for all. */
export function notedValues(
  values: Readonly<Record<string, unknown>>,
  place: string,
): Record<string, Noted<unknown>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, { value, place }]],
    ),
  );
}

/** A file, or what a step before it made of a task definition. */
export function definitionAt({ reading }: StepReading, named: Noted<string>): Definition {
  const path = posix.normalize(named.value);
  const known = reading.definitions.get(named.value) ?? reading.definitions.get(path);
  if (known !== undefined) return known;
  const isKnown = unknownsIn(named.value).length === 0;
  return { ...NO_DEFINITION, source: isKnown ? { value: path, place: named.place } : undefined };
}

/** Remarks that several steps can have. */
export const APP_SPEC =
  'the AppSpec: ecsdeploy starts from that of the last deployment, so that hooks, network and capacity settings stay';

export const CODE_DEPLOY =
  'a call of CodeDeploy: ecsdeploy deploy starts and follows the deployment of a service that CodeDeploy deploys';

export const CACHE =
  'the build cache: in CI, ecsdeploy takes layers over from the image that the service runs';

/** Remarks on the `if` of a step that deploys. */
export function noteCondition({ step, reading, run, path }: StepReading): void {
  if (typeof step['if'] !== 'string') return;
  reading.warn(
    run.workflow.placeOf([...path, 'if']),
    `the condition of this step, ${step['if']}: add it to the step of the proposed workflow`,
  );
}

/** Adds a one-off task by its container overrides. */
export function addTask(
  { reading }: StepReading,
  { value, place }: Noted<unknown>,
  timeout: string | undefined,
): void {
  const overrides = listOf(value).map(valuesOf);
  const [{ name, command, environment, ...rest } = {}, ...others] = overrides.filter(
    (override) => override['command'] !== undefined,
  );
  const words = listOf(command).map(textOf);
  const isKnown = [...words, textOf(name)].every((text) => unknownsIn(text).length === 0);
  if (words.length === 0 || others.length > 0 || !isKnown) {
    reading.warn(place, 'the one-off task before the deployment: add its command to "release"');
    return;
  }
  for (const key of Object.keys(rest)) {
    reading.warn(place, `"${key}" of the one-off task: add it to "release" where it has that key`);
  }
  const setEnv: Record<string, string> = {};
  for (const variable of listOf(environment).map(valuesOf)) {
    const text = textOf(variable['value']);
    if (unknownsIn(text).length === 0) setEnv[textOf(variable['name'])] = text;
    else {
      reading.warn(
        place,
        `variable ${textOf(variable['name'])} of the one-off task is ${asWritten(text)}: put it into the task definition`,
      );
    }
  }
  reading.tasks.push({
    value: {
      command: words,
      ...(textOf(name) !== '' && { container: textOf(name) }),
      ...(timeout !== undefined && { timeout }),
      ...(Object.keys(setEnv).length > 0 && { setEnv }),
    },
    place,
  });
}

/** The value of a JSON text; undefined for any other text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Adds a service that is deployed, with the build of its image and the one-off tasks before it. */
export function addDeployment(
  { reading, place }: StepReading,
  { source, ...deployment }: Omit<Deployment, 'builds' | 'release'>,
): void {
  const isRevision =
    source !== undefined && (/^arn:|:\d+$/.test(source.value) || isDefinitionFile(source.value));
  const isKnown = source !== undefined && unknownsIn(source.value).length === 0;
  if (source !== undefined && isKnown && !isRevision) {
    reading.note(
      source.place,
      `ecsdeploy starts from the revision that the service runs, not from the latest of ${source.value}`,
    );
  }
  if (source !== undefined && !isKnown && isRevision) {
    reading.warn(
      source.place,
      `the task definition is ${asWritten(source.value)}: use --task-definition`,
    );
  }
  const isMissing =
    source !== undefined &&
    isRevision &&
    isDefinitionFile(source.value) &&
    !existsSync(join(reading.root, source.value));
  if (isMissing) {
    reading.warn(
      source.place,
      `the task definition ${source.value} is not in the repository: ecsdeploy takes what the service runs`,
    );
  }
  const repositoryOf = (image: string) => splitImage(image).repository;
  const images = deployment.containers.map(({ image }) => repositoryOf(image));
  const builds = reading.builds.filter((build) =>
    build.images.some((image) => images.includes(repositoryOf(image))),
  );
  // An image that cannot be distinguished from another is of the build before it.
  const nearest = reading.builds.slice(-1);
  const isGiven = images.some((image) => image !== '' && unknownsIn(image).length === 0);
  // One image is built for each service; the steps of the others stay.
  const [first, ...others] = builds;
  const own = new Set(first?.images.map(repositoryOf));
  for (const other of others.filter(
    (build) => !build.images.some((item) => own.has(repositoryOf(item))),
  )) {
    for (const step of other.steps) step.use = 'kept';
  }
  const release = reading.tasks.splice(0);
  for (const task of release) {
    reading.note(
      task.place,
      'the one-off task is in "release": it runs in the new revision, with the network of the service',
    );
  }
  reading.deployments.push({
    ...deployment,
    place,
    source: isRevision && isKnown && !isMissing ? source : undefined,
    builds: builds.length > 0 ? builds : isGiven ? [] : nearest,
    release,
  });
}

/** Adds a build; the commands before it in its job belong to it. */
export function addBuild(
  { reading, pending, entry }: StepReading,
  place: string,
  images: readonly string[],
  values: Build['values'],
): void {
  const before = pending.splice(0);
  for (const { step } of before) step.use = 'replaced';
  reading.builds.push({ place, images: [...images], values, before, steps: [entry] });
}

/** Build arguments; those with a secret stay out of the config. */
export function builtArgs(
  { reading }: StepReading,
  given: readonly (readonly [string, string])[],
): Record<string, Noted<unknown>> {
  const args: Record<string, string> = {};
  let at = '';
  for (const [text, place] of given) {
    const [, name = text, value] = /^([^=]+)=([^]*)$/.exec(text) ?? [];
    if (value === undefined || unknownsIn(value).length > 0) {
      const written = value === undefined ? 'of the environment' : asWritten(value);
      reading.warn(
        place,
        /secrets\./.test(written)
          ? `build argument ${name} is a secret, which would stay in the image: use a build secret (build.secrets)`
          : `build argument ${name} is ${written}: give it with --build-arg`,
      );
      continue;
    }
    args[name] = value;
    at ||= place;
  }
  return at === '' ? {} : { args: { value: args, place: at } };
}

/** Build secrets that are files or variables. */
export function fileSecrets(
  { reading }: StepReading,
  given: readonly (readonly [string, string])[],
): Record<string, Noted<unknown>> {
  const known = given.filter(([text, place]) => {
    const [, id = text] = /(?:^|,)id=([^,]+)/.exec(text) ?? [];
    const isComplete = unknownsIn(text).length === 0 && /(?:^|,)(?:src|source|env)=/.test(text);
    if (!isComplete)
      reading.warn(place, `build secret ${id}: add its file or variable to build.secrets`);
    return isComplete;
  });
  const [first] = known;
  if (first === undefined) return {};
  const value = known.map(([text]) =>
    text
      .split(',')
      .filter((part) => !part.startsWith('type='))
      .map((part) => part.replace(/^source=/, 'src='))
      .join(','),
  );
  return { secrets: { value, place: first[1] } };
}

/** Adds the build of a target of `docker buildx bake`. */
export function bake(
  step: StepReading,
  place: string,
  files: readonly string[],
  target: string | undefined,
): void {
  const { reading, scope, folder } = step;
  const read = readBakeTarget(join(reading.root, folder), files, target, scope.env);
  if ('problem' in read) {
    reading.warn(place, `${read.problem}: add build.context and build.dockerfile by hand`);
    addBuild(step, place, [], {});
    return;
  }
  const { tags, args, ...values } = read.target;
  addBuild(step, place, tags, {
    ...notedValues(values, place),
    ...builtArgs(
      step,
      Object.entries(args).map(([name, value]) => [`${name}=${value}`, place]),
    ),
  });
}
