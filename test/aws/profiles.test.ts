import { join } from 'node:path';
import { loadSharedConfigFiles } from '@smithy/core/config';
import { expect, test } from 'vitest';
import { connect } from '../../src/aws/client.ts';
import type { EcsDeployError } from '../../src/errors.ts';
import { makeFolder } from '../support/files.ts';

/** Names that a file of the corpus could define. */
const NAMES =
  'default|dev|old|older|fake|profile|profile dev|profile.dev|"dev"|a.b|a@b/c+d:e_f%g|s|vpc|sso-session|sso-session.s|services.vpc|s3'.split(
    '|',
  );

/** Config files with the profiles in them. */
const CONFIGS: readonly (readonly [string, readonly string[]])[] = [
  ['', []],
  ['[default]\nregion = a\n', ['default']],
  ['[profile default]\nregion = a\n', ['default']],
  ['[default]\nregion = a\n[profile default]\nregion = b\n', ['default']],
  ['[profile dev]\nregion = a\n', ['dev']],
  ['[profile "dev"]\nregion = a\n', ['dev']],
  ["[profile 'dev']\nregion = a\n", ['dev']],
  ['[profile\tdev]\nregion\t=\ta\n', ['dev']],
  ['[profile dev] # mine\nregion = a # b\n', ['dev']],
  ['[profile dev] ; mine\nregion = a ; b\n', ['dev']],
  ['# [profile old]\n; [profile older]\n[profile dev]\nregion = a\n', ['dev']],
  ['[profile dev]\r\nregion = a\r\n[default]\r\nregion = b\r\n', ['default', 'dev']],
  ['\uFEFF[profile dev]\nregion = a\n', ['dev']],
  ['\n\n[profile dev]\n\nregion = a\n\n[profile dev]\noutput = json\n', ['dev']],
  ['[profile dev]\ns3 =\n  max_concurrent_requests = 1\n  addressing_style = path\n', ['dev']],
  ['[profile dev]\nrole_arn = a\n  [profile fake]\n', ['dev']],
  ['[profile a.b]\nregion = a\n[profile a@b/c+d:e_f%g]\nregion = a\n', ['a.b', 'a@b/c+d:e_f%g']],
  ['[sso-session s]\nsso_region = a\n[profile dev]\nsso_session = s\n', ['dev']],
  ['[services vpc]\necs =\n  endpoint_url = http://h\n[profile dev]\nservices = vpc\n', ['dev']],
  ['[dev]\nregion = a\n', []],
  ['region = a\n[profile dev]\nregion = b', ['dev']],
  ['[profile dev', []],
];

const CREDENTIALS: readonly (readonly [string, readonly string[]])[] = [
  ['[default]\naws_access_key_id = A\n[dev]\naws_access_key_id = B\n', ['default', 'dev']],
  ['\uFEFF[dev]\r\naws_access_key_id = A\r\n', ['dev']],
  ['[a.b]\naws_access_key_id = A\n# [old]\n', ['a.b']],
];

/** The names that a run can choose, and those of the SDK's loader. */
async function namesIn(files: { readonly config?: string; readonly credentials?: string }) {
  const folder = makeFolder({ config: '', credentials: '', ...files });
  const [configFilepath, filepath] = [join(folder, 'config'), join(folder, 'credentials')];
  const isKnown = (profile: string) =>
    connect({
      profile,
      region: 'eu-west-1',
      environment: { AWS_CONFIG_FILE: configFilepath, AWS_SHARED_CREDENTIALS_FILE: filepath },
      ask: undefined,
      onCall: () => {},
      signal: new AbortController().signal,
    }).then(
      () => true,
      (error: unknown) => {
        expect((error as EcsDeployError).code).toBe('profile-unknown');
        return false;
      },
    );
  const known = await Promise.all(NAMES.map(isKnown));
  const { configFile, credentialsFile } = await loadSharedConfigFiles({ configFilepath, filepath });
  return {
    ours: NAMES.filter((_, index) => known[index]),
    loaders: Object.keys({ ...configFile, ...credentialsFile }).filter(
      (name) => !/^(sso-session|services)\./.test(name),
    ),
  };
}

test.each(CONFIGS)('profiles of the config file %j', async (config, names) => {
  const { ours, loaders } = await namesIn({ config });
  expect(ours.toSorted()).toEqual([...names].toSorted());
  expect(ours.toSorted()).toEqual(loaders.toSorted());
});

test.each(CREDENTIALS)('profiles of the credentials file %j', async (credentials, names) => {
  const { ours, loaders } = await namesIn({ credentials });
  expect(ours.toSorted()).toEqual([...names].toSorted());
  expect(ours.toSorted()).toEqual(loaders.toSorted());
});
