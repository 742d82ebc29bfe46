import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { CliEnd } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { makeStep, readManifest, readOutputs } from '../support/runner.ts';
import { HAS_GIT, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

type Variables = Readonly<Record<string, string>>;

/** A step of a job: a line for the shell, or an action with its inputs. */
interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Variables;
  readonly env?: Variables;
}

/** What a CI system makes of an example. */
interface Job {
  readonly steps: readonly Step[];
  readonly env?: Variables;
}

const COMMIT = 'a'.repeat(40);
const TARBALL = 'https://example.com/ecsdeploy-1.tgz';

/** The examples of the page, in its order. */
const EXAMPLES = [
  ...readFileSync('docs/how-to/ci.md', 'utf8').matchAll(/^```(?:yaml|groovy)\n([^]*?)\n```$/gm),
].map(([, text = '']) => text);

/** The first example that has a text. */
const example = (text: string) => EXAMPLES.find((one) => one.includes(text)) ?? '';

/** A system that obeys an example, with the variables that it sets. */
interface System {
  readonly variables: Variables;
  readonly job: () => Job;
  /** Programs that it has, as lines of a shell. */
  readonly programs?: Variables;
  /** What the log shows of its own form. */
  readonly shows: RegExp;
  /** It gives the files without the history. */
  readonly hasNoGit?: true;
}

const shell = (lines: readonly string[]) => lines.map((run) => ({ run }));

