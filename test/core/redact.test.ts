import { expect, test } from 'vitest';
import { redact } from '../../src/core/redact.ts';

test.each([
  ['authorization: Basic QVdTOnBhc3N3b3Jk', 'authorization: [redacted]'],
  ['key AKIAIOSFODNN7EXAMPLE is wrong', 'key [access key] is wrong'],
  ['GET https://me:hunter2@registry.example/v2/', 'GET https://[redacted]@registry.example/v2/'],
  ['{"password": "hunter2", "user": "me"}', '{"password": "[redacted]", "user": "me"}'],
  ['?api_key=0123&page=2', '?api_key=[redacted]&page=2'],
  ['npm_0123456789abcdefghij', '[token]'],
  ['ghp_0123456789abcdefghij', '[token]'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', '[token]'],
])('%s', (text, clean) => {
  expect(redact(text, {})).toBe(clean);
});

test('values of secret variables are replaced by the names, longest first', () => {
  const environment = {
    DATADOG_API_KEY: 'abcdef',
    SESSION: 'abcdef-and-more',
    HOME: '/home/me',
    TOKEN_COUNT: '12',
  };
  expect(redact('abcdef-and-more, abcdef, /home/me and 12', environment)).toBe(
    '[SESSION], [DATADOG_API_KEY], /home/me and 12',
  );
});
