import { stringify } from 'yaml';
import { OUTPUTS } from '../../src/report/job-files.ts';
import { FILE_KEYS } from '../../src/settings/config-file.ts';
import { inputOf } from '../../src/settings/inputs.ts';
import { SETTING_KEYS, settingOf } from '../../src/settings/lookup.ts';
import type { SettingKey } from '../../src/settings/lookup.ts';

const HEAD = `# All keys of .ecsdeployrc (YAML or JSON). Copy the keys that you need to .ecsdeployrc in the root of
# the repository. Flags and ECSDEPLOY_* variables override the file.
`;

/** The content of .ecsdeployrc.example, from the table of settings. */
export function exampleConfig(): string {
  const rows = (keys: readonly string[], indent = '') =>
    keys.map((key) => exampleRow(key as SettingKey, indent)).join('\n');
  const top = FILE_KEYS.file.filter((key) => !['build', 'services', 'environments'].includes(key));
  return [
    HEAD,
    rows(top),
    '\n# The image build.\nbuild:',
    rows(FILE_KEYS.build, '  '),
    `
# Several services from one image, instead of "service". Each can have its own
# ${FILE_KEYS.service.join(', ')}:
# services:
#   - { service: api, container: app }
#   - { service: worker, container: app, setEnv: { ROLE: worker } }

# Differences between environments, selected with --env NAME. All keys above are allowed here:
# environments:
#   prod: { cluster: prod, profile: prod }
`,
  ].join('\n');
}

/** Keys that most projects set; the others are commented out. */
const USUAL = new Set([
  'region',
  'repository',
  'service',
  'cluster',
  'container',
  'context',
  'dockerfile',
]);

function exampleRow(key: SettingKey, indent: string): string {
  const { meaning, example } = settingOf(key);
  if (example === undefined) throw new Error(`the setting "${key}" has no example`);
  const off = USUAL.has(key) ? '' : '# ';
  return (
    `${indent}${off}${key}: ${example}`.padEnd(44) + ` # ${meaning.replace(' (repeatable)', '')}`
  );
}

/** JSON Schema of the config file, from the table of settings. */
export function configSchema(): string {
  const properties = (keys: readonly string[]) =>
    Object.fromEntries(
      keys
        .filter((key) => !['build', 'services', 'environments'].includes(key))
        .map((key) => {
          const { reader, meaning } = settingOf(key as SettingKey);
          return [key, { description: meaning, ...reader.schema }];
        }),
    );
  const object = (members: Record<string, unknown>) => ({
    type: 'object',
    additionalProperties: false,
    properties: members,
  });
  const section = (keys: readonly string[]) => ({
    ...properties(keys),
    build: object(properties(FILE_KEYS.build)),
    services: {
      type: 'array',
      minItems: 1,
      items: { ...object(properties(FILE_KEYS.service)), required: ['service'] },
    },
  });
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'ecsdeploy configuration (.ecsdeployrc)',
    ...object({
      ...section(FILE_KEYS.file),
      environments: {
        type: 'object',
        additionalProperties: object(section(FILE_KEYS.environment)),
      },
    }),
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** The content of action.yml, from the table of settings. */
export function actionManifest(): string {
  const inputs = SETTING_KEYS.flatMap((key) => {
    const name = inputOf(key);
    const { meaning, reader } = settingOf(key);
    if (name === undefined) return [];
    const lines = reader.many === true ? '; one per line' : '';
    return [[name, { description: `${meaning.replace(' (repeatable)', '')}${lines}` }] as const];
  });
  const manifest = {
    name: 'ecsdeploy',
    description: 'Deploy a container to Amazon ECS in one step, and know why when it fails.',
    branding: { icon: 'upload-cloud', color: 'orange' },
    inputs: {
      command: {
        description: 'command with its argument, e.g. deploy, verify or "rollout app:41"',
        default: 'deploy',
      },
      ...Object.fromEntries(inputs),
    },
    outputs: Object.fromEntries(
      Object.entries(OUTPUTS).map(([name, description]) => [name, { description }]),
    ),
    runs: { using: 'node24', main: 'dist/action.js' },
  };
  const head =
    '# Inputs and outputs derive from src/settings/table.ts; npx vitest run -u writes them.\n';
  return head + stringify(manifest, { lineWidth: 0 });
}
