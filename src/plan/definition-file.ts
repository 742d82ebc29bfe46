import { readFile } from 'node:fs/promises';
import { definitionShape } from '../aws/definition-shape.ts';
import type { Context } from '../commands/context.ts';
import { explainJson } from '../core/json.ts';
import { checkMembers } from '../core/members.ts';
import { isObject } from '../core/normal-form.ts';
import { containersOf, toRegistrable } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';

type Told = Pick<Context, 'config' | 'emit'>;

/** Reads a task definition from a JSON file, UTF-8 or UTF-16; throws `task-definition-invalid`. */
export async function readDefinitionFile(told: Told, path: string): Promise<JsonObject> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new EcsDeployError({
      code: 'task-definition-invalid',
      message: `The task definition ${path} cannot be read: ${(error as Error).message}`,
      hint: 'give an existing JSON file, or - to read it from stdin',
      cause: error,
    });
  });
  // What `>` of a Windows PowerShell writes.
  const isWide = bytes[0] === 0xff && bytes[1] === 0xfe;
  return parseDefinition(told, new TextDecoder(isWide ? 'utf-16le' : 'utf-8').decode(bytes), path);
}

/**
 * Reads a task definition from JSON text: as `render` prints it, as the console and GitHub's action
 * have it, or as `describe-task-definition` answers.
 *
 * Throws `task-definition-invalid` with every misspelt member and every value of a wrong type; a
 * member that is unknown to the SDK, and like no other, is passed on with a warning.
 */
export async function parseDefinition(
  told: Told,
  source: string,
  place: string,
): Promise<JsonObject> {
  const definition = readText(source, place);
  await checkDefinition(told, definition, place);
  if (typeof definition['family'] !== 'string' || definition['family'] === '') {
    throw noDefinition(place, '"family" is missing');
  }
  if (containersOf(definition).length === 0) {
    throw noDefinition(place, '"containerDefinitions" is missing');
  }
  return definition;
}

function readText(source: string, place: string): JsonObject {
  const text = source.replace(/^\uFEFF/, '');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The error quotes the text around it, which may be a secret.
    throw noDefinition(place, explainJson(text));
  }
  if (!isObject(parsed)) throw noDefinition(place, 'it is no JSON object');
  const described = parsed['taskDefinition'];
  if (!isObject(described)) return toRegistrable(parsed, undefined);
  const { tags } = parsed;
  return { ...toRegistrable(described, undefined), ...(Array.isArray(tags) && { tags }) };
}

function noDefinition(place: string, why: string): EcsDeployError {
  return new EcsDeployError({
    code: 'task-definition-invalid',
    message: `${place} holds no task definition: ${why}`,
    hint: 'it is the JSON that `ecsdeploy render` prints, with "family" and "containerDefinitions"',
  });
}

async function checkDefinition(
  { config, emit }: Told,
  definition: JsonObject,
  place: string,
): Promise<void> {
  const { unknown, mistyped } = checkMembers(definition, await definitionShape());
  const misspelt = config.skipCheck.includes('member-names')
    ? []
    : unknown.filter(({ meant }) => meant !== undefined);
  const problems = [
    ...misspelt.map(
      ({ path, meant }) => `${path}: ECS has no such member; did you mean "${meant}"?`,
    ),
    ...mistyped,
  ];
  if (problems.length > 0) {
    throw new EcsDeployError({
      code: 'task-definition-invalid',
      message: `The task definition ${place} is not as ECS takes it:\n${problems.map((line) => `  ${line}`).join('\n')}`,
      hint:
        misspelt.length > 0
          ? 'ECS would leave out silently what it does not know; if it is newer than this version of ecsdeploy: --skip-check member-names'
          : undefined,
    });
  }
  if (unknown.length === 0) return;
  emit({
    kind: 'warning',
    message: `${place} has members that this version of ecsdeploy does not know; they are passed on: ${unknown.map(({ path }) => path).join(', ')}`,
    hint: 'ECS leaves out silently what it does not know either: check how they are spelt',
  });
}
