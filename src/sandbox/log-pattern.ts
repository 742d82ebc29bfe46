// Filter patterns of CloudWatch Logs: terms of a text, or conditions on the members of JSON.

import { awsFault } from './wire.ts';

/** Whether a message matches. */
export type Matcher = (message: string) => boolean;

/** What refuses a text that is no filter pattern. */
const invalid = (message: string): Error => awsFault('InvalidParameterException', message);

/** Reads a filter pattern; throws InvalidParameterException. */
export function readPattern(pattern: string): Matcher {
  const text = pattern.trim();
  if (text.startsWith('[')) {
    throw invalid('The sandbox does not model patterns for space-delimited events.');
  }
  return text.startsWith('{') ? readJsonPattern(text) : readTerms(text);
}

const TERM = /([?-]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)*)%|([^\s"%]+))\s*/y;

/** Terms that must all occur, those after `-` that must not, or those after `?`, of which one must. */
function readTerms(text: string): Matcher {
  const all: Matcher[] = [];
  const none: Matcher[] = [];
  const any: Matcher[] = [];
  TERM.lastIndex = 0;
  while (TERM.lastIndex < text.length) {
    const found = TERM.exec(text);
    if (found === null) throw invalid('Invalid filter pattern: a quote is not closed.');
    const [, sign = '', quoted, expression, bare] = found;
    if (bare !== undefined && !/^\w+$/.test(bare)) {
      throw invalid(`Invalid character(s) in term '${bare}'`);
    }
    const matcher =
      expression === undefined
        ? contains(quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '')
        : matches(expression);
    ({ '': all, '-': none, '?': any })[sign]?.push(matcher);
  }
  // Beside other terms, those with a question mark are ignored.
  const isChoice = all.length === 0 && none.length === 0 && any.length > 0;
  return (message) => {
    const isTrue = (matcher: Matcher) => matcher(message);
    return isChoice ? any.some(isTrue) : all.every(isTrue) && !none.some(isTrue);
  };
}

const contains =
  (term: string): Matcher =>
  (message) =>
    message.includes(term);

function matches(expression: string): Matcher {
  try {
    const pattern = new RegExp(expression);
    return (message) => pattern.test(message);
  } catch {
    throw invalid(`Invalid regular expression '${expression}'`);
  }
}

/** A condition on a JSON document. */
type Condition = (document: unknown) => boolean;

const TOKEN =
  /\s*(?:(&&|\|\||[(){}])|(\$(?:\.[\w-]+|\[(?:\d+|\*)\])*)|(!=|>=|<=|=|>|<)|"((?:[^"\\]|\\.)*)"|([^\s(){}"=<>!&|]+))/y;

interface Token {
  readonly kind: 'sign' | 'path' | 'operator' | 'string' | 'word' | 'end';
  readonly text: string;
}

function readJsonPattern(text: string): Matcher {
  const tokens = tokensOf(text);
  let position = 0;
  const next = (): Token => tokens[position] ?? { kind: 'end', text: '' };
  const take = (): Token => {
    const token = next();
    position += 1;
    return token;
  };
  const expect = (sign: string) => {
    const { text: found } = take();
    if (found !== sign) throw invalid(`Invalid filter pattern: '${sign}' expected.`);
  };
  const either = (): Condition => {
    const parts = [both()];
    while (next().text === '||') {
      take();
      parts.push(both());
    }
    return (document) => parts.some((part) => part(document));
  };
  const both = (): Condition => {
    const parts = [one()];
    while (next().text === '&&') {
      take();
      parts.push(one());
    }
    return (document) => parts.every((part) => part(document));
  };
  const one = (): Condition => {
    const { kind, text: path } = take();
    if (path === '(') {
      const inner = either();
      expect(')');
      return inner;
    }
    if (kind !== 'path') throw invalid('Invalid filter pattern: a selector expected.');
    const operator = take();
    if (/^(?:IS|NOT)$/i.test(operator.text)) return state(path, operator.text, take().text);
    if (operator.kind !== 'operator') {
      throw invalid(`Invalid filter pattern: an operator expected after '${path}'.`);
    }
    return comparison(path, operator.text, take());
  };
  expect('{');
  const condition = either();
  expect('}');
  return (message) => {
    const document = parse(message);
    return document !== undefined && condition(document);
  };
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (/\S/.test(text.slice(TOKEN.lastIndex))) {
    const found = TOKEN.exec(text);
    if (found === null) throw invalid('Invalid filter pattern: unexpected character.');
    const [, sign, path, operator, string, word] = found;
    if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
    else if (path !== undefined) tokens.push({ kind: 'path', text: path });
    else if (operator !== undefined) tokens.push({ kind: 'operator', text: operator });
    else if (string !== undefined) tokens.push({ kind: 'string', text: string });
    else tokens.push({ kind: 'word', text: word ?? '' });
  }
  return tokens;
}

function parse(message: string): unknown {
  try {
    return JSON.parse(message) as unknown;
  } catch {
    return undefined;
  }
}

/** The values that a selector such as `$.items[*].name` leads to. */
function valuesAt(path: string, document: unknown): unknown[] {
  const steps = [...path.matchAll(/\.([\w-]+)|\[(\d+|\*)\]/g)];
  return steps.reduce<unknown[]>(
    (values, [, member, index]) =>
      values.flatMap((value) => {
        if (typeof value !== 'object' || value === null) return [];
        if (index === '*') return Array.isArray(value) ? value : [];
        const key = member ?? index ?? '';
        return Object.hasOwn(value, key) ? [(value as Record<string, unknown>)[key]] : [];
      }),
    [document],
  );
}

/** `IS NULL`, `IS TRUE`, `IS FALSE`, `NOT EXISTS`. */
function state(path: string, verb: string, noun: string): Condition {
  const word = `${verb} ${noun}`.toUpperCase();
  if (word === 'NOT EXISTS') return (document) => valuesAt(path, document).length === 0;
  const value = { 'IS NULL': null, 'IS TRUE': true, 'IS FALSE': false }[word];
  if (value === undefined) throw invalid(`Invalid filter pattern: '${verb} ${noun}'.`);
  return (document) => valuesAt(path, document).includes(value);
}

function comparison(path: string, operator: string, { kind, text }: Token): Condition {
  if (kind !== 'string' && kind !== 'word') {
    throw invalid(`Invalid filter pattern: a value expected after '${operator}'.`);
  }
  const number = Number(text);
  const isNumber = kind === 'word' && !Number.isNaN(number);
  // An asterisk is a wildcard.
  const parts = text.split('*').map((part) => part.replaceAll(/[^\w\s]/g, '\\$&'));
  const wanted = new RegExp(`^${parts.join('[^]*')}$`);
  const isEqual = (value: unknown) =>
    isNumber ? value === number : isScalar(value) && wanted.test(String(value));
  const test = {
    '=': isEqual,
    '!=': (value: unknown) => !isEqual(value),
    '<': (value: unknown) => typeof value === 'number' && value < number,
    '<=': (value: unknown) => typeof value === 'number' && value <= number,
    '>': (value: unknown) => typeof value === 'number' && value > number,
    '>=': (value: unknown) => typeof value === 'number' && value >= number,
  }[operator];
  return (document) => valuesAt(path, document).some((value) => test?.(value) === true);
}

const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null;
