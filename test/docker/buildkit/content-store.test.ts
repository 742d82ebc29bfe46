import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  serveStores,
  taggedDigest,
  tagManifest,
} from '../../../src/docker/buildkit/content-store.ts';
import { fieldBytes, fields, message, text } from '../../../src/docker/buildkit/protobuf.ts';
import { makeFolder } from '../../support/files.ts';

/** Calls a method of the stores as BuildKit does; returns its answers. */
async function call(folder: string, method: string, ...requests: readonly Uint8Array[]) {
  const answers: Uint8Array[] = [];
  await serveStores(new Map([['local:kept', folder]]))[
    `/containerd.services.content.v1.Content/${method}`
  ]?.({
    header: () => ['local:kept'],
    messages: (async function* () {
      for (const request of requests) yield Buffer.from(request);
    })(),
    send: async (...sent) => void answers.push(...sent),
  });
  return answers;
}

const digestOf = (data: string) => `sha256:${createHash('sha256').update(data).digest('hex')}`;
const start = (digest: string) => message([2, 'ref'], [4, digest]);
const write = (data: string, offset = 0) => message([1, 1], [5, offset], [6, Buffer.from(data)]);
const commit = (digest: string, total: number) => message([1, 2], [3, total], [4, digest]);

test('a blob is stored in parts, and read from any place', async () => {
  const folder = makeFolder();
  const digest = digestOf('one two');
  const parts = [start(digest), write('one '), write('two', 4), commit(digest, 7)];
  const answers = await call(folder, 'Write', ...parts);
  expect(answers).toHaveLength(4);
  expect(new Map(fields(answers[3] ?? new Uint8Array())).get(4)).toBe(7);
  expect(readFileSync(join(folder, 'blobs', 'sha256', digest.slice(7)), 'utf8')).toBe('one two');
  const [info = new Uint8Array()] = await call(folder, 'Info', message([1, digest]));
  expect(new Map(fields(fieldBytes(info, 1))).get(2)).toBe(7);
  const [all] = await call(folder, 'Read', message([1, digest]));
  const [part] = await call(folder, 'Read', message([1, digest], [2, 4], [3, 2]));
  expect([all, part].map((answer) => text(fieldBytes(answer ?? new Uint8Array(), 2)))).toEqual([
    'one two',
    'tw',
  ]);
  await expect(call(folder, 'Write', start(digest))).rejects.toMatchObject({ grpcStatus: 6 });
});

test('nothing is left of a blob that is broken off or has another digest', async () => {
  const folder = makeFolder();
  const digest = digestOf('one two');
  await call(folder, 'Write', start(digest), write('one '));
  await expect(call(folder, 'Write', write('one'), commit(digest, 3))).rejects.toThrow('came as');
  await expect(call(folder, 'Write', write('two', 4))).rejects.toThrow('does not begin');
  expect(readdirSync(join(folder, 'blobs', 'sha256'))).toEqual([]);
  expect(readdirSync(folder)).toEqual(['blobs']);
});

test.each(['sha256:../../../etc/passwd', '/etc/passwd', digestOf('unknown')])(
  '%s is not found',
  async (digest) => {
    for (const method of ['Info', 'Read']) {
      const reading = call(makeFolder(), method, message([1, digest]));
      await expect(reading).rejects.toMatchObject({ grpcStatus: 5 });
    }
  },
);

test('index.json has the manifest of each tag', async () => {
  const folder = makeFolder();
  expect(await taggedDigest(folder, 'latest')).toBeUndefined();
  await tagManifest(folder, 'latest', '{"digest":"sha256:1","size":1}');
  await tagManifest(folder, 'branch', '{"digest":"sha256:2"}');
  await tagManifest(folder, 'latest', '{"digest":"sha256:3"}');
  expect(await taggedDigest(folder, 'latest')).toBe('sha256:3');
  expect(await taggedDigest(folder, 'branch')).toBe('sha256:2');
  expect(existsSync(join(folder, 'oci-layout'))).toBe(true);
});
