import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
} from 'yaml';
import type { Document, Node } from 'yaml';
import { EcsDeployError } from '../errors.ts';

/** Keys and indexes that lead to a value of a workflow. */
export type Path = readonly (string | number)[];

/** A map of YAML with values that are not checked yet. */
export type Values = Readonly<Record<string, unknown>>;

/** A workflow of GitHub Actions as it is written. */
export interface Workflow {
  readonly path: string;
  readonly values: Values;
  /** The node of a value, to write it again with its comments. */
  readonly nodeAt: (path: Path) => Node | undefined;
  /** `deploy.yml:12`, where a value is; `offset` counts the lines of a block such as `run: |`. */
  readonly placeOf: (path: Path, offset?: number) => string;
  /** Whether the nodes can be taken out of the file: with anchors they cannot. */
  readonly hasAnchors: boolean;
}

/** Reads a workflow; throws `usage` for what is not one. */
export function readWorkflow(path: string): Workflow {
  const lines = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false });
  const name = basename(path);
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line } = lines.linePos(problem.pos[0]);
    throw refusal(`${path}:${line} is not valid YAML: ${problem.message}`);
  }
  const values = toValues(document, path);
  if (!isMap(document.contents) || !isValues(values) || !isValues(values['jobs'])) {
    throw refusal(`${path} is not a GitHub Actions workflow: it has no "jobs".`);
  }
  let hasAnchors = false;
  visit(document, {
    Alias: () => {
      hasAnchors = true;
    },
  });
  const placeOf = (at: Path, offset = 0) => {
    const node = nodeAt(document, at);
    const { line } = lines.linePos(node?.range?.[0] ?? 0);
    const isBlock = isScalar(node) && node.type?.startsWith('BLOCK_') === true;
    return `${name}:${line + offset + (isBlock ? 1 : 0)}`;
  };
  return { path, values, nodeAt: (at) => nodeAt(document, at), placeOf, hasAnchors };
}

function toValues(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Too many aliases.
    throw refusal(`${path} cannot be read: ${(error as Error).message}.`);
  }
}

function nodeAt(document: Document, path: Path): Node | undefined {
  let node: unknown = document.contents;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    node = isCollection(node) ? node.get(key, true) : undefined;
  }
  return isNode(node) ? node : undefined;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw refusal(
      code === 'ENOENT' ? `There is no file ${path}.` : `Cannot read ${path}: ${message}`,
    );
  }
}

function refusal(message: string): EcsDeployError {
  return new EcsDeployError({
    code: 'usage',
    message,
    hint: 'name the workflow that deploys: ecsdeploy init --from-workflow .github/workflows/FILE',
  });
}

/** The command lines that read the workflows of a folder's repository. */
export function workflowCommands(directory: string): readonly string[] {
  const folder = join(directory, '.github', 'workflows');
  const files = existsSync(folder) ? readdirSync(folder).toSorted() : [];
  return files
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => `ecsdeploy init --from-workflow .github/workflows/${name}`);
}

/** Whether a value of YAML is a map. */
export function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value of YAML as a map; empty for anything else. */
export function valuesOf(value: unknown): Values {
  return isValues(value) ? value : {};
}

/** A value of YAML as a list; a single value is a list of one. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** A value of YAML as text; empty for what has none. */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}
