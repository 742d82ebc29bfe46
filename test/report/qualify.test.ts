import { expect, test } from 'vitest';
import type { ServiceName } from '../../src/core/service-name.ts';
import { qualifyEvents } from '../../src/report/qualify.ts';
import { NOTHING_YET, reduce } from '../../src/report/run-state.ts';
import { wordEvent } from '../../src/report/words.ts';
import { progress } from '../support/run-events.ts';

const api = (more: Partial<ServiceName> = {}): ServiceName => ({
  cluster: 'backend',
  service: 'api',
  ...more,
});

test.each<[string, readonly ServiceName[], readonly string[]]>([
  ['other names', [api(), api({ service: 'web' })], ['api', 'web']],
  ['clusters', [api(), api({ cluster: 'canary' })], ['backend/api', 'canary/api']],
  ['regions', [api(), api({ region: 'us-east-1' })], ['api', 'us-east-1/api']],
  [
    'both',
    [api({ region: 'r' }), api({ region: 's' }), api({ region: 's', cluster: 'canary' })],
    ['r/backend/api', 's/backend/api', 's/canary/api'],
  ],
  ['profiles', [api({ profile: 'a' }), api({ profile: 'b' })], ['a/backend/api', 'b/backend/api']],
])('names are qualified by what tells them apart: %s', (_, names, expected) => {
  const qualify = qualifyEvents(names);
  const cause = { code: 'unknown', summary: 's', hint: '', evidence: [], tasks: 1 } as const;
  const lines = names.map((name) => wordEvent(qualify({ kind: 'cause', ...name, cause })).lines[0]);
  expect(lines.map((line) => line?.text)).toEqual(expected.map((name) => `${name}: s [unknown]`));
});

test('services of one name have rows of their own, and their commands their own flags', () => {
  const names = [api(), api({ cluster: 'canary' })];
  const qualify = qualifyEvents(names);
  const at = new Date(0);
  const services = names.map((name) => ({ ...name, revision: 'app:2' }));
  const events = [
    { kind: 'watch-started', services, secondsLeft: 60 } as const,
    ...names.map((name, index) => ({ ...progress({ running: index }), ...name })),
  ];
  const state = events
    .map((event) => ({ ...qualify(event), at }))
    .reduce((before, event) => reduce(before, event), NOTHING_YET);
  expect(state.services.map((item) => [item.service, item.progress?.counts.running])).toEqual([
    ['backend/api', 0],
    ['canary/api', 1],
  ]);
  const { lines } = wordEvent(qualify({ kind: 'left-deployed', services }));
  expect(lines.map(({ text }) => text)).toEqual([
    'backend/api stays on app:2',
    'to roll it back: ecsdeploy rollback --cluster backend --service api',
    'canary/api stays on app:2',
    'to roll it back: ecsdeploy rollback --cluster canary --service api',
  ]);
});
