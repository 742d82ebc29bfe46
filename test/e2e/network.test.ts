import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { forwardProxy, HAS_OPENSSL, makeCertificate, tlsFront } from '../support/network.ts';
import type { ForwardProxyOptions } from '../support/network.ts';
import { httpProxy } from '../support/proxies.ts';
import { makeWorld } from '../support/world.ts';

const NAMES = ['*.ap-northeast-2.amazonaws.com', 'api.ecr.ap-northeast-2.amazonaws.com'];

/** A world whose AWS has its real names, behind TLS with a CA of its own and a proxy. */
async function makeOffice(options: ForwardProxyOptions = {}) {
  const world = await makeWorld();
  const certificate = makeCertificate(NAMES);
  const https = await tlsFront(new URL(world.sandbox.url).host, certificate);
  const proxy = await forwardProxy({ https, ...options });
  const environment = {
    AWS_ENDPOINT_URL: undefined,
    HTTPS_PROXY: `http://${proxy.host}`,
    HTTP_PROXY: `http://${proxy.host}`,
  };
  return { world, proxy, environment, ...certificate };
}

const tunnels = (...services: readonly string[]) =>
  services.map((service) => `CONNECT ${service}.ap-northeast-2.amazonaws.com:443`);

const KEYS = 'aws_access_key_id = AKIASANDBOX\naws_secret_access_key = sandbox\n';
const NO_KEYS = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };

/** Ways to trust a CA. */
const TRUST: Readonly<Record<string, (caFile: string) => Record<string, string | undefined>>> = {
  AWS_CA_BUNDLE: (caFile) => ({ AWS_CA_BUNDLE: caFile }),
  'ca_bundle of the default profile': (caFile) => ({
    AWS_CONFIG_FILE: join(makeFolder({ config: `[default]\nca_bundle = ${caFile}\n` }), 'config'),
  }),
  'ca_bundle of a profile that assumes a role': (caFile) => ({
    ...NO_KEYS,
    AWS_PROFILE: 'office',
    AWS_CONFIG_FILE: join(
      makeFolder({
        config: `[profile base]\n${KEYS}[profile office]\nca_bundle = ${caFile}\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\n`,
      }),
      'config',
    ),
  }),
};

