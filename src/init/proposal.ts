import type { Remark } from '../core/result.ts';
import { Document } from 'yaml';
import { variableOf } from '../settings/lookup.ts';
import { imagesIn, platformsIn } from './draft.ts';
import type { WorkflowDraft } from './draft.ts';
import { asWritten } from './expressions.ts';
import type { Deployment, Interpretation, JobRun } from './reading.ts';
import { listOf, textOf, valuesOf } from './workflow.ts';
import type { Path, Workflow } from './workflow.ts';

/** The workflow that replaces another one. */
export interface Proposal {
  readonly text: string;
  readonly remarks: readonly Remark[];
}

/** A job that deploys, and the jobs that only built for it. */
interface DeployJob {
  readonly run: JobRun;
  readonly environment: string | undefined;
  readonly deployments: readonly Deployment[];
  readonly builders: readonly JobRun[];
}

/** Keys of a workflow and of a job that stay as they are. */
const WORKFLOW_KEYS = ['name', 'run-name', 'on', 'concurrency', 'defaults'];
const JOB_KEYS = [
  'name',
  'if',
  'runs-on',
  'environment',
  'concurrency',
  'timeout-minutes',
  'container',
  'services',
];

const KEYS_STEP = 'aws-actions/configure-aws-credentials@v5';
/** The step that makes the builder that buildx uses from then on. */
const BUILDX = 'docker/setup-buildx-action';
/** Steps that a build for several platforms needs. */
const BUILDERS = /^docker\/setup-(?:buildx|qemu)-action$/;
const TARBALL = '${{ vars.ECSDEPLOY_TARBALL }}';

/** Proposes the workflow that deploys with ecsdeploy: the other steps and jobs stay. */
export function proposeWorkflow(
  workflow: Workflow,
  interpretation: Interpretation,
  draft: WorkflowDraft,
): Proposal {
  const remarks: Remark[] = [];
  const jobs = deployJobs(interpretation, draft);
  const replaced = new Set(
    jobs.flatMap(({ run, builders }) => [run, ...builders].map(({ id }) => id)),
  );
  const given = valuesOf(workflow.values['jobs']);
  const called = new Set(
    interpretation.jobs.filter((run) => run.workflow !== workflow).map((run) => run.workflow.path),
  );
  const others = Object.keys(given).filter((id) => {
    const uses = valuesOf(given[id])['uses'];
    const isCalled =
      typeof uses === 'string' &&
      [...called].some((path) => path.endsWith(uses.replace(/^\./, '')));
    return !replaced.has(id) && !isCalled;
  });
  const kept = (from: Workflow, path: Path): unknown =>
    from.hasAnchors ? valueAt(from, path) : from.nodeAt(path);
  const keyed = (from: Workflow, path: Path, keys: readonly string[]) =>
    keys.flatMap((key) => {
      const value = kept(from, [...path, key]);
      return value === undefined ? [] : [[key, value] as const];
    });
  const ids = new Map<DeployJob, string>();
  for (const job of jobs) {
    const { origin, id } = job.run;
    const parts = [origin.id, ...(origin.id === id ? [] : [id]), job.environment ?? ''];
    const names = parts.map((_, count) => parts.slice(0, count + 1).join('-'));
    const taken = new Set(ids.values());
    ids.set(job, names.find((name) => !taken.has(name)) ?? `${id}-${ids.size}`);
  }
  const document = new Document(
    {
      ...Object.fromEntries(keyed(workflow, [], WORKFLOW_KEYS)),
      permissions: { 'id-token': 'write', contents: 'read' },
      jobs: {
        ...Object.fromEntries(others.map((id) => [id, kept(workflow, ['jobs', id])])),
        ...Object.fromEntries(jobs.map((job) => [ids.get(job), toJob(job)])),
      },
    },
    { aliasDuplicateObjects: false },
  );
  return { text: document.toString({ lineWidth: 0, flowCollectionPadding: false }), remarks };

  function toJob(job: DeployJob) {
    const { run, environment } = job;
    const { origin } = run;
    const needs = listOf(valueAt(origin.workflow, [...origin.path, 'needs']));
    const stay = needs.filter((id) => others.includes(textOf(id)));
    const values = Object.fromEntries(keyed(run.workflow, run.path, JOB_KEYS));
    const named = JSON.stringify(valueAt(run.workflow, [...run.path, 'environment'])) ?? '';
    const steps = stepsOf(job, draft, kept, remarks);
    const isMatrix = steps.some(({ text }) => text.includes('matrix.'));
    return {
      ...(stay.length > 0 && { needs: stay.length === 1 ? stay[0] : stay }),
      ...values,
      ...(named.includes('${{') && environment !== undefined && { environment }),
      ...(isMatrix && { strategy: kept(run.workflow, [...run.path, 'strategy']) }),
      ...usedEnv(run.workflow, [[], run.path], steps),
      steps: steps.map(({ node }) => node),
    };
  }
}

