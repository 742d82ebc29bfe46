import { spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { Duplex } from 'node:stream';
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
  return connect(['-o', 'ConnectTimeout=30', '-T', ...options, '--', host, ...command]);
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

function connect(args: readonly string[]): Duplex {
  const child = spawn('ssh', args, { stdio: 'pipe' });
  const { stdin, stdout, stderr } = child;
  const socket = new Duplex({
    read: () => void stdout.resume(),
    write: (chunk, _, done) => void stdin.write(chunk, () => done()),
    final: (done) => void stdin.end(() => done()),
    destroy: (error, done) => {
      child.kill();
      done(error);
    },
  });
  stdout.on('data', (chunk) => {
    if (!socket.push(chunk)) stdout.pause();
  });
  // ssh itself reports the reason when it exits.
  stdin.on('error', () => undefined);
  let errors = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.once('error', (error) => socket.destroy(error));
  child.once('close', (status) => {
    const reason = errors.trim().split('\n').slice(-3).join('; ');
    if (status === 0 || reason === '') socket.push(null);
    else socket.destroy(new Error(reason));
  });
  return socket;
}