describe.skipIf(!HAS_OPENSSL)('with a proxy as the only way out and a CA of its own', () => {
  test.each(Object.entries(TRUST))(
    'every call goes through the proxy, with %s',
    async (_, trust) => {
      const { world, proxy, environment, caFile } = await makeOffice();
      const inside = { environment: { ...environment, ...trust(caFile) } };
      const hostsOf = async (...args: readonly string[]) => {
        const before = proxy.record.length;
        const end = await world.run(args, inside);
        expect(end.status, end.stderr).toBe(0);
        return [...new Set(proxy.record.slice(before))].filter((host) => !host.includes(' sts.'));
      };
      const deploy = await hostsOf('deploy', '--tag', 'v1');
      const { registryHost } = world.sandbox;
      expect(deploy.toSorted()).toEqual([
        ...tunnels('api.ecr', 'ecs', 'logs', 'secretsmanager'),
        `http://${registryHost}`,
      ]);
      const verify = await hostsOf('verify');
      // The labels of the image that runs are in the registry.
      expect(verify.toSorted()).toEqual([
        ...tunnels('api.ecr', 'ecs', 'logs', 'secretsmanager'),
        `http://${registryHost}`,
      ]);
      expect((await hostsOf('logs')).toSorted()).toEqual(tunnels('ecs', 'logs'));
      expect(await hostsOf('status')).toEqual(tunnels('ecs'));
      // Verify asks STS, as does every run whose profile assumes a role.
      expect(proxy.record).toContain(tunnels('sts')[0]);
      // Connections are kept alive.
      expect(proxy.record.length).toBeLessThan(world.sandbox.calls.length / 2);
    },
  );

  test('NODE_EXTRA_CA_CERTS counts, alone and beside AWS_CA_BUNDLE', async () => {
    const { world, environment, caFile } = await makeOffice();
    const other = makeCertificate(['other.example']);
    for (const AWS_CA_BUNDLE of [undefined, other.caFile]) {
      const end = await world.spawn(['status'], {
        environment: { ...environment, AWS_CA_BUNDLE, NODE_EXTRA_CA_CERTS: caFile },
      });
      expect(end.status, end.stderr).toBe(0);
    }
  });

  test('the calls behind credentials go through the proxy', async () => {
    const { world, proxy, environment, caFile } = await makeOffice();
    const startUrl = 'https://example.awsapps.com/start';
    const cache = createHash('sha1').update(startUrl).digest('hex');
    const token = { accessToken: 't', expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
    const folder = makeFolder({
      token: 'identity',
      config: `[profile sso]\nsso_start_url = ${startUrl}\nsso_region = ap-northeast-2\nsso_account_id = 111122223333\nsso_role_name = r\n`,
      [`.aws/sso/cache/${cache}.json`]: JSON.stringify(token),
    });
    const inside = { ...environment, ...NO_KEYS, AWS_CA_BUNDLE: caFile, HOME: folder };
    const webIdentity = await world.run(['status'], {
      environment: {
        ...inside,
        AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/r',
        AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token'),
      },
    });
    expect(webIdentity.status, webIdentity.stderr).toBe(0);
    expect(new Set(proxy.record)).toEqual(new Set(tunnels('ecs', 'sts')));
    proxy.record.length = 0;
    await world.run(['status', '--profile', 'sso'], {
      environment: { ...inside, AWS_CONFIG_FILE: join(folder, 'config') },
    });
    // The sandbox has no SSO.
    expect(new Set(proxy.record)).toEqual(new Set(tunnels('portal.sso')));
  });

  test('credentials of a container do not go through the proxy', async () => {
    const { world, proxy, environment, caFile } = await makeOffice();
    const keys = {
      AccessKeyId: 'AKIASANDBOX',
      SecretAccessKey: 'sandbox',
      Token: 'sandbox',
      Expiration: new Date(Date.now() + 3_600_000).toISOString(),
    };
    const agent = await httpProxy({ host: '127.0.0.1:1' }, (_, response) => {
      response.end(JSON.stringify(keys));
      return true;
    });
    const end = await world.run(['status'], {
      environment: {
        ...environment,
        ...NO_KEYS,
        AWS_CA_BUNDLE: caFile,
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${agent}/keys`,
      },
    });
    expect(end.status, end.stderr).toBe(0);
    expect(new Set(proxy.record)).toEqual(new Set(tunnels('ecs')));
  });

  test('without the CA, the error names the setting', async () => {
    const { world, environment } = await makeOffice();
    const other = makeCertificate(['other.example']);
    for (const AWS_CA_BUNDLE of [undefined, other.caFile]) {
      const inside = { environment: { ...environment, AWS_CA_BUNDLE } };
      const end = await world.run(['status'], inside);
      expect(end.status).toBe(4);
      expect(end.stderr).toContain(
        'Cannot reach AWS for ecs:DescribeServices: self-signed certificate in certificate chain',
      );
      expect(end.stderr).toContain('AWS_CA_BUNDLE=FILE');
      const { error } = readResult(await world.run(['deploy', '--tag', 'v1', '--json'], inside));
      expect(error).toMatchObject({ code: 'aws-unreachable' });
    }
    expect(world.writes()).toEqual([]);
  });

  test('without the CA, credentials from STS fail with the same hint', async () => {
    const { world, environment, caFile } = await makeOffice();
    const trust = TRUST['ca_bundle of a profile that assumes a role']?.(caFile);
    const other = makeCertificate(['other.example']);
    const end = await world.run(['status'], {
      environment: { ...environment, ...trust, AWS_CA_BUNDLE: other.caFile },
    });
    expect([end.status, end.stderr]).toEqual([4, expect.stringContaining('AWS_CA_BUNDLE=FILE')]);
  });

  test('a login of the proxy is sent to the proxy only', async () => {
    const login = 'user:p@ss%word';
    const { world, proxy, environment, caFile } = await makeOffice({ login });
    const url = `http://user:p%40ss%word@${proxy.host}`;
    const end = await world.run(['deploy', '--tag', 'v1', '--verbose'], {
      environment: { ...environment, AWS_CA_BUNDLE: caFile, HTTPS_PROXY: url, HTTP_PROXY: url },
    });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).not.toContain('word');
    expect(proxy.record.at(-1)).toBeDefined();
  });

  test('a proxy that speaks TLS', async () => {
    const certificate = makeCertificate([...NAMES, '127.0.0.1']);
    const world = await makeWorld();
    const https = await tlsFront(new URL(world.sandbox.url).host, certificate);
    const proxy = await forwardProxy({ https, certificate });
    const environment = { AWS_CA_BUNDLE: certificate.caFile, HTTPS_PROXY: `https://${proxy.host}` };
    const tunnel = await world.run(['status'], {
      environment: { ...environment, AWS_ENDPOINT_URL: undefined },
    });
    expect(tunnel.status, tunnel.stderr).toBe(0);
    const absolute = await world.run(['status'], {
      environment: { ...environment, http_proxy: `https://${proxy.host}` },
    });
    expect(absolute.status, absolute.stderr).toBe(0);
    expect(new Set(proxy.record)).toEqual(new Set([...tunnels('ecs'), world.sandbox.url]));
  });

  test('a proxy that refuses is named without its password', async () => {
    const cases: readonly (readonly [ForwardProxyOptions, string])[] = [
      [{ login: 'user:right' }, 'answered 407 Proxy Authentication Required'],
      [{ refuse: '403 Forbidden' }, 'answered 403 Forbidden'],
      [{ refuse: '502 Bad Gateway' }, 'answered 502 Bad Gateway'],
      [{ reset: true }, 'failed: socket hang up'],
      [{ silent: true }, 'did not answer within 2.4 s'],
    ];
    for (const [options, reason] of cases) {
      const { world, proxy, environment, caFile } = await makeOffice(options);
      const end = await world.run(['status'], {
        environment: {
          ...environment,
          AWS_CA_BUNDLE: caFile,
          HTTPS_PROXY: `http://user:S3CRET@${proxy.host}`,
        },
      });
      expect(end.status).toBe(4);
      expect(end.stderr).toContain(
        `Cannot reach AWS for ecs:DescribeServices: the proxy ${proxy.host} (HTTPS_PROXY) ${reason}`,
      );
      expect(end.stderr).toContain('check HTTPS_PROXY');
      expect(end.stderr).not.toContain('S3CRET');
    }
  });

  test('a proxy whose port is closed is named', async () => {
    const { world, environment } = await makeOffice();
    const end = await world.run(['status'], {
      environment: { ...environment, https_proxy: 'user:S3CRET@127.0.0.1:1' },
    });
    expect(end.status).toBe(4);
    expect(end.stderr).toContain(
      'the proxy 127.0.0.1:1 (https_proxy) failed: connect ECONNREFUSED 127.0.0.1:1',
    );
    expect(end.stderr).not.toContain('S3CRET');
  });
});

test('requests over HTTP go to HTTP_PROXY in absolute form', async () => {
  const world = await makeWorld();
  const proxy = await forwardProxy();
  const nowhere = { HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' };
  const end = await world.run(['deploy', '--tag', 'v1'], {
    environment: { ...nowhere, http_proxy: proxy.host },
  });
  expect(end.status, end.stderr).toBe(0);
  const { url, registryHost } = world.sandbox;
  expect(new Set(proxy.record)).toEqual(new Set([url, `http://${registryHost}`]));

  const refused = await world.run(['status'], {
    environment: { ...nowhere, HTTP_PROXY: 'http://user:S3CRET@127.0.0.1:1' },
  });
  expect(refused.status).toBe(4);
  expect(refused.stderr).toContain(
    'the proxy 127.0.0.1:1 (HTTP_PROXY) failed: connect ECONNREFUSED',
  );
  expect(refused.stderr).not.toContain('S3CRET');

  const closed = await forwardProxy({ login: 'user:right' });
  const locked = await world.run(['status'], {
    environment: { HTTP_PROXY: `http://user:S3CRET@${closed.host}` },
  });
  expect(locked.status).toBe(4);
  expect(locked.stderr).toContain('answered 407 Proxy Authentication Required');

  const direct = await world.run(['status'], {
    environment: { ...nowhere, NO_PROXY: 'example.com, 127.0.0.0/8' },
  });
  expect(direct.status, direct.stderr).toBe(0);
});

test('settings of the network that cannot be used are refused before any call', async () => {
  const world = await makeWorld();
  const folder = makeFolder({ 'empty.pem': '', 'broken.pem': '-----BEGIN CERTIFICATE-----\nx' });
  const cases: readonly (readonly [Record<string, string>, string])[] = [
    [{ HTTPS_PROXY: 'socks5://user:S3CRET@h:1' }, 'HTTPS_PROXY is not the URL of an HTTP proxy.'],
    [{ http_proxy: 'http://user:S3CRET@h:port' }, 'http_proxy is not the URL of an HTTP proxy.'],
    [{ AWS_CA_BUNDLE: '/no/such.pem' }, 'Cannot use the CA certificates of /no/such.pem: ENOENT'],
    [{ AWS_CA_BUNDLE: join(folder, 'empty.pem') }, 'Cannot use the CA certificates of '],
    [{ AWS_CA_BUNDLE: join(folder, 'broken.pem') }, 'Cannot use the CA certificates'],
  ];
  for (const [environment, message] of cases) {
    const end = await world.run(['status'], { environment });
    expect([end.status, end.stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(end.stderr).not.toContain('S3CRET');
  }
  expect(world.sandbox.calls).toEqual([]);
});
