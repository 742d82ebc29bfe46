import { Readable } from 'node:stream';

interface Wire {
  body?: unknown;
}
type AnyCommand = { middlewareStack: { add: (middleware: never, options: never) => void } };
type Handler = (args: { request: Wire }) => Promise<{ response: Wire }>;

function addMiddleware(
  command: AnyCommand,
  step: string,
  priority: string,
  wrap: (next: Handler) => Handler,
): void {
  command.middlewareStack.add(wrap as never, { step, priority } as never);
}

/** Keeps the text of the command's answer, for members that the SDK's schema lacks. */
export function captureBody(command: AnyCommand): () => string {
  let text = '';
  addMiddleware(command, 'deserialize', 'low', (next) => async (args) => {
    const result = await next(args);
    const parts: Buffer[] = [];
    for await (const part of result.response.body as AsyncIterable<Buffer>) parts.push(part);
    text = Buffer.concat(parts).toString('utf8');
    result.response.body = Readable.from([Buffer.from(text)]);
    return result;
  });
  return () => text;
}

/** Sends this text instead of what the SDK's schema made of the input. */
export function replaceBody(command: AnyCommand, body: string): void {
  addMiddleware(command, 'build', 'high', (next) => (args) => {
    args.request.body = body;
    return next(args);
  });
}
