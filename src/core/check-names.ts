/** Names of the checks, as `--skip-check` takes them. */
export const CHECK_NAMES = [
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

/** Name of a check that can be skipped. */
export type CheckName = (typeof CHECK_NAMES)[number];
