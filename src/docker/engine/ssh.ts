import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import { openChild } from './child-socket.ts';
import { remoteAddress } from './endpoint.ts';

/**
 * A connection to the daemon at `ssh://[user@]host[:port][/socket]` through the user's `ssh`, as the
 * docker CLI does it, so that host keys, agents and `~/.ssh/config` apply.
 */
export function openSsh(address: string): Duplex {
  const { path } = remoteAddress(address);
  const socket = path === '' || path === '/' ? [] : ['--host', `unix://${path}`];
  const { options, host } = sshTarget(address);
  const command = ['docker', ...socket, 'system', 'dial-stdio'];
  return openChild('ssh', ['-o', 'ConnectTimeout=30', '-T', ...options, '--', host, ...command]);
}

/** An HTTP agent whose connections are made by {@link openSsh}. */
export function sshAgent(address: string): Agent {
  const agent = new Agent();
  agent.createConnection = () => openSsh(address);
  return agent;
}

/** The arguments of `ssh` for an address: options and host. */
export function sshTarget(address: string): { readonly options: string[]; readonly host: string } {
  const { user, host, port } = remoteAddress(address);
  return {
    options: [...(user === '' ? [] : ['-l', user]), ...(port === '' ? [] : ['-p', port])],
    host,
  };
}
