import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished, vi } from 'vitest';
import { connect } from '../../src/aws/client.ts';
import type { Aws } from '../../src/aws/client.ts';

/** Connects to an endpoint in eu-west-1 with static credentials, until the test ends. */
export function connectTo(
  url: string,
  more: Partial<Parameters<typeof connect>[0]> = {},
): Promise<Aws> {
  vi.stubEnv('AWS_ENDPOINT_URL', url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  onTestFinished(() => void vi.unstubAllEnvs());
  return connect({
    profile: '',
    region: 'eu-west-1',
    environment: process.env,
    ask: undefined,
    onCall: () => {},
    signal: new AbortController().signal,
    ...more,
  });
}

/** Connects to an HTTP server that answers every call, until the test ends. */
export async function serveAws(answer: RequestListener): Promise<Aws> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return connectTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}