function valueAt(workflow: Workflow, path: Path): unknown {
  let value: unknown = workflow.values;
  for (const key of path) value = (value as Record<string | number, unknown> | undefined)?.[key];
  return value;
}

function deployJobs({ deployments, jobs }: Interpretation, draft: WorkflowDraft): DeployJob[] {
  const found = new Map<string, DeployJob>();
  for (const deployment of deployments) {
    const { run } = deployment;
    const environment = draft.environmentOf(deployment);
    const key = `${run.workflow.path} ${run.id} ${environment}`;
    const before = found.get(key);
    const builders = jobs.filter(
      (job) =>
        job.id !== run.id &&
        job.workflow === run.workflow &&
        job.steps.some(({ use }) => use === 'replaced') &&
        !deployments.some((other) => other.run.id === job.id) &&
        listOf(valueAt(run.workflow, [...run.path, 'needs'])).includes(job.id),
    );
    found.set(key, {
      run,
      environment,
      deployments: [...(before?.deployments ?? []), deployment],
      builders: builders.filter((job, at) => builders.findIndex(({ id }) => id === job.id) === at),
    });
  }
  return [...found.values()];
}

/** A step of the proposed workflow. */
interface Step {
  readonly node: unknown;
  readonly text: string;
  /** Whether it is a step of the workflow that was read. */
  readonly isKept: boolean;
}

/**
 * The variables of the workflow and the job that the steps use; those that no step names are kept
 * for the programs that read them.
 */
function usedEnv(workflow: Workflow, owners: readonly Path[], steps: readonly Step[]) {
  const env = Object.assign(
    {},
    ...owners.map((path) => valuesOf(valueAt(workflow, [...path, 'env']))),
  ) as object;
  const jobs = Object.values(valuesOf(workflow.values['jobs']));
  const before = JSON.stringify(jobs.map((job) => ({ ...valuesOf(job), env: undefined })));
  const used = Object.entries(env).filter(([name]) => {
    const isNamed = (text: string) => new RegExp(`\\b${name}\\b`).test(text);
    return !isNamed(before) || steps.some(({ text, isKept }) => isKept && isNamed(text));
  });
  return used.length > 0 ? { env: Object.fromEntries(used) } : {};
}

