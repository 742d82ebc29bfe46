import { expect, test } from 'vitest';
import {
  asWritten,
  resolveData,
  resolveText,
  splitImage,
  unknown,
} from '../../src/init/expressions.ts';

const VALUES: Readonly<Record<string, unknown>> = {
  'env.A': 'x',
  'inputs.count': 3,
  'matrix.service': { name: 'api' },
  'matrix.service.name': 'api',
};

function resolve(text: string): { readonly text: string; readonly assumed: readonly string[] } {
  const assumed: string[] = [];
  const value = resolveText(
    text,
    (path) => VALUES[path.join('.')],
    (expression, taken) => assumed.push(`${expression} = ${asWritten(taken)}`),
  );
  return { text: asWritten(value), assumed };
}

test.each<[text: string, value: string, assumed?: string]>([
  ['plain', 'plain'],
  ['${{ env.A }}-${{env.A}}', 'x-x'],
  ['${{ inputs.count }}', '3'],
  ['${{ matrix.service.name }}', 'api'],
  ["${{ format('{0}/{1}', env.A, 'r') }}", 'x/r'],
  ["${{ env['A'] }}", 'x'],
  ['${{ secrets.NAME }}', '${{ secrets.NAME }}'],
  ["${{ format('{0}/r', steps.ecr.outputs.registry) }}", '${{ steps.ecr.outputs.registry }}/r'],
  ["${{ vars.A || 'd' }}", 'd', "vars.A || 'd' = d"],
  [
    "${{ github.ref == 'x' && 'prod' || 'dev' }}",
    'dev',
    "github.ref == 'x' && 'prod' || 'dev' = dev",
  ],
  ["${{ env.A == 'x' && 'prod' || 'dev' }}", 'prod'],
  ["${{ hashFiles('**/lock') }}", '${{ hashFiles() }}'],
  ["${{ 'a }} b' }}", 'a }} b'],
  ['${{ not valid ( }}', '${{ not valid ( }}'],
  ['${{ }}', '${{  }}'],
])('%s is %s', (text, value, assumed) => {
  expect(resolve(text)).toEqual({ text: value, assumed: assumed === undefined ? [] : [assumed] });
});

test('data is read where all of it is known', () => {
  const read = (text: string) => resolveData(text, (path) => VALUES[path.join('.')]);
  expect(read(`\${{ fromJSON('["a", { "b": 1 }]') }}`)).toEqual(['a', { b: 1 }]);
  expect(read('${{ matrix.service }}')).toEqual({ name: 'api' });
  expect(read('${{ fromJSON(needs.x.outputs.y) }}')).toBeUndefined();
  expect(read('a')).toBeUndefined();
});

const REGISTRY = unknown('steps.ecr.outputs.registry');

test.each([
  ['app', undefined, 'app', undefined],
  ['team/app:1', undefined, 'team/app', '1'],
  ['host:5000/team/app@sha256:00', 'host:5000', 'team/app', undefined],
  [`${REGISTRY}/app:${unknown('github.sha')}`, undefined, 'app', unknown('github.sha')],
  [`${unknown('secrets.ID')}.dkr.ecr.eu-west-1.amazonaws.com/a/b:c`, undefined, 'a/b', 'c'],
  [`${REGISTRY}/app:${unknown('${GITHUB_SHA::7}')}`, undefined, 'app', unknown('${GITHUB_SHA::7}')],
  [unknown('secrets.REPOSITORY'), undefined, unknown('secrets.REPOSITORY'), undefined],
])('%s is split', (image, registry, repository, tag) => {
  expect(splitImage(image)).toEqual({ registry, repository, tag });
});
