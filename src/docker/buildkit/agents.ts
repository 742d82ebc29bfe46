import { connect } from 'node:net';
import { fieldBytes, fieldText, message } from './protobuf.ts';
import { RpcError } from './session.ts';
import type { Call, Methods } from './session.ts';

/** Bytes of one message of what an agent says. */
const DATA = 1;

/**
 * Lets steps with `--mount=type=ssh` talk to ssh agents; `sockets` holds where each id's agent
 * listens (BuildKit's `moby.sshforward.v1`). The keys stay in the agent.
 */
export function forwardAgents(sockets: ReadonlyMap<string, string>): Methods {
  const find = (id: string) => {
    const socket = sockets.get(id === '' ? 'default' : id);
    if (socket !== undefined) return socket;
    throw new RpcError('notFound', `no ssh agent is forwarded as ${id}`);
  };
  return {
    '/moby.sshforward.v1.SSH/CheckAgent': async ({ messages, send }) => {
      for await (const request of messages) {
        find(fieldText(request, 1));
        await send(message());
      }
    },
    '/moby.sshforward.v1.SSH/ForwardAgent': (call) =>
      forward(call, find(call.header('buildkit.ssh.id')[0] ?? '')),
  };
}

async function forward({ messages, send }: Call, path: string): Promise<void> {
  const socket = connect(path);
  const asking = async () => {
    for await (const packet of messages) socket.write(fieldBytes(packet, DATA));
    socket.end();
  };
  const answering = async () => {
    for await (const chunk of socket) await send(message([DATA, chunk as Buffer]));
  };
  try {
    const answered = answering();
    await Promise.race([asking().then(() => answered), answered]);
  } finally {
    socket.destroy();
  }
}
