import { expect, test } from 'vitest';
import { isPullLater, isPushFinal } from '../../../src/docker/engine/registry-answers.ts';

test.each([
  ['denied: User is not authorized to perform: ecr:PutImage', true],
  ['denied: Your authorization token has expired. Reauthenticate and try again.', false],
  ['unauthorized: authentication required', false],
  ["name unknown: The repository with name 'app' does not exist", true],
  ["tag invalid: The image tag 't' already exists and cannot be overwritten: immutable", true],
  ['no basic auth credentials', true],
  ["error parsing HTTP 413 response body: invalid character '<'", true],
  ['received unexpected HTTP status: 404 Not Found', true],
  ['unexpected status from PUT request to https://r/v2/: 400 Bad Request', true],
  ['LimitExceededException: the repository has too many images', true],
  ['unexpected status from POST request to https://r/v2/: 429 Too Many Requests', false],
  ['unexpected status from HEAD request to https://r/v2/: 401 Unauthorized', false],
  ['received unexpected HTTP status: 503 Service Unavailable', false],
  ['write tcp 10.0.0.1:412 Connection reset by peer', false],
  ['EOF', false],
])('a push that failed with %j fails again: %j', (message, isFinal) => {
  expect(isPushFinal(message)).toBe(isFinal);
});

test.each([
  ['unexpected status code [manifests 1]: 503 Service Unavailable', true],
  [
    'registry/base:1: failed to do request: Head "https://r/v2/": net/http: TLS handshake timeout',
    true,
  ],
  ['failed to copy: httpReadSeeker: failed open: unexpected status code 502 Bad Gateway', true],
  ['pulling from host r failed with status code [manifests 1]: 503 Service Unavailable', true],
  ['unexpected status code [manifests 1]: 429 Too Many Requests', true],
  ['toomanyrequests: You have reached your pull rate limit', false],
  ['unexpected status code [manifests 1]: 403 Forbidden', false],
  ['pull access denied, repository does not exist or may require authorization', false],
  ['failed to do request: Head "https://r/v2/": dial tcp: lookup r: no such host', false],
  ['process "/bin/sh -c curl --fail x" did not complete successfully: exit code: 22', false],
  ['process "/bin/sh -c wait-for timeout" did not complete successfully: exit code: 1', false],
  ['"/app": not found', false],
])('a build that failed with %j is tried again: %j', (message, isLater) => {
  expect(isPullLater(message)).toBe(isLater);
});
