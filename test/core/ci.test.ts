import { describe, expect, test } from 'vitest';
import { readCiJob } from '../../src/core/ci.ts';

const SHA = 'a1b2c3d4'.repeat(5);

/** A job of each system, with the variables that its documentation shows. */
const JOBS = {
  github: {
    GITHUB_ACTIONS: 'true',
    GITHUB_SHA: SHA,
    GITHUB_REF_NAME: 'main',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: 'o/app',
    GITHUB_RUN_ID: '7',
  },
  gitlab: {
    GITLAB_CI: 'true',
    CI_COMMIT_SHA: SHA,
    CI_COMMIT_REF_NAME: 'main',
    CI_PROJECT_URL: 'https://gitlab.com/o/app',
    CI_JOB_URL: 'https://gitlab.com/o/app/-/jobs/7',
  },
  buildkite: {
    BUILDKITE: 'true',
    BUILDKITE_COMMIT: SHA,
    BUILDKITE_BRANCH: 'main',
    BUILDKITE_REPO: 'git@github.com:o/app.git',
    BUILDKITE_BUILD_URL: 'https://buildkite.com/o/app/builds/7',
  },
  circleci: {
    CIRCLECI: 'true',
    CIRCLE_SHA1: SHA,
    CIRCLE_BRANCH: 'main',
    CIRCLE_REPOSITORY_URL: 'git@github.com:o/app.git',
    CIRCLE_BUILD_URL: 'https://circleci.com/gh/o/app/7',
  },
  azure: {
    TF_BUILD: 'True',
    BUILD_SOURCEVERSION: SHA,
    BUILD_SOURCEBRANCH: 'refs/heads/main',
    BUILD_REPOSITORY_URI: 'https://dev.azure.com/o/p/_git/app',
    SYSTEM_TEAMFOUNDATIONCOLLECTIONURI: 'https://dev.azure.com/o/',
    SYSTEM_TEAMPROJECT: 'p',
    BUILD_BUILDID: '7',
  },
  codebuild: {
    CODEBUILD_BUILD_ID: 'app:7',
    CODEBUILD_RESOLVED_SOURCE_VERSION: SHA,
    CODEBUILD_WEBHOOK_HEAD_REF: 'refs/heads/main',
    CODEBUILD_SOURCE_REPO_URL: 'https://github.com/o/app.git',
    CODEBUILD_BUILD_URL: 'https://console.aws.amazon.com/codebuild/home#/builds/app:7/view/new',
  },
  bitbucket: {
    BITBUCKET_BUILD_NUMBER: '7',
    BITBUCKET_COMMIT: SHA,
    BITBUCKET_BRANCH: 'main',
    BITBUCKET_GIT_HTTP_ORIGIN: 'https://bitbucket.org/o/app',
    BITBUCKET_REPO_FULL_NAME: 'o/app',
  },
  jenkins: {
    JENKINS_URL: 'https://ci.example.com/',
    GIT_COMMIT: SHA,
    GIT_BRANCH: 'origin/main',
    GIT_URL: 'https://github.com/o/app.git',
    BUILD_URL: 'https://ci.example.com/job/app/7/',
  },
} as const;

test.each(Object.entries(JOBS))('a job of %s tells its commit and branch', (name, variables) => {
  const job = readCiJob({ ...variables });
  expect(job).toMatchObject({ name, commit: SHA, branch: 'main' });
  expect(job?.repository).toMatch(/app/);
  expect(job?.run).toMatch(/^https:.*\b7\b/);
});

describe('what is no commit, branch or link is left out', () => {
  test.each(['HEAD', '', SHA.slice(0, 39), `${SHA};x`, 'L8Pn3yT.aVersionOfS3'])(
    'commit %j',
    (text) => {
      const variables = { ...JOBS.codebuild, CODEBUILD_RESOLVED_SOURCE_VERSION: text };
      expect(readCiJob(variables)?.commit).toBeUndefined();
    },
  );

  test('variables that are missing or empty', () => {
    expect(readCiJob({ GITHUB_ACTIONS: 'true', GITHUB_REF_NAME: '' })).toEqual({
      name: 'github',
      commitVariable: 'GITHUB_SHA',
    });
  });

  test('variables of a system outside of its jobs', () => {
    expect(readCiJob({ ...JOBS.jenkins, JENKINS_URL: undefined })).toBeUndefined();
  });
});

test('a pull request on GitHub has the name of its own branch', () => {
  const pull = { ...JOBS.github, GITHUB_REF_NAME: '7/merge', GITHUB_HEAD_REF: 'fix' };
  expect(readCiJob(pull)?.branch).toBe('fix');
});
