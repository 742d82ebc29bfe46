import { data, Evaluator, Lexer, Parser } from '@actions/expressions';
import type { Expr } from '@actions/expressions';

/** The expression classes, which the package does not export by name. */
type Visitor = Parameters<Expr['accept']>[0];

const CONTEXTS = [
  'env',
  'github',
  'inputs',
  'job',
  'jobs',
  'matrix',
  'needs',
  'runner',
  'secrets',
  'steps',
  'strategy',
  'vars',
];

const FUNCTIONS = ['always', 'cancelled', 'failure', 'hashFiles', 'success'].map((name) => ({
  name,
  minArgs: 0,
  maxArgs: 255,
}));

/** Characters of the private use area: they stand around what is not known before the workflow runs. */
const [OPEN, CLOSE] = ['\uE000', '\uE001'];
const UNKNOWN = new RegExp(`${OPEN}([^${CLOSE}]*)${CLOSE}`, 'g');

/** Stands for a value that only a run of the workflow has, e.g. `secrets.CLUSTER`. */
export function unknown(reference: string): string {
  return `${OPEN}${reference}${CLOSE}`;
}

/** What a text has that is not known, in its order. */
export function unknownsIn(text: string): readonly string[] {
  return [...text.matchAll(UNKNOWN)].map(([, reference = '']) => reference);
}

/** A text as the workflow writes it: `${{ secrets.CLUSTER }}`; shell variables and commands as they are. */
export function asWritten(text: string): string {
  return text.replaceAll(UNKNOWN, (_, reference: string) =>
    reference.startsWith('$') ? reference : `\${{ ${reference} }}`,
  );
}

/** The parts of an image reference, which can hold what is not known. */
export interface NamedImage {
  /** Undefined for the registry of the account, and where it is not known. */
  readonly registry: string | undefined;
  readonly repository: string;
  readonly tag: string | undefined;
}

/** Splits an image reference; what is not known can have slashes and colons of its own. */
export function splitImage(image: string): NamedImage {
  const marks: string[] = [];
  const masked = image.replaceAll(UNKNOWN, (mark) => `${OPEN}${marks.push(mark) - 1}${CLOSE}`);
  const unmask = (text: string) =>
    text.replaceAll(UNKNOWN, (_, index: string) => marks[Number(index)] ?? '');
  const [named = ''] = masked.split('@');
  const [, host, path = ''] = /^([^/]*[.:\uE000][^/]*)\/(.+)$/.exec(named) ?? [
    undefined,
    undefined,
    named,
  ];
  const [, repository = path, tag] = /^(.*?)(?::([^/:]*))?$/.exec(path) ?? [];
  const isKnown = host !== undefined && !host.includes(OPEN);
  return {
    registry: isKnown ? host : undefined,
    repository: unmask(repository),
    tag: tag === undefined ? undefined : unmask(tag),
  };
}

/** The value of a context by its path, e.g. `['env', 'REGION']`; undefined where it is not known. */
export type Lookup = (path: readonly string[]) => unknown;

/** Told of a value that holds only under a condition: the expression, and what was taken. */
export type OnAssumed = (expression: string, value: string) => void;

/** A text with its `${{ … }}` replaced; what is not known is marked by {@link unknown}. */
export function resolveText(text: string, lookup: Lookup, onAssumed: OnAssumed): string {
  return text.replaceAll(
    /\$\{\{((?:'[^']*'|[^'])*?)\}\}/g,
    (_, expression: string) =>
      evaluate(expression.trim(), lookup, onAssumed)?.coerceString() ?? unknown(expression.trim()),
  );
}

/** The value of a text that is one `${{ … }}`, e.g. a matrix of `fromJSON`; undefined where it is not known. */
export function resolveData(text: string, lookup: Lookup): unknown {
  const [, expression] = /^\s*\$\{\{([^]*)\}\}\s*$/.exec(text) ?? [];
  const value = expression && evaluate(expression.trim(), lookup, () => undefined);
  if (!value) return undefined;
  const json = JSON.stringify(value, data.replacer);
  return unknownsIn(json).length > 0 ? undefined : (JSON.parse(json) as unknown);
}

function evaluate(
  expression: string,
  lookup: Lookup,
  onAssumed: OnAssumed,
): data.ExpressionData | undefined {
  try {
    const { tokens } = new Lexer(expression).lex();
    const tree = new Parser(tokens, CONTEXTS, FUNCTIONS).parse();
    const paths = pathsIn(tree);
    const missing = paths.filter((path) => lookup(path) === undefined);
    const given = valueOf(tree, paths, (path) => lookup(path) ?? unknown(path.join('.')));
    if (missing.length === 0) return given;
    const text = given.coerceString();
    if (unknownsIn(text).length === 0) {
      onAssumed(expression, text);
      return given;
    }
    // `vars.CLUSTER || 'backend'` names its default.
    const fallback = valueOf(tree, paths, (path) => lookup(path) ?? null);
    if (!expression.includes('||') || fallback.coerceString() === '') return given;
    onAssumed(expression, fallback.coerceString());
    return fallback;
  } catch {
    return undefined;
  }
}

function valueOf(tree: Expr, paths: readonly (readonly string[])[], read: Lookup) {
  const contexts: Record<string, unknown> = Object.fromEntries(CONTEXTS.map((name) => [name, {}]));
  for (const path of paths) {
    let place = contexts;
    for (const name of path.slice(0, -1)) {
      const inner = place[name];
      place = (typeof inner === 'object' && inner !== null ? inner : (place[name] = {})) as never;
    }
    place[path.at(-1) ?? ''] = read(path);
  }
  const context = JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary;
  const functions = new Map(
    FUNCTIONS.map((info) => [
      info.name.toLowerCase(),
      { ...info, call: () => new data.StringData(unknown(`${info.name}()`)) },
    ]),
  );
  return new Evaluator(tree, context, functions).evaluate();
}

/** The paths of the contexts that an expression reads. */
function pathsIn(tree: Expr): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  const read = (expr: Expr): void => {
    const path = pathOf(expr);
    if (path === undefined) visit(expr, read);
    else found.push(path);
  };
  read(tree);
  return found;
}

function visit(expr: Expr, read: (inner: Expr) => void): void {
  const visitor: Visitor = {
    visitLiteral: () => undefined,
    visitUnary: (inner) => read(inner.expr),
    visitBinary: ({ left, right }) => [left, right].forEach(read),
    visitLogical: ({ args }) => args.forEach(read),
    visitGrouping: ({ group }) => read(group),
    visitContextAccess: () => undefined,
    visitIndexAccess: (inner) => read(inner.expr),
    visitFunctionCall: ({ args }) => args.forEach(read),
  };
  expr.accept(visitor);
}

/** `['steps', 'build', 'outputs', 'image']`; undefined for what is no plain path. */
function pathOf(expr: Expr): readonly string[] | undefined {
  const none = () => undefined;
  return expr.accept<readonly string[] | undefined>({
    visitLiteral: none,
    visitUnary: none,
    visitBinary: none,
    visitLogical: none,
    visitGrouping: none,
    visitFunctionCall: none,
    visitContextAccess: ({ name }) => [name.lexeme],
    visitIndexAccess: ({ expr: inner, index }) => {
      const base = pathOf(inner);
      const key = literalOf(index);
      return base === undefined || key === undefined ? undefined : [...base, key];
    },
  });
}

function literalOf(expr: Expr): string | undefined {
  const literal = (expr as { literal?: data.ExpressionData }).literal;
  return literal?.coerceString();
}
