import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

const JSON_TYPE = 'Content-Type: application/x-amz-json-1.1\r\n';
const HTML_TYPE = 'Content-Type: text/html\r\n';

/** Writes an answer to a socket; `whole` is the JSON that AWS would have answered. */
export type Mode = (socket: Socket, whole: string) => void;

function head(status: string, more: string): string {
  return `HTTP/1.1 ${status}\r\n${JSON_TYPE}${more}\r\n`;
}

function answer(status: string, body: string, headers = JSON_TYPE): string {
  return `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}

/** An answer that is the same whatever was asked. */
const always =
  (text: string): Mode =>
  (socket) =>
    socket.end(text);

const half = (text: string) => text.slice(0, Math.max(text.length / 2, 1));

function exception(name: string, status = '400 Bad Request'): Mode {
  return always(answer(status, JSON.stringify({ __type: name, message: `This is ${name}.` })));
}

/** Whole exceptions of AWS that say that the call is not carried out. */
export const REFUSALS = {
  'refused: AccessDeniedException': exception('AccessDeniedException'),
  'refused: ExpiredTokenException': exception('ExpiredTokenException'),
  'refused: InvalidParameterException': exception('InvalidParameterException'),
  'refused: a new exception': exception('SomethingNewException', '422 Unprocessable Entity'),
} satisfies Record<string, Mode>;

/** AWS wants fewer calls, and has not carried out this one. */
export const THROTTLED = exception('ThrottlingException');

/** Answers that do not end. */
export const STALLS = {
  silent: () => undefined,
  drip: (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => socket.write('X-Wait: 1\r\n'), 50);
    socket.on('close', () => clearInterval(timer));
  },
  'stalled body': (socket, whole) => {
    socket.write(head('200 OK', `Content-Length: ${whole.length + 2}\r\n`) + half(whole));
  },
} satisfies Record<string, Mode>;

/** Answers that are none of AWS, or do not say whether the call is carried out. */
export const LOSSES = {
  reset: (socket) => socket.resetAndDestroy(),
  cut: (socket, whole) =>
    socket.end(head('200 OK', `Content-Length: ${whole.length + 2}\r\n`) + half(whole)),
  'cut-open': (socket, whole) => socket.end(head('200 OK', 'Connection: close\r\n') + half(whole)),
  'cut-chunk': (socket, whole) =>
    socket.end(`${head('200 OK', 'Transfer-Encoding: chunked\r\n')}ffff\r\n${half(whole)}`),
  'no-http': always('SSH-2.0-OpenSSH_9.7\r\n'),
  'bad-version': (socket, whole) =>
    socket.end(answer('200 OK', whole).replace('HTTP/1.1', 'HTTP/9.9')),
  zipped: (socket, whole) => {
    const body = gzipSync(whole);
    socket.write(
      head(
        '200 OK',
        `Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n`,
      ),
    );
    socket.end(body);
  },
  page: always(answer('200 OK', '<html>Log in to the guest network</html>', HTML_TYPE)),
  '499': always(answer('499 Client Closed Request', '')),
  '403 with a page': always(answer('403 Forbidden', '<html>blocked</html>', HTML_TYPE)),
  '407 with a page': always(
    answer('407 Proxy Authentication Required', '<html>log in</html>', HTML_TYPE),
  ),
  '403 with the JSON of a gateway': always(answer('403 Forbidden', '{"code":"403"}')),
  '400 with a name and no body': always(
    answer('400 Bad Request', '', `${JSON_TYPE}x-amzn-errortype: AccessDeniedException\r\n`),
  ),
  redirect: always(answer('307 Temporary Redirect', '', 'Location: http://elsewhere.invalid/\r\n')),
  '500': exception('ServerException', '500 Internal Server Error'),
  '502 with a page': always(answer('502 Bad Gateway', '<html>bad gateway</html>', HTML_TYPE)),
  '503 with a page': always(answer('503 Service Unavailable', '<html>busy</html>', HTML_TYPE)),
  '{}': always(answer('200 OK', '{}')),
  empty: always(answer('200 OK', '')),
  null: always(answer('200 OK', 'null')),
  'a list': always(answer('200 OK', '[]')),
  'a text': always(answer('200 OK', '"service"')),
  'null members': always(
    answer(
      '200 OK',
      '{"service":null,"services":[null],"taskDefinition":null,"taskArns":[null],"serviceDeployments":[null],"serviceDeploymentArn":null}',
    ),
  ),
  'empty members': always(
    answer(
      '200 OK',
      '{"service":{},"services":[{}],"taskDefinition":{},"serviceDeployments":[{}]}',
    ),
  ),
  'error-200': always(answer('200 OK', '{"__type":"ServerException","message":"no"}')),
} satisfies Record<string, Mode>;
