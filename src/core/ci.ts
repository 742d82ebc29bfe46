type Environment = Readonly<Record<string, string | undefined>>;

/** A CI system that is known by name. */
export type CiName =
  | 'github'
  | 'gitlab'
  | 'buildkite'
  | 'circleci'
  | 'azure'
  | 'codebuild'
  | 'bitbucket'
  | 'jenkins';

/** The variables of a CI system. `$NAME` in a text is the value of a variable; the first text without a gap counts. */
interface CiVariables {
  readonly name: CiName;
  /** Set in its jobs, and by nothing else. */
  readonly detect: string;
  /** The variable with the commit. */
  readonly commit: string;
  readonly branch: readonly string[];
  readonly repository: string;
  readonly run: string;
}

/** The first whose variable is set: runners of GitHub can be jobs of CodeBuild. */
const CI_SYSTEMS: readonly CiVariables[] = [
  {
    name: 'github',
    detect: 'GITHUB_ACTIONS',
    commit: 'GITHUB_SHA',
    branch: ['$GITHUB_HEAD_REF', '$GITHUB_REF_NAME'],
    repository: '$GITHUB_SERVER_URL/$GITHUB_REPOSITORY',
    run: '$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID',
  },
  {
    name: 'gitlab',
    detect: 'GITLAB_CI',
    commit: 'CI_COMMIT_SHA',
    branch: ['$CI_COMMIT_REF_NAME'],
    repository: '$CI_PROJECT_URL',
    run: '$CI_JOB_URL',
  },
  {
    name: 'buildkite',
    detect: 'BUILDKITE',
    commit: 'BUILDKITE_COMMIT',
    branch: ['$BUILDKITE_BRANCH'],
    repository: '$BUILDKITE_REPO',
    run: '$BUILDKITE_BUILD_URL',
  },
  {
    name: 'circleci',
    detect: 'CIRCLECI',
    commit: 'CIRCLE_SHA1',
    branch: ['$CIRCLE_BRANCH', '$CIRCLE_TAG'],
    repository: '$CIRCLE_REPOSITORY_URL',
    run: '$CIRCLE_BUILD_URL',
  },
  {
    name: 'azure',
    detect: 'TF_BUILD',
    commit: 'BUILD_SOURCEVERSION',
    branch: ['$BUILD_SOURCEBRANCH'],
    repository: '$BUILD_REPOSITORY_URI',
    run: '$SYSTEM_TEAMFOUNDATIONCOLLECTIONURI$SYSTEM_TEAMPROJECT/_build/results?buildId=$BUILD_BUILDID',
  },
  {
    name: 'codebuild',
    detect: 'CODEBUILD_BUILD_ID',
    commit: 'CODEBUILD_RESOLVED_SOURCE_VERSION',
    branch: ['$CODEBUILD_WEBHOOK_HEAD_REF'],
    repository: '$CODEBUILD_SOURCE_REPO_URL',
    run: '$CODEBUILD_BUILD_URL',
  },
  {
    name: 'bitbucket',
    detect: 'BITBUCKET_BUILD_NUMBER',
    commit: 'BITBUCKET_COMMIT',
    branch: ['$BITBUCKET_BRANCH', '$BITBUCKET_TAG'],
    repository: '$BITBUCKET_GIT_HTTP_ORIGIN',
    run: 'https://bitbucket.org/$BITBUCKET_REPO_FULL_NAME/pipelines/results/$BITBUCKET_BUILD_NUMBER',
  },
  {
    name: 'jenkins',
    detect: 'JENKINS_URL',
    commit: 'GIT_COMMIT',
    branch: ['$BRANCH_NAME', '$GIT_BRANCH'],
    repository: '$GIT_URL',
    run: '$BUILD_URL',
  },
];

/** The job, from the variables of its CI system; each part is undefined where no variable has it. */
export interface CiJob {
  readonly name: CiName;
  /** Full SHA. */
  readonly commit: string | undefined;
  /** The variable that the commit is from. */
  readonly commitVariable: string;
  /** A branch or a tag, without `refs/heads/` or `origin/`. */
  readonly branch: string | undefined;
  /** URL of the repository; it can contain credentials. */
  readonly repository: string | undefined;
  /** URL of the page with the log of the job. */
  readonly run: string | undefined;
}

/** The job that a command runs in; undefined outside of the CI systems that are known. */
export function readCiJob(environment: Environment): CiJob | undefined {
  const system = CI_SYSTEMS.find(({ detect }) => environment[detect]);
  if (system === undefined) return undefined;
  const { name, commit: commitVariable, branch, repository, run } = system;
  const [label] = branch.flatMap((text) => expand(text, environment) ?? []);
  return {
    name,
    commit: shaOf(environment[commitVariable]),
    commitVariable,
    branch: label?.replace(/^refs\/(?:heads|tags)\/|^origin\//, ''),
    repository: expand(repository, environment),
    run: expand(run, environment),
  };
}

/** Whether a command runs in a job of a CI system; not all of them set `CI`. */
export function isCi(environment: Environment): boolean {
  return Boolean(environment['CI']) || readCiJob(environment) !== undefined;
}

/** A text that is the full SHA of a commit: variables and labels can hold anything, e.g. `HEAD`. */
export function shaOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(text) ? text : undefined;
}

function expand(text: string, environment: Environment): string | undefined {
  let isWhole = true;
  const expanded = text.replaceAll(/\$([A-Z_]+)/g, (_, name: string) => {
    const value = environment[name] ?? '';
    isWhole &&= value !== '';
    return value;
  });
  return isWhole ? expanded : undefined;
}
