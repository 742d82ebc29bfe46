import { stringify } from 'yaml';
import { parseCommandLine } from '../../src/cli.ts';
import { permissionTable } from '../../src/core/iam.ts';
import { causeTable, errorTable, STATUS_MEANINGS } from '../../src/report/explanations.ts';
import { OUTPUTS } from '../../src/report/job-files.ts';
import { FILE_KEYS } from '../../src/settings/config-file.ts';
import { inputOf } from '../../src/settings/inputs.ts';
import { SETTING_KEYS, settingOf, variableOf } from '../../src/settings/lookup.ts';
import type { SettingKey } from '../../src/settings/lookup.ts';
import { sandboxTables } from './sandbox-page.ts';

const HEAD = `# All keys of .ecsdeployrc (YAML or JSON). Copy the keys that you need to .ecsdeployrc in the root of
# the repository. Flags and ECSDEPLOY_* variables override the file.
`;

/** The content of .ecsdeployrc.example, from the table of settings. */
export function exampleConfig(): string {
  const rows = (keys: readonly string[], indent = '') =>
    keys.map((key) => exampleRow(key as SettingKey, indent)).join('\n');
  const top = FILE_KEYS.file.filter(isSetting);
  return [
    HEAD,
    rows(top),
    '\n# The image build.\nbuild:',
    rows(FILE_KEYS.build, '  '),
    `
# Several services from one image, instead of "service". Each can have its own
# ${FILE_KEYS.service.filter(isSetting).join(', ')}:
# services:
#   - { service: api, container: app }
#   - { service: worker, container: app, setEnv: { ROLE: worker } }

# Several images; each service names its own with "image: NAME". Each image can have its own
# ${FILE_KEYS.image.join(', ')}:
# images:
#   api: { repository: shop/api, context: services/api, paths: [services/api] }
#   web: { repository: shop/web, context: services/web, paths: [services/web] }

# Differences between environments, selected with --env NAME. All keys above are allowed here:
# environments:
#   prod: { cluster: prod, profile: prod }
`,
  ].join('\n');
}

