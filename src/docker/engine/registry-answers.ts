/** Answers of registries, as daemons word them, that another try can change. */
const LATER =
  /\b(?:408|429|5\d\d) [A-Z]|HTTP status: 5\d\d|too ?many ?requests(?!.*rate limit)|timeout|deadline exceeded|connection reset|server misbehaving|\bEOF\b|broken pipe/i;

/** Errors of BuildKit that come from the registry of a base image, and from no step of the build. */
const OF_REGISTRY =
  /failed to (?:do request|fetch|copy|authorize|resolve source metadata|load metadata|solve: \S+: (?:failed|unexpected))|unexpected status|pulling from host|pull access|httpReadSeeker|error from registry|toomanyrequests/i;

/** Whether a build failed because of a base image's registry, which may answer better later. */
export function isPullLater(message: string): boolean {
  return OF_REGISTRY.test(message) && LATER.test(message);
}

/** Whether the push of a builder failed, and nothing before it. */
export const isPush = (message: string): boolean => /failed to push /.test(message);

/**
 * Answers to a push that a retry cannot change, as both image stores word them
 * (docs/explanation/how-docker-behaves.md#what-a-push-answers); 401 can be an expired token.
 */
const FINAL =
  /denied(?!.*expired)|not authorized|name unknown|does not exist|immutable|tag invalid|manifest invalid|no basic auth credentials|limit ?exceeded|(?<![:.\w])4(?!01|08|29)\d\d [a-z]/i;

/** Whether a push that failed with a message fails again, whatever is done here. */
export function isPushFinal(message: string): boolean {
  return FINAL.test(message);
}
