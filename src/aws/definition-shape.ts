import type { NormalizedSchema } from '@smithy/core/schema';
import type { Shape } from '../core/members.ts';

/** What RegisterTaskDefinition takes, as the SDK's own schema says it. */
export async function definitionShape(): Promise<Shape> {
  const [{ RegisterTaskDefinitionRequest$ }, { NormalizedSchema }] = await Promise.all([
    import('./sdk/ecs.ts'),
    import('@smithy/core/schema'),
  ]);
  return toShape(NormalizedSchema.of(RegisterTaskDefinitionRequest$));
}

function toShape(schema: NormalizedSchema): Shape {
  if (schema.isStructSchema()) {
    const members = [...schema.structIterator()];
    return {
      kind: 'structure',
      members: new Map(members.map(([name, member]) => [name, toShape(member)])),
    };
  }
  if (schema.isListSchema()) return { kind: 'list', of: toShape(schema.getValueSchema()) };
  if (schema.isMapSchema()) return { kind: 'map', of: toShape(schema.getValueSchema()) };
  if (schema.isStringSchema()) return { kind: 'string' };
  if (schema.isNumericSchema()) return { kind: 'number' };
  return { kind: schema.isBooleanSchema() ? 'boolean' : 'anything' };
}