const SYSTEMS: Readonly<Record<string, System>> = {
  'GitHub Actions': {
    variables: { CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_SHA: COMMIT },
    job: () => {
      const { jobs } = parse(example('run: npx')) as { jobs: { deploy: Job } };
      return jobs.deploy;
    },
    shows: /^::group::Build$[^]*^::endgroup::$/m,
  },
  'GitHub Actions, as an action': {
    variables: { CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_SHA: COMMIT },
    job: () => {
      const { jobs } = parse(example('ecsdeploy@v1')) as { jobs: { deploy: Job } };
      return jobs.deploy;
    },
    shows: /^::group::Push$/m,
  },
  GitLab: {
    variables: { CI: 'true', GITLAB_CI: 'true', CI_COMMIT_SHA: COMMIT, AWS_TOKEN: 'token' },
    job: () => {
      const { deploy } = parse(example('id_tokens')) as {
        deploy: { variables: Variables; script: string[]; artifacts: unknown };
      };
      const file = deploy.variables['ECSDEPLOY_DOTENV'];
      expect(deploy.artifacts).toEqual({ reports: { dotenv: file } });
      const { DOCKER_HOST: _, ...env } = deploy.variables;
      // As a later job has the report.
      const later = `set -a; . ./${file}; echo "Deployed $DEPLOY_IMAGE"`;
      return { steps: shell([deploy.script.join('\n'), later]), env };
    },
    shows:
      /\p{Cc}\[0Ksection_start:\d+:ecsdeploy_build\[collapsed=true\]\r\p{Cc}\[0KBuild\n[^]*section_end:\d+:ecsdeploy_build\r/u,
  },
  CircleCI: {
    variables: {
      CI: 'true',
      CIRCLECI: 'true',
      CIRCLE_SHA1: COMMIT,
      CIRCLE_OIDC_TOKEN_V2: 'token',
    },
    job: () => {
      const { jobs } = parse(example('CIRCLE_OIDC')) as {
        jobs: { deploy: { environment: Variables; steps: (string | { run: string })[] } };
      };
      const { environment, steps } = jobs.deploy;
      return {
        steps: steps.filter((step) => typeof step === 'object'),
        env: environment,
      };
    },
    shows: /^\d{4}-\d\d-\d\dT[\d:]+Z Building for linux\/amd64$/m,
  },
  Buildkite: {
    variables: { CI: 'true', BUILDKITE: 'true', BUILDKITE_COMMIT: COMMIT },
    programs: {
      'buildkite-agent':
        '[ "$*" = "oidc request-token --audience sts.amazonaws.com" ] && echo token',
    },
    job: () => {
      // The upload of the pipeline replaces variables, and $$ by $.
      const text = example('buildkite-agent').replaceAll(/\$\$|\$\w+/g, (found) =>
        found === '$$' ? '$' : '',
      );
      const { steps } = parse(text) as { steps: { env: Variables; commands: string[] }[] };
      const [{ env, commands } = { env: {}, commands: [] }] = steps;
      return { steps: shell(commands), env };
    },
    shows: /^--- Build$[^]*^\+\+\+ ecsdeploy$/m,
  },
  'Azure Pipelines': {
    variables: { TF_BUILD: 'True', BUILD_SOURCEVERSION: COMMIT },
    job: () => {
      const { steps } = parse(example('AWSShellScript')) as {
        steps: { task: string; inputs: Variables }[];
      };
      const [, { inputs } = { inputs: {} as Variables }] = steps;
      return {
        steps: shell([inputs['inlineScript'] ?? '']),
        env: { AWS_REGION: inputs['regionName'] ?? '' },
      };
    },
    shows: /^##\[group\]Build$[^]*^##\[endgroup\]$/m,
  },
  Jenkins: {
    variables: { JENKINS_URL: 'https://ci.example.com/', GIT_COMMIT: COMMIT },
    job: () => {
      const text = example('pipeline {');
      const lines = [...text.matchAll(/^\s*sh '(.*)'$/gm)].map(([, line = '']) => line);
      const env = [...text.matchAll(/environment \{ (\w+) = '(.*)' \}/g)].map(
        ([, name = '', value = '']) => [name, value],
      );
      return { steps: shell(lines), env: Object.fromEntries(env) as Variables };
    },
    shows: /^[\dT:-]+Z Building for linux\/amd64$/m,
  },
  CodeBuild: {
    variables: { CODEBUILD_BUILD_ID: 'app:1', CODEBUILD_RESOLVED_SOURCE_VERSION: COMMIT },
    job: () => {
      const { phases } = parse(example('runtime-versions')) as {
        phases: { build: { commands: string[] } };
      };
      return { steps: shell(phases.build.commands) };
    },
    shows: /Commit aaaaaaa is from CODEBUILD_RESOLVED_SOURCE_VERSION/,
    hasNoGit: true,
  },
  Bitbucket: {
    variables: {
      CI: 'true',
      BITBUCKET_BUILD_NUMBER: '1',
      BITBUCKET_COMMIT: COMMIT,
      BITBUCKET_STEP_OIDC_TOKEN: 'token',
    },
    job: () => {
      const { pipelines } = parse(example('BITBUCKET_STEP')) as {
        pipelines: { branches: { main: { step: { script: string[] } }[] } };
      };
      const [{ step } = { step: { script: [] } }] = pipelines.branches.main;
      return { steps: shell([step.script.join('\n')]) };
    },
    shows: /^[\dT:-]+Z Building for linux\/amd64$/m,
  },
};

/**
 * The programs of a machine. `npx` leaves its environment in a file, for the test to run the command in
 * this process, which is faster than a process for each example.
 */
function makePrograms(programs: Variables, file: string): string {
  const npx = `[ "$*" = "--yes ${TARBALL} deploy" ] && env -0 > '${file}'`;
  const files = Object.entries({ ...programs, npx }).map(([name, line]) => [
    name,
    Buffer.from(`#!/bin/sh\n${line}\n`),
  ]);
  return makeFolder(Object.fromEntries(files) as Record<string, Buffer>);
}

/** Runs a step, and returns what it writes; an action of others has nothing to do here. */
async function runStep(
  world: World,
  { uses, run, with: inputs }: Step,
  { called, ...own }: Variables & { readonly called: string },
): Promise<string> {
  if (run === undefined && uses?.includes('/ecsdeploy@') !== true) return '';
  if (run === undefined) {
    const script = resolve(readManifest().runs.main);
    const environment = { ...makeStep(inputs).environment, ...own };
    return textOf(await world.spawn([], { script, environment }));
  }
  const { stdout, stderr, status } = spawnSync('bash', ['-eo', 'pipefail', '-c', run], {
    cwd: world.folder,
    encoding: 'utf8',
    // With a socket as its stdin, bash takes itself for a remote shell.
    stdio: ['ignore', 'pipe', 'pipe'],
    env: own,
  });
  const text = textOf({ stdout, stderr, status });
  const environment = existsSync(called) ? readFileSync(called, 'utf8').split('\0') : [];
  if (environment.length === 0) return text;
  rmSync(called);
  const pairs = environment.filter(Boolean).map((pair) => pair.split(/=([^]*)/, 2));
  const end = await world.run(['deploy'], { environment: Object.fromEntries(pairs) as Variables });
  return text + textOf(end);
}

function textOf({ stdout, stderr, status }: CliEnd): string {
  expect(status, stdout + stderr).toBe(0);
  return stdout + stderr;
}

test.skipIf(process.platform === 'win32' || !HAS_GIT).for(Object.entries(SYSTEMS))(
  'the example for %s deploys',
  async ([, { variables, job, programs = {}, shows, hasNoGit }]) => {
    const world = await makeWorld();
    if (hasNoGit) rmSync(join(world.folder, '.git'), { recursive: true });
    const files = makeFolder({ output: '', bash: '' });
    const called = join(files, 'called');
    const { steps, env = {} } = job();
    const hasToken = /WEB_IDENTITY/.test(JSON.stringify({ steps, env }));
    const expand = (text: string) =>
      text
        .replaceAll('/tmp/', `${files}/`)
        .replaceAll('${{ vars.ECSDEPLOY_TARBALL }}', TARBALL)
        .replaceAll(/\$\{\{ steps\.ecs\.outputs\.([\w-]+) \}\}/g, (_, name: string) => {
          const outputs = readOutputs(readFileSync(join(files, 'output'), 'utf8'));
          return outputs[name] ?? '';
        });
    const expandAll = (all: Variables): Variables =>
      Object.fromEntries(Object.entries(all).map(([name, value]) => [name, expand(value)]));
    let log = '';
    for (const { run, env: own = {}, ...step } of steps) {
      log += await runStep(
        world,
        { ...step, ...(run !== undefined && { run: expand(run) }) },
        {
          PATH: `${makePrograms(programs, called)}${delimiter}${process.env['PATH']}`,
          called,
          ECSDEPLOY_TARBALL: TARBALL,
          GITHUB_OUTPUT: join(files, 'output'),
          BASH_ENV: join(files, 'bash'),
          // The keys of the sandbox would win over a token.
          ...(hasToken && { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }),
          ...variables,
          ...expandAll({ ...env, ...own }),
        },
      );
    }
    expect(log).toMatch(shows);
    expect(log).toContain('runs hyeon9mak-task-dev:2 (2 of 2 tasks)');
    expect((await world.service()).taskDefinition).toMatch(/:2$/);
    const actions = world.sandbox.calls.map(({ action }) => action);
    expect(actions.includes('sts:AssumeRoleWithWebIdentity')).toBe(hasToken);
    const told = steps.some(({ run }) => run?.includes('echo "Deployed ') === true);
    expect(/^Deployed \S+\/hyeon9mak-dev:[0-9a-f]{40}$/m.test(log)).toBe(told);
  },
);
