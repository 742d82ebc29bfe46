import { suggest } from '../core/nearest.ts';
import type { Source } from './lookup.ts';

/** The place of a service in the order of a run. */
export interface Order {
  /** Unique in a run. */
  readonly id: string;
  /** Ids of the services of the run that come before it. */
  readonly after: readonly string[];
  /** Names of services that it comes after, and that are not part of the run. */
  readonly outside: readonly string[];
  /** What it can be called in the config file and after --service. */
  readonly names: readonly string[];
}

/** The service that an entry of `services` names. */
export const serviceOf = ({ values }: Source): string =>
  String((values.service as readonly string[])[0]);

/**
 * The entries that each entry of `services` comes after, by their names. Every mistake becomes a
 * problem with its line.
 */
export function readOrder(
  entries: readonly Source[],
  problems: string[],
): ReadonlyMap<Source, readonly Source[]> {
  const order = new Map<Source, readonly Source[]>();
  for (const entry of entries) {
    const named = (entry.values.after ?? []) as readonly string[];
    const before = named.flatMap((name) => {
      const found = entries.filter((item) => namesOf(item).includes(name));
      const others = found.filter((item) => item !== entry);
      if (found.length === 0) {
        const known = entries.map(serviceOf);
        problems.push(
          `${entry.place}"after": "${name}" is not in "services" (${suggest(name, known, 'services')})`,
        );
      } else if (others.length === 0) {
        problems.push(`${entry.place}"after": "${name}" cannot come after itself`);
      }
      return others;
    });
    order.set(entry, [...new Set(before)]);
  }
  for (const cycle of cyclesOf(order)) {
    const steps = cycle.map(
      (entry, index) =>
        `${serviceOf(entry)} comes after ${serviceOf(cycle[index + 1] ?? cycle[0] ?? entry)}`,
    );
    problems.push(`${cycle[0]?.place}"after" has a cycle: ${steps.join(', ')}`);
  }
  return order;
}

/** What an entry can be called: `SERVICE`, with its own cluster, region and profile in front of it. */
export function namesOf(entry: Source): readonly string[] {
  const { profile, region, cluster } = entry.values as Record<string, string | undefined>;
  return [profile, region, cluster]
    .filter((part) => part !== undefined)
    .reduceRight(
      (names, part) => [...names, ...names.map((name) => `${part}/${name}`)],
      [serviceOf(entry)],
    );
}

/** Every way around, once. */
function cyclesOf(order: ReadonlyMap<Source, readonly Source[]>): readonly (readonly Source[])[] {
  const cycles: (readonly Source[])[] = [];
  const done = new Set<Source>();
  const visit = (entry: Source, path: readonly Source[]): void => {
    const at = path.indexOf(entry);
    if (at >= 0) cycles.push(path.slice(at));
    if (at >= 0 || done.has(entry)) return;
    for (const before of order.get(entry) ?? []) visit(before, [...path, entry]);
    done.add(entry);
  };
  for (const entry of order.keys()) visit(entry, []);
  return cycles;
}
