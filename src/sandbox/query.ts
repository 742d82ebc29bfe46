// The AWS Query protocol: a form in, XML out.

/** The namespaces of the services that speak it, by IAM prefix. */
const NAMESPACES: Readonly<Record<string, string>> = {
  sts: 'https://sts.amazonaws.com/doc/2011-06-15/',
  elasticloadbalancing: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
};

/** The input of a form: `Name.member.1` is an item of a list, `Name.member.1.Id` a member of one. */
export function readForm(form: URLSearchParams): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const [key, value] of form) {
    const [, name, number, member] = /^(\w+)\.member\.(\d+)(?:\.(\w+))?$/.exec(key) ?? [];
    if (name === undefined) {
      input[key] = value;
      continue;
    }
    const list = (input[name] ??= []) as unknown[];
    const index = Number(number) - 1;
    list[index] = member === undefined ? value : { ...(list[index] as object), [member]: value };
  }
  return input;
}

/** The whole answer to an action, of output as JSON. */
export function writeAnswer(service: string, action: string, output: unknown, id: string): string {
  return (
    `<${action}Response xmlns="${NAMESPACES[service] ?? ''}">` +
    `<${action}Result>${xmlOf(output)}</${action}Result>` +
    `<ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata></${action}Response>`
  );
}

/** The answer of an error; EC2 and S3 have their own forms of it. */
export function writeError(service: string, error: Error, status: number, id: string): string {
  const Type = status < 500 ? 'Sender' : 'Receiver';
  // These services name the same denial without "Exception" (docs/explanation/how-ecs-behaves.md#denied-calls).
  const Code = error.name.replace(/^AccessDeniedException$/, 'AccessDenied');
  const Message = error.message;
  if (service === 's3') return xmlOf({ Error: { Code, Message, RequestId: id } });
  if (service === 'ec2') {
    return xmlOf({ Response: { Errors: { Error: { Code, Message } }, RequestID: id } });
  }
  return (
    `<ErrorResponse xmlns="${NAMESPACES[service] ?? ''}">` +
    `<Error>${xmlOf({ Type, Code, Message })}</Error>` +
    `<RequestId>${id}</RequestId></ErrorResponse>`
  );
}

function xmlOf(value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => `<member>${xmlOf(item)}</member>`).join('');
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => `<${name}>${xmlOf(member)}</${name}>`)
      .join('');
  }
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
