import { NormalizedSchema } from '@smithy/core/schema';
import { slipOf } from '../core/nearest.ts';
import type { JsonObject } from '../core/task-definition.ts';

/** What speaks against a definition, by the SDK's own schema of RegisterTaskDefinition. */
export interface Misfits {
  /** One per line: a misspelt member or a value of the wrong type, with its path. */
  readonly problems: readonly string[];
  /** Paths of members that the schema lacks and that resemble none: ECS may be newer than the SDK. */
  readonly unknown: readonly string[];
}

/** Compares a definition with what RegisterTaskDefinition takes; nothing is asked of AWS. */
export async function findMisfits(definition: JsonObject): Promise<Misfits> {
  const { RegisterTaskDefinitionRequest$: schema } = await import('@aws-sdk/client-ecs');
  const misfits = { problems: [], unknown: [] };
  inspect(definition, NormalizedSchema.of(schema), '', misfits);
  return misfits;
}

interface Found {
  readonly problems: string[];
  readonly unknown: string[];
}

function inspect(value: unknown, schema: NormalizedSchema, path: string, found: Found): void {
  if (value === null || value === undefined) return;
  const wanted = wantedType(schema);
  if (wanted !== undefined && typeOf(value) !== wanted) {
    found.problems.push(`${path} is ${show(value)}, but must be ${inWords(schema, wanted, value)}`);
    return;
  }
  if (schema.isListSchema()) {
    const items = schema.getValueSchema();
    (value as unknown[]).forEach((item, index) => {
      inspect(item, items, `${path}[${index}]`, found);
    });
  } else if (schema.isMapSchema()) {
    const items = schema.getValueSchema();
    for (const [key, item] of Object.entries(value)) inspect(item, items, `${path}.${key}`, found);
  } else if (schema.isStructSchema()) {
    const members = schema.getMemberSchemas();
    for (const [name, item] of Object.entries(value)) {
      const place = path === '' ? name : `${path}.${name}`;
      const member = members[name];
      if (member !== undefined) {
        inspect(item, member, place, found);
        continue;
      }
      const near = slipOf(name, Object.keys(members));
      if (near === undefined) found.unknown.push(place);
      else found.problems.push(`${place} is no member (did you mean "${near}"?)`);
    }
  }
}

type Type = 'text' | 'a number' | 'true or false' | 'a list' | 'an object';

function wantedType(schema: NormalizedSchema): Type | undefined {
  if (schema.isListSchema()) return 'a list';
  if (schema.isMapSchema() || schema.isStructSchema()) return 'an object';
  if (schema.isStringSchema()) return 'text';
  if (schema.isNumericSchema()) return 'a number';
  return schema.isBooleanSchema() ? 'true or false' : undefined;
}

function typeOf(value: unknown): Type {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return 'a number';
  if (typeof value === 'boolean') return 'true or false';
  return typeof value === 'string' ? 'text' : 'an object';
}

/** The value as far as it can be shown: what an environment holds may be secret. */
function show(value: unknown): string {
  const type = typeOf(value);
  return type === 'a number' || type === 'true or false' ? String(value) : type;
}

/** The type in words, with how this value would be written where that is clear. */
function inWords(schema: NormalizedSchema, wanted: Type, value: unknown): string {
  if (wanted === 'text' && typeof value === 'number') return `text: "${value}"`;
  if (wanted === 'a number' && /^\d+$/.test(String(value))) return `a number: ${String(value)}`;
  if (wanted !== 'a list' || !schema.getValueSchema().isStructSchema()) return wanted;
  const members = Object.keys(schema.getValueSchema().getMemberSchemas()).slice(0, 2);
  return `a list of objects: [{ ${members.map((name) => `"${name}": …`).join(', ')} }]`;
}
