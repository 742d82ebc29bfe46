/** The checks that `--skip-check` can skip. */
export const CHECK_NAMES = [
  'member-names',
  'definition',
  'image-platform',
  'image-program',
  'image-exists',
  'image-scan',
  'container-port',
  'port-names',
  'port-mappings',
  'express',
  'code-deploy',
  'app-spec',
  'network-mode',
  'launch-type',
  'volumes',
  'task-size',
  'execution-role',
  'log-groups',
  'secrets',
  'deployment-in-progress',
  'deployment-percent',
  'older-commit',
  'rollout-time',
  'latest-revision',
  'rollback-target',
  'load-balancer',
  'listener-rule',
  'schedules',
  'lifecycle-policy',
  'build-context',
  'emulation',
] as const;

/** A check that can be skipped. */
export type SkippableCheck = (typeof CHECK_NAMES)[number];

/** Any check of a plan: without those that cannot be skipped there is nothing to deploy. */
export type CheckName =
  | SkippableCheck
  | 'credentials'
  | 'service'
  | 'containers'
  | 'order'
  | 'repository'
  | 'image-tag'
  | 'release'
  | 'docker'
  | 'files';