function stepsOf(
  { run, environment, deployments, builders }: DeployJob,
  { missing }: WorkflowDraft,
  kept: (workflow: Workflow, path: Path) => unknown,
  remarks: Remark[],
): readonly Step[] {
  const steps: Step[] = [];
  const uses = new Set<string>();
  const all = [...builders, run].flatMap((job) =>
    job.steps.map((step) => ({ ...step, job, values: valuesOf(valueAt(job.workflow, step.path)) })),
  );
  // The reference of an image that is built elsewhere may name the registry by the login to it.
  const isGiven = deployments.some(
    (deployment) => deployment.builds.length === 0 || imagesIn(deployment).others.length > 0,
  );
  const isMulti = deployments.some(({ builds: [build] }) => build && platformsIn(build).length > 1);
  const staysFor = (name: string) =>
    (isGiven && /amazon-ecr-login/.test(name)) || (isMulti && BUILDERS.test(name));
  const gone = all.flatMap(({ use, values }) =>
    use === 'kept' || use === 'credentials' || staysFor(actionOf(values))
      ? []
      : [textOf(values['id'])],
  );
  let isDeployed = false;
  for (const { use, path, job, values } of all) {
    const name = actionOf(values);
    const isAgain = uses.has(name) && /checkout|configure-aws-credentials/.test(name);
    if (name !== '') uses.add(name);
    if (isAgain) continue;
    if (use === 'credentials') {
      const node = {
        uses: KEYS_STEP,
        with: {
          'role-to-assume':
            run.role === undefined ? '${{ vars.AWS_ROLE_ARN }}' : asWritten(run.role),
          'aws-region': asWritten(run.region?.value ?? '${{ vars.AWS_REGION }}'),
        },
      };
      steps.push({ node, text: JSON.stringify(node), isKept: false });
    } else if (use === 'deploy' && !isDeployed) {
      isDeployed = true;
      const hasBuilder = isMulti && uses.has(BUILDX);
      if (isMulti) {
        remarks.push({
          place: job.workflow.placeOf(path),
          status: hasBuilder ? 'ok' : 'warn',
          message: hasBuilder
            ? `several platforms: the proposed workflow builds with the builder of ${BUILDX}`
            : `several platforms need a builder: run ${BUILDX} before, and add --builder to the deploy`,
        });
      }
      const node = deployStep(environment, deployments, missing, hasBuilder);
      steps.push({ node, text: JSON.stringify(node), isKept: false });
    } else if (use === 'kept' || staysFor(name)) {
      const text = JSON.stringify(values);
      const lost =
        gone.find((id) => text.includes(`steps.${id}.`)) ??
        /needs\.([\w-]+)\.outputs/.exec(text)?.[1];
      if (lost !== undefined) {
        remarks.push({
          place: job.workflow.placeOf(path),
          status: 'warn',
          message: `this step uses an output of "${lost}", which the proposed workflow does not have`,
        });
      }
      steps.push({ node: kept(job.workflow, path), text, isKept: true });
    }
  }
  return steps;
}

/** The action that a step uses, without its version; empty for a script. */
const actionOf = (values: ReturnType<typeof valuesOf>) =>
  textOf(values['uses']).split('@')[0] ?? '';

function deployStep(
  environment: string | undefined,
  deployments: readonly Deployment[],
  missing: WorkflowDraft['missing'],
  hasBuilder: boolean,
) {
  const images = deployments.flatMap(({ builds, containers }) =>
    builds.length > 0 ? [] : containers.flatMap(({ image }) => (image === '' ? [] : [image])),
  );
  const [image] = images;
  // What a script computes is not known to another step.
  const others = deployments
    .flatMap((deployment) => imagesIn(deployment).others)
    .map(({ name, image: other }) => ({ name, text: asWritten(other) }))
    .filter(({ text }) => !/^$|\$[^{]|\$\{[^{]/.test(text));
  const variables = missing.flatMap(({ key, text }) => {
    const variable = variableOf(key);
    // A repository comes from the image that is given; the region from the step before.
    const isNeeded = key !== 'region' && !(key === 'repository' && image !== undefined);
    return variable === undefined || !isNeeded || /\$\{\{ (steps|needs)\.|^\$[^{]/.test(text)
      ? []
      : [[variable, text] as const];
  });
  return {
    name: 'Deploy',
    run: [
      'npx --yes "$ECSDEPLOY_TARBALL" deploy',
      ...(environment === undefined ? [] : [`--env ${environment}`]),
      ...(image === undefined ? [] : ['--image "$IMAGE"']),
      ...others.map(({ name, text }) => `--container-image '${name}=${text}'`),
      ...(hasBuilder ? ['--builder'] : []),
    ].join(' '),
    env: {
      ECSDEPLOY_TARBALL: TARBALL,
      ...(image !== undefined && { IMAGE: asWritten(image) }),
      ...Object.fromEntries(variables),
    },
  };
}
