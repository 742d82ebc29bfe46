import { createReadStream } from 'node:fs';
import { definitionShape } from '../aws/definition-shape.ts';
import { checkMembers, withoutEmpty } from '../core/members.ts';
import type { Shape } from '../core/members.ts';
import { isObject } from '../core/normal-form.ts';
import { containersOf, toRegistrable } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { ErrorParts } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { Config } from '../settings/config.ts';

/** The parts of a run that reading a definition uses. */
interface DefinitionTools {
  readonly emit: Emit;
  readonly skipCheck: Config['skipCheck'];
}

/** Bytes; a task definition has 64 KiB at most, UTF-16 and blanks not counted. */
const MAX_SIZE = 1024 * 1024;

/** Reads a task definition from a JSON file, UTF-8 or UTF-16; throws `task-definition-invalid`. */
export async function readDefinitionFile(
  tools: DefinitionTools,
  path: string,
): Promise<JsonObject> {
  const bytes = await readStart(path).catch((error: NodeJS.ErrnoException) => {
    throw invalid({
      message:
        error.code === 'ENOENT'
          ? `There is no task definition file ${path}.`
          : `Cannot read the task definition file ${path} (${error.code ?? error.message}).`,
      hint: 'give an existing JSON file, or - to read it from stdin',
      cause: error,
    });
  });
  if (bytes.length > MAX_SIZE) throw notDefinition(path, 'it is larger than 1 MiB');
  return parseDefinition(tools, bytes, path);
}

/** The bytes of a file, or somewhat more than `MAX_SIZE` of them: a device can have no end. */
async function readStart(path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
    parts.push(part);
    size += part.length;
    if (size > MAX_SIZE) break;
  }
  return Buffer.concat(parts);
}

/** Decodes text. Bytes that are not text are refused, because a replacement would be sent to ECS. */
function decode(bytes: Uint8Array, place: string): string {
  // Windows PowerShell writes UTF-16 with `>`.
  const isWide = bytes[0] === 0xff && bytes[1] === 0xfe;
  try {
    return new TextDecoder(isWide ? 'utf-16le' : 'utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw invalid({
      message: `The task definition ${place} is not UTF-8.`,
      hint: 'save it as UTF-8, e.g. iconv -f latin1 -t utf-8',
      cause: error,
    });
  }
}

/**
 * Reads a task definition from JSON, UTF-8 or UTF-16: the format of `render`, of the console and the
 * GitHub action, or of `describe-task-definition`.
 *
 * Throws `task-definition-invalid` with every misspelt member and every value of a wrong type. A
 * member that the SDK does not know, and that resembles no other, is sent unchanged, with a warning.
 */
export async function parseDefinition(
  tools: DefinitionTools,
  bytes: Uint8Array,
  place: string,
): Promise<JsonObject> {
  const definition = await readText(tools, decode(bytes, place), place);
  const containers = containersOf(definition);
  if (typeof definition['family'] !== 'string' || definition['family'] === '') {
    throw notDefinition(place, '"family" is missing');
  }
  if (containers.length === 0) throw notDefinition(place, '"containerDefinitions" is missing');
  const shape = await definitionShape();
  checkDefinition(tools, definition, shape, place);
  return withoutEmpty(definition, shape);
}

async function readText(
  { emit }: DefinitionTools,
  source: string,
  place: string,
): Promise<JsonObject> {
  const text = source.replace(/^\uFEFF/, '');
  const { explainJson, lossesOf } = await import('./json-problem.ts');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's error quotes text that may be a secret.
    throw notDefinition(place, explainJson(text));
  }
  if (!isObject(parsed)) throw notDefinition(place, 'expected a JSON object');
  const { inexact, repeated } = lossesOf(text);
  if (inexact.length > 0) {
    throw invalid({
      message: `The task definition ${place} has numbers that cannot be sent as they are written: ${inexact.join(', ')}.`,
      hint: 'use integers up to 9007199254740991',
    });
  }
  if (repeated.length > 0) {
    emit({
      kind: 'warning',
      message: `${place} has members twice in one object: ${repeated.join(', ')}. The last one counts.`,
      hint: 'remove the other one',
    });
  }
  const described = parsed['taskDefinition'];
  if (isObject(described)) return toRegistrable(described, parsed['tags']);
  // ECS writes an empty list for a revision without tags; in the user's own file it removes the tags.
  const isAnswer = 'taskDefinitionArn' in parsed;
  const { tags, ...rest } = parsed;
  return isAnswer ? toRegistrable(rest, tags) : toRegistrable(parsed, undefined);
}

const invalid = (parts: Omit<ErrorParts, 'code'>) =>
  new EcsDeployError({ code: 'task-definition-invalid', ...parts });

function notDefinition(place: string, why: string): EcsDeployError {
  return invalid({
    message: `${place} is not a task definition: ${why}.`,
    hint: 'use the JSON that `ecsdeploy render` prints, with "family" and "containerDefinitions"',
  });
}

function checkDefinition(
  { skipCheck, emit }: DefinitionTools,
  definition: JsonObject,
  shape: Shape,
  place: string,
): void {
  const { unknown, mistyped } = checkMembers(definition, shape);
  const misspelt = skipCheck.includes('member-names')
    ? []
    : unknown.filter(({ meant }) => meant !== undefined);
  const problems = [
    ...misspelt.map(({ path, meant }) => `${path}: unknown member; did you mean "${meant}"?`),
    ...mistyped,
  ];
  if (problems.length > 0) {
    throw invalid({
      message: `The task definition ${place} is not valid:\n${problems.map((line) => `  ${line}`).join('\n')}`,
      hint:
        misspelt.length > 0
          ? 'ECS silently drops members that it does not know; if a member is newer than this version of ecsdeploy: --skip-check member-names'
          : undefined,
    });
  }
  if (unknown.length === 0) return;
  emit({
    kind: 'warning',
    message: `${place} has members that this version of ecsdeploy does not know; they are sent unchanged: ${unknown.map(({ path }) => path).join(', ')}`,
    hint: 'ECS silently drops members that it does not know: check their spelling',
  });
}
