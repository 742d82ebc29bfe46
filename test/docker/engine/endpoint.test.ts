import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { dockerAddresses, socketPath, tcpAddress } from '../../../src/docker/engine/endpoint.ts';
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

test('an address is a socket or a host with a port', () => {
  const at = (host: string, tls?: never) => ({ host, source: '', tls });
  expect(socketPath(at('unix:///run/docker.sock'))).toBe('/run/docker.sock');
  expect(socketPath(at('npipe:////./pipe/docker_engine'))).toBe('//./pipe/docker_engine');
  expect(socketPath(at('tcp://host'))).toBeUndefined();
  expect(tcpAddress(at('tcp://host'))).toEqual({ host: 'host', port: 2375 });
  expect(tcpAddress(at('http://host:8080'))).toEqual({ host: 'host', port: 8080 });
});
