import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeFolder } from '../support/files.ts';
import { CONFIG, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const NO_KEYS = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
const KEYS = 'aws_access_key_id = AKIASANDBOX\naws_secret_access_key = sandbox\n';

/** Runs `render` with these profiles in place of the user's, without keys in the environment. */
async function withProfiles(
  world: World,
  profiles: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string | undefined>> = {},
) {
  const folder = makeFolder({ config: profiles });
  const end = await world.run(['render', '--set-env', 'A=b', ...args], {
    environment: { ...NO_KEYS, AWS_CONFIG_FILE: join(folder, 'config'), ...environment },
  });
  return { ...end, stderr: end.stderr.replaceAll(folder, 'AWS') };
}

test('a profile gives keys, region and endpoint', async () => {
  const world = await makeWorld({ files: { '.ecsdeployrc': CONFIG.replace(/region.*\n/, '') } });
  const nowhere = {
    AWS_ENDPOINT_URL: undefined,
    AWS_REGION: undefined,
    AWS_DEFAULT_REGION: undefined,
  };
  const profiles = `[profile dev]\n${KEYS}region = ap-northeast-2\nendpoint_url = ${world.sandbox.url}\n`;
  const flag = await withProfiles(world, profiles, ['--profile', 'dev'], nowhere);
  expect(flag.status, flag.stderr).toBe(0);
  const variable = await withProfiles(world, profiles, [], { ...nowhere, AWS_PROFILE: 'dev' });
  expect(variable.status, variable.stderr).toBe(0);
  const own = await withProfiles(world, profiles, [], { ...nowhere, ECSDEPLOY_PROFILE: 'dev' });
  expect(own.status, own.stderr).toBe(0);
});

test('a profile that assumes a role', async () => {
  const world = await makeWorld();
  const profiles = `[profile dev]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\n[profile base]\n${KEYS}`;
  const end = await withProfiles(world, profiles, ['--profile', 'dev']);
  expect(end.status, end.stderr).toBe(0);
  expect(world.sandbox.calls[0]?.action).toBe('sts:AssumeRole');
});

test('a web identity, as CI gives one', async () => {
  const world = await makeWorld();
  const folder = makeFolder({ token: 'identity' });
  const end = await withProfiles(world, '', [], {
    AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token'),
    AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/r',
  });
  expect(end.status, end.stderr).toBe(0);
  expect(world.sandbox.calls[0]?.action).toBe('sts:AssumeRoleWithWebIdentity');
});

test('AWS_DEFAULT_REGION and AWS_ENDPOINT_URL_ECS are honoured', async () => {
  const world = await makeWorld({ files: { '.ecsdeployrc': CONFIG.replace(/region.*\n/, '') } });
  const end = await world.run(['render', '--set-env', 'A=b'], {
    environment: {
      AWS_REGION: undefined,
      AWS_DEFAULT_REGION: 'ap-northeast-2',
      AWS_ENDPOINT_URL: undefined,
      AWS_ENDPOINT_URL_ECS: world.sandbox.url,
    },
  });
  expect(end.status, end.stderr).toBe(0);
});

test('an empty profile asks for the standard chain, whatever the config says', async () => {
  const world = await makeWorld({ files: { '.ecsdeployrc': `${CONFIG}profile: laptop\n` } });
  expect((await world.run(['render', '--set-env', 'A=b'])).status).toBe(2);
  const end = await world.run(['render', '--set-env', 'A=b'], {
    environment: { ECSDEPLOY_PROFILE: '' },
  });
  expect(end.status, end.stderr).toBe(0);
});

test('credentials that are about to expire are renewed while the rollout is watched', async () => {
  const world = await makeWorld({
    speed: 20,
    files: {
      // The SDK renews five minutes early: these are good for one second.
      'keys.sh': `echo x >> keys.log
end=$(node -p 'new Date(Date.now() + 301_000).toISOString()')
echo '{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"s","Expiration":"'$end'"}'
`,
    },
  });
  const config = join(world.folder, 'aws-config');
  writeFileSync(
    config,
    '[profile dev]\nregion = ap-northeast-2\ncredential_process = sh keys.sh\n',
  );
  const end = await world.run(['deploy', '--json', '--profile', 'dev'], {
    environment: { ...NO_KEYS, AWS_CONFIG_FILE: config },
  });
  expect(end.status, end.stderr).toBe(0);
  const times = readFileSync(join(world.folder, 'keys.log'), 'utf8').length / 2;
  expect(times).toBeGreaterThan(1);
});

test('a profile with a quoted name', async () => {
  const world = await makeWorld();
  const end = await withProfiles(world, `[profile "dev"]\n${KEYS}`, ['--profile', 'dev']);
  expect(end.status, end.stderr).toBe(0);
});

test('a profile of `aws login` without a login', async () => {
  const world = await makeWorld();
  const profiles = '[profile dev]\nlogin_session = arn:aws:iam::111122223333:user/me\nregion = x\n';
  const end = await withProfiles(world, profiles, ['--profile', 'dev']);
  expect(end.stderr).toContain('→ run: aws login --profile dev\n');
  expect(end.status).toBe(4);
});

test.each(['the vault is locked', 'the session has expired'])(
  'the command line of a credential_process is never shown: %s',
  async (text) => {
    const world = await makeWorld();
    const profiles = `[profile dev]\ncredential_process = sh -c "echo ${text} >&2; exit 1" --client-secret=S3CRET\n`;
    const end = await withProfiles(world, profiles, ['--profile', 'dev', '--json', '-v']);
    expect(end.status).toBe(4);
    expect(end.stderr).toContain(text);
    expect(end.stderr + end.stdout).not.toContain('S3CRET');
  },
);

describe('missing credentials name the profile and the command that renews them', () => {
  test.each<[string, string, number]>([
    ['an unknown name', '[profile development]\nregion = x\n', 2],
    ['a profile without keys', '[profile dev]\nregion = x\n', 4],
    [
      'SSO without a login',
      '[profile dev]\nsso_session = s\nsso_account_id = 111122223333\nsso_role_name = r\n[sso-session s]\nsso_region = x\nsso_start_url = https://x.invalid\n',
      4,
    ],
    [
      'MFA without a terminal',
      `[profile dev]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/me\n[profile base]\n${KEYS}`,
      4,
    ],
    [
      'a process that fails',
      '[profile dev]\ncredential_process = sh -c "echo no vault today >&2; exit 1"\n',
      4,
    ],
    [
      'a circle of profiles',
      '[profile dev]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = a\n[profile a]\nrole_arn = arn:aws:iam::111122223333:role/a\nsource_profile = dev\n',
      4,
    ],
  ])('%s', async (_, profiles, status) => {
    const world = await makeWorld();
    const end = await withProfiles(world, profiles, ['--profile', 'dev']);
    expect(end.stderr).toMatchSnapshot();
    expect(end.status).toBe(status);
  });
});

test('a web identity whose token file is missing', async () => {
  const world = await makeWorld();
  const end = await withProfiles(world, '', [], {
    AWS_WEB_IDENTITY_TOKEN_FILE: '/nowhere/token',
    AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/r',
  });
  expect(end.stderr).toMatchInlineSnapshot(`
    "Error: No AWS credentials: ENOENT: no such file or directory, open '/nowhere/token'
      → name a profile of ~/.aws (--profile NAME, AWS_PROFILE), run \`aws configure\` or \`aws sso login\`, or let the CI job assume a role
    "
  `);
  expect(end.status).toBe(4);
});
