import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ACTIONS } from './actions.ts';
import { asWritten, resolveData, resolveText } from './expressions.ts';
import { openReading } from './reading.ts';
import type {
  Interpretation,
  JobAt,
  JobRun,
  Noted,
  Pending,
  Reading,
  Scope,
  StepReading,
  StepUse,
} from './reading.ts';
import { readRun } from './scripts.ts';
import { isValues, listOf, readWorkflow, textOf, valuesOf } from './workflow.ts';
import type { Path, Values, Workflow } from './workflow.ts';

/** Reads what a workflow builds and deploys, in the folder of its repository. */
export function interpret(workflow: Workflow, root: string): Interpretation {
  const reading = openReading(root);
  readJobs(reading, workflow, defaultInputs(workflow), undefined);
  for (const { value, place } of reading.tasks) {
    reading.warn(
      place,
      `the one-off task after the deployment: run it in a step of the workflow with ecsdeploy run -- ${value.command.join(' ')}`,
    );
  }
  const { deployments, jobs, builds, remarks } = reading;
  const unique = new Map(remarks.map((remark) => [`${remark.place} ${remark.message}`, remark]));
  return { deployments, jobs, builds, remarks: [...unique.values()] };
}

/** The inputs of a reusable or manual workflow that have defaults. */
function defaultInputs({ values }: Workflow): Values {
  const on = valuesOf(values['on']);
  const inputs = ['workflow_dispatch', 'workflow_call'].flatMap((event) =>
    Object.entries(valuesOf(valuesOf(on[event])['inputs'])),
  );
  return Object.fromEntries(
    inputs.flatMap(([name, input]) => {
      const { default: value } = valuesOf(input);
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
}

function readJobs(
  reading: Reading,
  workflow: Workflow,
  inputs: Values,
  caller: JobAt | undefined,
): void {
  const jobs = valuesOf(workflow.values['jobs']);
  const done = new Set<string>();
  const readJob = (id: string): void => {
    if (done.has(id) || !isValues(jobs[id])) return;
    done.add(id);
    for (const need of listOf(jobs[id]['needs'])) readJob(textOf(need));
    const path = ['jobs', id];
    const at = { workflow, id, path };
    for (const matrix of combinations(reading, workflow, path, inputs)) {
      if (jobs[id]['uses'] === undefined) readSteps(reading, at, caller ?? at, inputs, matrix);
      else readReusable(reading, at, caller ?? at, inputs, matrix);
    }
  };
  for (const id of Object.keys(jobs)) readJob(id);
}

/** The values of the matrix, one for each run of the job; one without a matrix. */
function combinations(
  reading: Reading,
  workflow: Workflow,
  path: Path,
  inputs: Values,
): readonly Values[] {
  const given = valuesOf(valuesOf(valueAt(workflow, path)['strategy']))['matrix'];
  if (given === undefined) return [{}];
  const scope = { ...emptyScope(), inputs };
  const lookup = lookupIn(reading, scope);
  const read = (value: unknown) =>
    typeof value === 'string' ? (resolveData(value, lookup) ?? value) : value;
  const matrix = read(given);
  const place = workflow.placeOf([...path, 'strategy', 'matrix']);
  if (!isValues(matrix)) {
    reading.warn(
      place,
      'the matrix is known only when the workflow runs: add the services by hand',
    );
    return [{}];
  }
  const { include, exclude, ...vectors } = matrix;
  let rows: Values[] = [{}];
  for (const [name, value] of Object.entries(vectors)) {
    const list = read(value);
    if (!Array.isArray(list)) {
      reading.warn(
        place,
        `matrix.${name} is known only when the workflow runs: add its values by hand`,
      );
      continue;
    }
    rows = rows.flatMap((row) => (list as unknown[]).map((item) => ({ ...row, [name]: item })));
  }
  const matches = (row: Values, other: Values, keys: readonly string[]) =>
    keys.every((key) => JSON.stringify(row[key]) === JSON.stringify(other[key]));
  rows = rows.filter(
    (row) =>
      !listOf(exclude).some((item) => matches(row, valuesOf(item), Object.keys(valuesOf(item)))),
  );
  for (const item of listOf(read(include)).map(valuesOf)) {
    const shared = Object.keys(item).filter((key) => key in vectors);
    const at = rows.findIndex((row) => shared.length > 0 && matches(row, item, shared));
    if (at < 0) rows.push(item);
    else rows[at] = { ...rows[at], ...item };
  }
  const filled = rows.filter((row) => Object.keys(row).length > 0);
  return filled.length > 0 ? filled : [{}];
}

function emptyScope(): Scope {
  return { env: new Map(), inputs: {}, matrix: {}, steps: new Map() };
}

function valueAt(workflow: Workflow, path: Path): Values {
  let value: unknown = workflow.values;
  for (const key of path) value = (value as Record<string | number, unknown> | undefined)?.[key];
  return valuesOf(value);
}

function lookupIn({ outputs }: Reading, { env, inputs, matrix, steps }: Scope) {
  return ([context, ...path]: readonly string[]): unknown => {
    const [first = '', ...rest] = path;
    switch (context) {
      case 'env':
        return env.get(first);
      case 'inputs':
        return inputs[first];
      case 'matrix':
        return rest.reduce<unknown>((value, key) => valuesOf(value)[key], matrix[first]);
      case 'steps':
        return steps.get(first)?.[rest.at(-1) ?? ''];
      case 'needs':
        return outputs.get(first)?.[rest.at(-1) ?? ''];
      case 'github':
        return first === 'event' && rest[0] === 'inputs' ? inputs[rest[1] ?? ''] : undefined;
      default:
        return undefined;
    }
  };
}

/** Reads the jobs of a workflow of the same repository with the inputs that a job gives it. */
function readReusable(
  reading: Reading,
  { workflow, path }: JobAt,
  origin: JobAt,
  given: Values,
  matrix: Values,
): void {
  const job = valueAt(workflow, path);
  const uses = textOf(job['uses']);
  const place = workflow.placeOf([...path, 'uses']);
  const file = /^\.\/(.+)$/.exec(uses)?.[1];
  if (file === undefined) {
    reading.warn(
      place,
      `the workflow ${uses} is in another repository: run ecsdeploy init --from-workflow on that file`,
    );
    return;
  }
  if (!existsSync(join(reading.root, file))) {
    reading.warn(place, `the workflow ${uses} does not exist`);
    return;
  }
  if (reading.calls.includes(file)) {
    reading.warn(place, `the workflow ${uses} calls itself`);
    return;
  }
  const called = readWorkflow(join(reading.root, file));
  const scope = { ...emptyScope(), inputs: given, matrix };
  const inputs = Object.fromEntries(
    Object.entries(valuesOf(job['with'])).map(([name, value]) => [
      name,
      typeof value === 'string' ? resolve(reading, scope, value, place) : value,
    ]),
  );
  reading.calls.push(file);
  readJobs(reading, called, { ...defaultInputs(called), ...inputs }, origin);
  reading.calls.pop();
}

function resolve(reading: Reading, scope: Scope, text: unknown, place: string): string {
  return resolveText(textOf(text), lookupIn(reading, scope), (expression, value) =>
    reading.note(place, `\${{ ${expression} }} was read as "${asWritten(value)}"`),
  ).trim();
}

function readSteps(
  reading: Reading,
  { workflow, id, path }: JobAt,
  origin: JobAt,
  inputs: Values,
  matrix: Values,
) {
  const job = valueAt(workflow, path);
  const scope: Scope = { ...emptyScope(), inputs, matrix };
  const addEnv = (values: unknown, at: Path) => {
    for (const [name, value] of Object.entries(valuesOf(values))) {
      scope.env.set(name, resolve(reading, scope, value, workflow.placeOf([...at, name])));
    }
  };
  addEnv(workflow.values['env'], ['env']);
  addEnv(job['env'], [...path, 'env']);
  const named = isValues(job['environment']) ? job['environment']['name'] : job['environment'];
  const at = workflow.placeOf([...path, 'environment']);
  const environment = resolve(reading, scope, named, at);
  const run: JobRun = {
    workflow,
    id,
    path,
    origin,
    environment: environment === '' ? undefined : { value: environment, place: at },
    steps: [],
    region: undefined,
    role: undefined,
    onFailure: undefined,
    check: undefined,
  };
  const folder = (owner: Values) =>
    valuesOf(valuesOf(owner['defaults'])['run'])['working-directory'];
  const base = resolve(reading, scope, folder(job) ?? folder(workflow.values), at);
  const pending: Pending[] = [];
  listOf(job['steps']).forEach((item, index) => {
    const step = valuesOf(item);
    const stepPath = [...path, 'steps', index];
    const env = new Map(scope.env);
    const inner = { ...scope, env };
    for (const [name, value] of Object.entries(valuesOf(step['env']))) {
      env.set(name, resolve(reading, inner, value, workflow.placeOf([...stepPath, 'env', name])));
    }
    const stepId = textOf(step['id']) || `step ${index}`;
    const input = (name: string): Noted<string> | undefined => {
      const value = valuesOf(step['with'])[name];
      if (value === undefined || value === null || value === '') return undefined;
      const place = workflow.placeOf([...stepPath, 'with', name]);
      return { value: resolve(reading, inner, value, place), place };
    };
    const wanted = resolve(reading, inner, step['working-directory'], at);
    const entry: StepUse = { path: stepPath, use: 'kept' };
    const read: StepReading = {
      reading,
      run,
      scope: inner,
      // Actions start in the root.
      folder: step['uses'] === undefined ? posix.normalize(wanted || base || '.') : '.',
      pending,
      step,
      path: stepPath,
      entry,
      id: stepId,
      place: workflow.placeOf(stepPath),
      resolve: (text) => resolve(reading, inner, text, workflow.placeOf(stepPath)),
      input,
      setOutput: (name, value) => {
        scope.steps.set(stepId, { ...scope.steps.get(stepId), [name]: value });
      },
    };
    run.steps.push(entry);
    entry.use = readStep(read, (name, value) => scope.env.set(name, value));
  });
  reading.jobs.push(run);
  reading.outputs.set(
    id,
    Object.fromEntries(
      Object.entries(valuesOf(job['outputs'])).map(([name, value]) => [
        name,
        resolve(reading, scope, value, workflow.placeOf([...path, 'outputs', name])),
      ]),
    ),
  );
}

function readStep(
  step: StepReading,
  setVariable: (name: string, value: string) => void,
): StepUse['use'] {
  const uses = step.step['uses'];
  if (typeof uses === 'string') {
    const [name = ''] = uses.split('@');
    const read = ACTIONS[name.toLowerCase()];
    if (read !== undefined) return read(step);
    if (name.startsWith('./')) {
      step.reading.warn(
        step.place,
        `the action ${uses} is not read: its steps stay in the workflow`,
      );
    }
    return 'kept';
  }
  return readRun(step, setVariable);
}
