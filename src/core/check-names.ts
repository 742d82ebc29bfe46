/** The checks that `--skip-check` can leave out. */
export const SKIPPABLE_CHECKS = [
  'member-names',
  'image-platform',
  'image-exists',
  'image-scan',
  'container-port',
  'port-mappings',
  'task-size',
  'execution-role',
  'log-groups',
  'secrets',
  'deployment-in-progress',
  'deployment-percent',
  'latest-revision',
  'rollback-target',
  'build-context',
  'emulation',
] as const;

/** A check that can be left out. */
export type SkippableCheck = (typeof SKIPPABLE_CHECKS)[number];

/** Any check of a plan: without those that cannot be left out there is nothing to deploy. */
export type CheckName =
  | SkippableCheck
  | 'credentials'
  | 'service'
  | 'containers'
  | 'repository'
  | 'image-tag'
  | 'docker'
  | 'files';
