import { StringDecoder } from 'node:string_decoder';

/** One JSON line of a daemon's answer, with the members that are read here. */
export interface DaemonLine {
  readonly id?: string;
  readonly status?: string;
  readonly stream?: string;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly aux?: unknown;
}

/**
 * The JSON lines of a daemon's answer, one by one.
 *
 * dockerode's own reader breaks characters at chunk borders and throws on a line that is not JSON
 * (docs/explanation/how-docker-behaves.md#the-answer-of-a-build). Here such a line, e.g. of a
 * proxy's error page, becomes an `error` line.
 */
export async function* daemonLines(stream: NodeJS.ReadableStream): AsyncGenerator<DaemonLine> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.write(chunk);
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield parseLine(line);
  }
  if (rest.trim() !== '') yield parseLine(rest);
}

function parseLine(line: string): DaemonLine {
  try {
    return JSON.parse(line) as DaemonLine;
  } catch {
    return { error: `the daemon's answer is not JSON: ${line.slice(0, 200)}` };
  }
}
