import type { ECSClient } from '@aws-sdk/client-ecs';
import { placeOfArn } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Place } from '../core/ecs.ts';
import { connectAt, ecsClient } from './client.ts';
import type { Aws } from './client.ts';
import { arnElsewhere, translateAwsError } from './errors.ts';

/** ECS in the region of a run; its clients are made once. */
export interface Ecs {
  readonly aws: Aws;
  readonly client: ECSClient;
  /** A client that never repeats a call by itself. */
  readonly once: ECSClient;
  /** ECS at the places of single services, by these. */
  readonly places?: ReadonlyMap<string, Ecs>;
}

/** Opens ECS in the region of a run, and at the places that services have of their own. */
export async function openEcs(aws: Aws, places: readonly (Place | undefined)[] = []): Promise<Ecs> {
  const [client, once] = await Promise.all([ecsClient(aws), ecsClient(aws, 1)]);
  const own = new Map(
    places.flatMap((place) => (place ? [[placeKey(place), place] as const] : [])),
  );
  const opened = await Promise.all(
    [...own].map(
      async ([key, place]) => [key, await openEcs(await connectAt(aws, place))] as const,
    ),
  );
  return { aws, client, once, ...(opened.length > 0 && { places: new Map(opened) }) };
}

/** Equal for equal places. */
export const placeKey = (place: Place | undefined): string =>
  place === undefined ? '' : JSON.stringify([place.region, place.profile]);

/** The tools for a service: with its own region and credentials where it has a place of its own. */
export function at<T extends { readonly ecs: Ecs }>(
  tools: T,
  { place }: { readonly place?: Place | undefined },
): T {
  if (place === undefined) return tools;
  const { places, aws } = tools.ecs;
  const found = places?.get(placeKey(place));
  if (found === undefined) throw new Error(`the place ${placeKey(place)} is not open`);
  // What ends the run, or a part of it, ends the calls at every place.
  const options = { ...found.aws.options, signal: aws.options.signal };
  const ecs = { ...found, aws: { ...found.aws, options }, ...(places && { places }) };
  return { ...tools, ecs, ...('aws' in tools && { aws: ecs.aws }) };
}

/** Things that are at one place together, in the order in which the places first occur. */
export function byPlace<T extends { readonly place?: Place | undefined }>(
  things: readonly T[],
): readonly (readonly [T, ...T[]])[] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const thing of things) {
    const key = placeKey(thing.place);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [thing]);
    else group.push(thing);
  }
  return [...groups.values()];
}

/** The SDK's commands, loaded with the first call. */
export const sdk = () => import('./sdk/ecs.ts');

/** What makes a call end with the run. */
export function abort({ aws }: Pick<Ecs, 'aws'>): { abortSignal: AbortSignal } {
  return { abortSignal: aws.options.signal };
}

/** Splits a list into parts of at most `size`. */
export function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}

/** The region of a run; throws `region-missing`. */
export function regionOf({ client, aws }: Ecs): Promise<string> {
  return client.config.region().catch((error: unknown) => {
    throw translateAwsError(error, 'ecs', { profile: aws.profile });
  });
}

/** Throws `arn-elsewhere`: ECS would only say that there is no such cluster. */
export async function checkRegion(ecs: Ecs, names: readonly string[]): Promise<void> {
  const region = await regionOf(ecs);
  const other = names.find((name) => (placeOfArn(name)?.region ?? region) !== region);
  if (other === undefined) return;
  const there = placeOfArn(other)?.region;
  throw new EcsDeployError({
    code: 'arn-elsewhere',
    message: `${other} is in ${there}, but the region is ${region}.`,
    hint: `use --region ${there}, or give the name instead of the ARN`,
  });
}

/** Throws `arn-elsewhere` for an ARN of another account than the one that ECS answered for. */
export function checkAccount(names: readonly string[], answered: string): void {
  const own = placeOfArn(answered)?.account;
  if (own === undefined) return;
  for (const name of names) {
    const there: string = placeOfArn(name)?.account ?? own;
    if (there !== own) throw arnElsewhere(name, there, own);
  }
}

/** ` in REGION (profile "NAME")`, for messages about what does not exist. */
export async function where(ecs: Ecs): Promise<string> {
  const { profile } = ecs.aws;
  const region = await regionOf(ecs);
  return ` in ${region}${profile === undefined ? '' : ` (profile "${profile}")`}`;
}

/** Names of what a list call answers, for suggestions; undefined where it cannot be listed. */
export function namesOf<T>(
  call: Promise<T>,
  read: (answer: T) => readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  return call.then(
    (answer) => read(answer) ?? [],
    () => undefined,
  );
}

/** A member that every whole answer has; throws `aws-answer-broken`. */
export function whole<T>(value: T | null | undefined, action: string, member: string): T {
  if (value !== undefined && value !== null) return value;
  throw new EcsDeployError({
    code: 'aws-answer-broken',
    message: `AWS sent an incomplete answer to ${action}: it has no ${member}.`,
    hint: 'try again; if AWS_ENDPOINT_URL or a proxy is set, check what answers there',
  });
}
