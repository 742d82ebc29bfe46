import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';

/** A connection over stdin and stdout of a process, whose last lines on stderr say why it broke. */
export function openChild(command: string, args: readonly string[]): Duplex {
  const child = spawn(command, args, { stdio: 'pipe' });
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
  // The process itself reports the reason when it exits.
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