/** Whether a key of the config file is a setting, not a group of them or the name of an image. */
const isSetting = (key: string) =>
  !['build', 'images', 'image', 'services', 'environments'].includes(key);

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
      keys.filter(isSetting).map((key) => {
        const { reader, meaning } = settingOf(key as SettingKey);
        return [key, { description: meaning, ...reader.schema }];
      }),
    );
  const object = (members: Record<string, unknown>) => ({
    type: 'object',
    additionalProperties: false,
    properties: members,
  });
  const image = { description: 'name of one of "images"', type: 'string' };
  const section = (keys: readonly string[]) => ({
    ...properties(keys),
    image,
    build: object(properties(FILE_KEYS.build)),
    images: {
      type: 'object',
      minProperties: 1,
      additionalProperties: object(properties(FILE_KEYS.image)),
    },
    services: {
      type: 'array',
      minItems: 1,
      items: { ...object({ ...properties(FILE_KEYS.service), image }), required: ['service'] },
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

/** A page of docs/reference. */
export type ReferencePage =
  | 'commands'
  | 'settings'
  | 'errors'
  | 'causes'
  | 'iam'
  | 'exit-statuses'
  | 'sandbox';

const page = (title: string, ...parts: readonly string[]) =>
  `${[`# ${title}`, ...parts].join('\n\n')}\n`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** The pages of docs/reference that follow from the code. */
export const REFERENCE: Readonly<Record<ReferencePage, () => Promise<string>>> = {
  commands: async () => {
    const overview = await helpOf();
    const names = [...overview.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = '']) => name);
    const sections = await Promise.all(
      names.map(async (name) => {
        const help = await helpOf(name);
        const own = help.replace(/Global Options:\n[^]*?\n\n+/, '');
        return `## ${name}\n\n${code(own)}`;
      }),
    );
    return page(
      'Commands',
      'What `ecsdeploy COMMAND --help` prints. Every command also takes the options of the overview.',
      `## Overview\n\n${code(overview)}`,
      ...sections,
    );
  },
  settings: async () =>
    page(
      'Settings',
      `A value comes from the flag, the variable, the section of \`environments\` that \`--env\` selects, the config file, or
the default, in this order. Maps (\`build.args\`, \`setEnv\`) are merged by key; otherwise the strongest source replaces
the others. Commas separate names and pairs in a variable: \`ECSDEPLOY_SET_ENV=LEVEL=debug,ROLE=worker\`.`,
      `[.ecsdeployrc.example](../../.ecsdeployrc.example) has an example of each key;
[ecsdeployrc.schema.json](../../ecsdeployrc.schema.json) is the JSON Schema for editors.`,
      table(
        ['flag', 'variable', 'config key', 'meaning', 'commands'],
        SETTING_KEYS.map((key) => {
          const { flags, file, meaning, commands } = settingOf(key);
          const variable = variableOf(key);
          return [
            flags === undefined ? '' : mono(flags),
            variable === undefined ? '' : mono(variable),
            file === undefined ? '' : mono(file === 'build' ? `build.${key}` : key),
            meaning.replaceAll('|', '\\|'),
            commands === undefined ? 'all' : commands.map(mono).join(', '),
          ];
        }),
      ),
    ),
  errors: async () =>
    page(
      'Errors',
      `Every error says what happened, why (if that is known), and after \`→\` what to do. With \`--json\` its code is
\`error.code\`. \`ecsdeploy help errors\` prints this list. [Exit statuses](exit-statuses.md) explains the statuses.`,
      errorTable(),
      `An unexpected failure (status 1) prints its message and the versions of ecsdeploy, Node and the operating system for a
bug report; \`--verbose\` adds the stack trace. Secret values of variables, tokens, and logins in URLs are removed.`,
    ),
  causes: async () =>
    page(
      'Causes of a failed rollout',
      `\`deploy\`, \`rollout\`, \`rollback\` and \`diagnose\` name the cause of failing tasks with one of these codes. With
\`--json\` it is \`services[].causes[].code\`.`,
      causeTable(),
    ),
  iam: async () =>
    page(
      'IAM permissions',
      `\`ecsdeploy help iam COMMAND\` prints the policy of a command (default: \`deploy\`) for the cluster, services, repository
and region in the config file. The output is JSON that AWS accepts. The command calls nothing:`,
      `\`\`\`sh
ecsdeploy help iam > policy.json
aws iam create-policy --policy-name deploy --policy-document file://policy.json
\`\`\``,
      `Statements whose \`Sid\` starts with \`Needed\` are required. Without the statements that start with \`Optional\` the
command continues, with a warning that names the permission and what is unknown without it. \`deploy --image\` needs no
write permissions for ECR.`,
      permissionTable(),
      `If a call is denied, the message has the action, the resource and the statement to add, on one line. If a policy denies
the call explicitly (a service control policy, a permissions boundary), the message says so, and who can change the
policy. All checks run before the first write, but IAM reports a denied write only when it is called. If
\`ecs:UpdateService\` is denied, the revision is already registered, and the message has the command that continues with
it.`,
    ),
  'exit-statuses': async () =>
    page(
      'Exit statuses',
      table(['status', 'meaning'], Object.entries(STATUS_MEANINGS)),
      `With 2 to 5 and 10 this command did not change the service; with 6 to 9 it did. If several services end differently, the
status is the first of 6, 7, 9, 8 that occurs. [Errors](errors.md) lists the codes of each status.`,
    ),
  sandbox: async () =>
    page(
      'Operations of the sandbox',
      `What \`ecsdeploy sandbox\` does with each operation and each member of its input. A member is *modelled* if it has an
effect, *kept* if it is only stored and returned, and *ignored* otherwise; the sandbox names ignored members once, in
a warning. Any other operation is refused as its service refuses an unknown one, also with a warning. [The
sandbox](../sandbox.md) says how the modelled ones behave. The sandbox knows no other service.`,
      ...sandboxTables(),
    ),
};

const mono = (text: string) => `\`${text}\``;

const code = (text: string) => `\`\`\`text\n${text.trim()}\n\`\`\``;

/** The help of a command, or of all, at 100 columns. */
async function helpOf(...command: readonly string[]): Promise<string> {
  let text = '';
  await parseCommandLine([...command, '--help'], '', {
    write: (part) => void (text += part),
    columns: 100,
    errorCodes: async () => '',
    docs: '',
  });
  return text;
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
