import { SERVED } from '../../src/sandbox/members.ts';
import { SERVICE_MODELS } from './service-models.ts';

const mono = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(' ');

/** The table of a service: its operations, and what the sandbox does with their members. */
export function sandboxTables(): string[] {
  return Object.entries(SERVICE_MODELS).map(([prefix, { title, operations }]) => {
    const served = SERVED[prefix] ?? {};
    const rows = [...operations]
      .filter(([name]) => Object.hasOwn(served, name))
      .map(([name, members]) => {
        const { modelled = [], kept = [] } = served[name] ?? {};
        const ignored = members.filter((key) => !modelled.includes(key) && !kept.includes(key));
        return `| \`${name}\` | ${mono(modelled)} | ${mono(kept)} | ${mono(ignored)} |`;
      });
    const others = [...operations.keys()].filter((name) => !Object.hasOwn(served, name));
    return [
      `## ${title}`,
      `${rows.length} of ${operations.size} operations.`,
      ['| operation | modelled | kept | ignored |', '| --- | --- | --- | --- |', ...rows].join(
        '\n',
      ),
      `Refused: ${others.length === 0 ? 'none' : mono(others)}.`,
    ].join('\n\n');
  });
}
