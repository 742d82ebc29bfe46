import type { Change } from './task-definition.ts';

/** Changes as lines people read, grouped by container; one line says so when there are none. */
export function formatChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return 'no changes';
  const groups = new Set(changes.map(({ container }) => container));
  return [...groups]
    .flatMap((group) => [
      group === undefined ? 'task definition' : `container ${group}`,
      ...changes.filter(({ container }) => container === group).flatMap(formatChange),
    ])
    .join('\n');
}

function formatChange({ path, before, after }: Change): string[] {
  return [
    ...(before === undefined ? [] : [`  - ${path}: ${before}`]),
    ...(after === undefined ? [] : [`  + ${path}: ${after}`]),
  ];
}
