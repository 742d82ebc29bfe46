import { expect, test } from 'vitest';
import { layoutStores, pinLayouts, withStores } from '../../../src/docker/buildkit/oci-layouts.ts';
import { makeFolder } from '../../support/files.ts';

const REF = 'org.opencontainers.image.ref.name';
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const entry = (letter: string, tag?: string) => ({
  digest: digest(letter),
  ...(tag !== undefined && { annotations: { [REF]: tag } }),
});
const layout = (...manifests: readonly unknown[]) => {
  const parent = makeFolder({ 'job@2/index.json': JSON.stringify({ manifests }) });
  return `${parent}/job@2`;
};

test.each([
  ['a tag', ':1', [entry('a', '1'), entry('b', 'latest')], 'a'],
  ['latest without a tag', '', [entry('a', '1'), entry('b', 'latest')], 'b'],
  ['the only image without a tag', '', [entry('a', '1')], 'a'],
  ['a digest', `:1@${digest('c')}`, [entry('a', '1')], 'c'],
])('an OCI layout is named with %s', async (_, suffix, manifests, expected) => {
  const folder = layout(...manifests);
  expect(await pinLayouts({ lib: `oci-layout://${folder}${suffix}`, other: '/folder' })).toEqual({
    lib: `oci-layout://${folder}@${digest(expected)}`,
    other: '/folder',
  });
});

test.each([
  [':2', [entry('a', '1')], /no image "2" in the OCI layout/],
  ['', [entry('a', '1'), entry('b', '2')], /no image in the OCI layout/],
  ['/none', [], /no image in the OCI layout \S+\/none, which is the build context "lib"/],
])('a layout without %j is refused', async (suffix, manifests, said) => {
  const source = `oci-layout://${layout(...manifests)}${suffix}`;
  await expect(pinLayouts({ lib: source })).rejects.toThrow(said);
});

test('BuildKit gets layouts by the names of their stores', () => {
  const contexts = {
    'Lib:1': `oci-layout:///layouts/lib@${digest('a')}`,
    image: 'docker-image://alpine:3',
  };
  expect([...layoutStores(contexts)]).toEqual([['oci:layout-0', '/layouts/lib']]);
  expect(withStores(contexts)).toEqual({
    'Lib:1': `oci-layout://layout-0@${digest('a')}`,
    image: 'docker-image://alpine:3',
  });
});
