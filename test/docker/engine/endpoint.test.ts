import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  dockerAddresses,
  remoteAddress,
  socketPath,
  tcpAddress,
} from '../../../src/docker/engine/endpoint.ts';
import { makeFolder } from '../../support/files.ts';

const META = `contexts/meta/${createHash('sha256').update('remote').digest('hex')}/meta.json`;

/** A configuration of Docker with the context `remote`. */
function makeConfig(current?: string): string {
  return makeFolder({
    'config.json': JSON.stringify({ currentContext: current }),
    [META]: JSON.stringify({ Endpoints: { docker: { Host: 'ssh://me@remote' } } }),
  });
}

const DEFAULT = { DOCKER_HOST: 'tcp://variable:1', DOCKER_CONTEXT: 'remote' };

test.each([
  [{ ...DEFAULT }, { host: 'tcp://flag:1' }, 'tcp://flag:1', '--docker-host'],
  [{ ...DEFAULT }, { context: 'remote' }, 'ssh://me@remote', 'context remote'],
  [{ ...DEFAULT }, {}, 'tcp://variable:1', 'DOCKER_HOST'],
  [{ DOCKER_HOST: '', DOCKER_CONTEXT: 'remote' }, {}, 'ssh://me@remote', 'context remote'],
])('%j with %j is %s of %s', (environment, named, host, source) => {
  const addresses = dockerAddresses({ ...environment, DOCKER_CONFIG: makeConfig() }, named);
  expect(addresses).toEqual([{ host, source, tls: undefined }]);
});

test('the current context counts, and one that does not exist is an error', () => {
  const [address] = dockerAddresses({ DOCKER_CONFIG: makeConfig('remote') }, {});
  expect(address.source).toBe('context remote');
  expect(() => dockerAddresses({ DOCKER_CONFIG: makeConfig('gone') }, {})).toThrow(
    'There is no Docker context "gone".',
  );
});

test.runIf(process.platform === 'linux')('sockets of distributions follow the default one', () => {
  const runtime = makeFolder({ 'docker.sock': '', 'podman/podman.sock': '' });
  const found = dockerAddresses({ DOCKER_CONFIG: makeConfig(), XDG_RUNTIME_DIR: runtime }, {});
  expect(found[0].source).toBe('default');
  expect(found.slice(1).map(({ source }) => source)).toEqual(
    expect.arrayContaining(['rootless Docker', 'Podman']),
  );
});

test('TLS files that are missing are an error', () => {
  const environment = { DOCKER_HOST: 'tcp://h', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/none' };
  expect(() => dockerAddresses(environment, {})).toThrow('Cannot read the TLS files');
});

test.each<[files: readonly string[], skip: boolean, parts: object | undefined]>([
  [[], false, undefined],
  [[], true, { isOpen: true }],
  [['ca'], false, { ca: 'ca' }],
  [['cert', 'key'], false, { cert: 'cert', key: 'key' }],
  [['ca', 'cert', 'key'], true, { ca: 'ca', cert: 'cert', key: 'key', isOpen: true }],
])('a context with the TLS files %j, and SkipTLSVerify %j', (files, skip, parts) => {
  const meta = { Endpoints: { docker: { Host: 'tcp://h:2376', SkipTLSVerify: skip } } };
  const id = createHash('sha256').update('tls').digest('hex');
  const folder = makeFolder({
    [`contexts/meta/${id}/meta.json`]: JSON.stringify(meta),
    ...Object.fromEntries(files.map((name) => [`contexts/tls/${id}/docker/${name}.pem`, name])),
  });
  const [{ tls }] = dockerAddresses({ DOCKER_CONFIG: folder }, { context: 'tls' });
  const shown = tls && Object.entries(tls).filter(([, value]) => value !== undefined);
  expect(
    shown &&
      Object.fromEntries(
        shown.map(([name, value]) => [name, Buffer.isBuffer(value) ? String(value) : value]),
      ),
  ).toEqual(parts);
});

test('an address is a socket or a host with a port', () => {
  const at = (host: string, tls?: never) => ({ host, source: '', tls });
  expect(socketPath(at('unix:///run/docker.sock'))).toBe('/run/docker.sock');
  expect(socketPath(at('npipe:////./pipe/docker_engine'))).toBe('//./pipe/docker_engine');
  expect(socketPath(at('tcp://host'))).toBeUndefined();
  expect(tcpAddress(at('tcp://host'))).toEqual({ host: 'host', port: 2375 });
  expect(tcpAddress(at('http://host:8080'))).toEqual({ host: 'host', port: 8080 });
});

test.each([
  ['ssh://h', { user: '', host: 'h', port: '', path: '' }],
  ['ssh://me@h:22/run/d.sock', { user: 'me', host: 'h', port: '22', path: '/run/d.sock' }],
  ['ssh://a%40b@h', { user: 'a@b', host: 'h', port: '', path: '' }],
  ['ssh://[::1%25eth0]/', { user: '', host: '::1%eth0', port: '', path: '/' }],
  ['tcp://[fe80::1%25en0]:2375', { user: '', host: 'fe80::1%en0', port: '2375', path: '' }],
  ['tcp://[::1]', { user: '', host: '::1', port: '', path: '' }],
])('the parts of %s', (address, parts) => {
  expect(remoteAddress(address)).toEqual(parts);
});

test.each(['ssh://', 'ssh://[::1', 'ssh://a b', 'tcp://h:x', 'tcp://h:65536', 'ssh://-oX=y'])(
  '%s is no address',
  (address) => {
    expect(() => remoteAddress(address)).toThrow('is invalid');
  },
);

test('a zone of an IPv6 address is for ssh only', () => {
  const address = { host: 'tcp://[fe80::1%25en0]:2375', source: '', tls: undefined };
  expect(() => tcpAddress(address)).toThrow('is invalid');
});

test.each([
  ['tcp://u:pw@h:1', 'tcp://h:1'],
  ['tcp://u:p@w/x@h:1', 'tcp://h:1'],
  ['https://token@h', 'https://h'],
  ['ssh://u:pw@h', 'ssh://u@h'],
  ['ssh://u@h:22/run/a@b.sock', 'ssh://u@h:22/run/a@b.sock'],
  ['ssh://h:22/run/a@b.sock', 'ssh://h:22/run/a@b.sock'],
  ['unix:///run/a@b.sock', 'unix:///run/a@b.sock'],
])('%s has no password: %s', (address, clean) => {
  expect(dockerAddresses({}, { host: address })[0].host).toBe(clean);
  expect(dockerAddresses({ DOCKER_HOST: address }, {})[0].host).toBe(clean);
});
