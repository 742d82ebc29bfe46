import { Duplex } from 'node:stream';
import { callEngine } from './api.ts';
import type { Daemon } from './daemon.ts';

/** Bytes before a part of a multiplexed stream: which stream it is of, three zeros, its length. */
const PREFIX = 8;
const STDERR = 2;

/** A connection over stdin and stdout of a program in a container; rejects if that does not run. */
export async function openExec(
  { docker }: Daemon,
  container: string,
  command: readonly string[],
): Promise<Duplex> {
  const { Id } = await callEngine<{ Id: string }>(docker, {
    method: 'POST',
    path: `/containers/${container}/exec`,
    options: { AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: command },
    statusCodes: { 201: true, 404: 'no such container', 409: 'not running', 500: 'server error' },
  }).catch((error: unknown) => {
    const { statusCode } = error as { statusCode?: number };
    if (statusCode === 404) throw new Error(`there is no container ${container}`);
    if (statusCode === 409) throw new Error(`the container ${container} is not running`);
    throw error;
  });
  const stream = await callEngine<Duplex>(docker, {
    method: 'POST',
    path: `/exec/${Id}/start`,
    hijack: true,
    openStdin: true,
    options: { Detach: false, Tty: false },
    headers: { Connection: 'Upgrade', Upgrade: 'tcp' },
    statusCodes: { 101: true, 200: true },
  });
  return demultiplex(stream);
}

/** The stdout of a multiplexed stream; what a program writes to stderr ends it with an error. */
function demultiplex(stream: Duplex): Duplex {
  let rest: Buffer = Buffer.alloc(0);
  let errors = '';
  const socket = new Duplex({
    read: () => void stream.resume(),
    write: (chunk, _, done) => void stream.write(chunk, () => done()),
    final: (done) => void stream.end(() => done()),
    destroy: (error, done) => {
      stream.destroy();
      done(error);
    },
  });
  stream.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= PREFIX && rest.length >= PREFIX + rest.readUInt32BE(4)) {
      const end = PREFIX + rest.readUInt32BE(4);
      const bytes = rest.subarray(PREFIX, end);
      if (rest[0] === STDERR) errors += bytes.toString('utf8');
      else if (!socket.push(bytes)) stream.pause();
      rest = rest.subarray(end);
    }
  });
  stream.once('error', (error) => socket.destroy(error));
  stream.once('end', () => {
    if (errors === '') socket.push(null);
    else socket.destroy(new Error(errors.trim().split('\n').slice(-3).join('; ')));
  });
  return socket;
}
