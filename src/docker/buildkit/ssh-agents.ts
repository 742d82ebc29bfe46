import { connect } from 'node:net';
import { rpcError } from './grpc.ts';
import type { Call, Methods } from './grpc.ts';
import { fieldBytes, fieldText, message } from './protobuf.ts';

/** The field of `BytesMessage` that holds the payload. */
const DATA = 1;

/**
 * Connects steps with `--mount=type=ssh` to ssh agents, given their sockets by id (BuildKit's
 * `moby.sshforward.v1`). The keys stay in the agent.
 */
export function forwardAgents(sockets: ReadonlyMap<string, string>): Methods {
  const find = (id: string) => {
    const socket = sockets.get(id === '' ? 'default' : id);
    if (socket !== undefined) return socket;
    throw rpcError('notFound', `no ssh agent is forwarded as ${id}`);
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
  const request = async () => {
    for await (const packet of messages) socket.write(fieldBytes(packet, DATA));
    socket.end();
  };
  const answer = async () => {
    for await (const chunk of socket) await send(message([DATA, chunk as Buffer]));
  };
  try {
    const answered = answer();
    await Promise.race([request().then(() => answered), answered]);
  } finally {
    socket.destroy();
  }
}
