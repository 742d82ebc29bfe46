import type { Place, Service } from './ecs.ts';
import { shortName } from './task-definition.ts';

/** Names a service in results, events and command lines. */
export interface ServiceName {
  /** The name, without the ARN. */
  readonly cluster: string;
  readonly service: string;
  /** Of a service with a place of its own. */
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
}

/** The name of a service as it was read. */
export function nameOf({
  cluster,
  name,
  place,
}: Pick<Service, 'cluster' | 'name' | 'place'>): ServiceName {
  return { cluster: shortName(cluster), service: name, ...place };
}

/** The place that a name has; undefined for that of the run. */
export function placeIn({ region, profile }: Partial<Place>): Place | undefined {
  return region === undefined && profile === undefined ? undefined : { region, profile };
}

/** A name from the point of view of another service: with the cluster, region and profile that differ. */
export function nameSeenFrom(here: ServiceName, there: ServiceName): string {
  const parts = [there.profile, there.region, there.cluster];
  const own = [here.profile, here.region, here.cluster];
  return [...parts.filter((part, index) => part !== own[index]), there.service]
    .filter((part) => part !== undefined)
    .join('/');
}

/** Returns a function that qualifies the names that several services of a run share. */
export function qualifier(names: readonly ServiceName[]): (name: ServiceName) => string {
  const keyOf = ({ cluster, service, region, profile }: ServiceName) =>
    JSON.stringify([cluster, service, region, profile]);
  const qualified = new Map<string, string>();
  for (const name of names) {
    const same = names.filter(({ service }) => service === name.service);
    const form = FORMS.find((by) => new Set(same.map(by)).size === same.length) ?? longest;
    if (same.length > 1) qualified.set(keyOf(name), form(name));
  }
  return (name) => qualified.get(keyOf(name)) ?? name.service;
}

const join = (...parts: readonly (string | undefined)[]) =>
  parts.filter((part) => part !== undefined).join('/');
const longest = ({ profile, region, cluster, service }: ServiceName) =>
  join(profile, region, cluster, service);

/** Ways to name a service, as the config file and `--service` take them; the shortest first. */
const FORMS: readonly ((name: ServiceName) => string)[] = [
  ({ cluster, service }) => join(cluster, service),
  ({ region, service }) => join(region, service),
  ({ region, cluster, service }) => join(region, cluster, service),
];

/** The flags that choose a service, of ecsdeploy and of the AWS CLI. */
export function serviceFlags(name: ServiceName): string {
  // Words can have a qualified name.
  const service = name.service.slice(name.service.lastIndexOf('/') + 1);
  return `--cluster ${name.cluster} --service ${service}${placeFlags(name)}`;
}

/** The flags that choose a service as it was read. */
export function flagsOf(service: Parameters<typeof nameOf>[0]): string {
  return serviceFlags(nameOf(service));
}

/** The flags that choose a place of its own, with a space before; empty for that of the run. */
export function placeFlags({ region, profile }: Partial<Place> = {}): string {
  const flags = { region, profile };
  return Object.entries(flags)
    .map(([name, value]) => (value === undefined ? '' : ` --${name} ${value}`))
    .join('');
}

/** A place in a text, with a space before, e.g. ` (eu-west-1)`; empty for that of the run. */
export function placeNote(place: Partial<Place> | undefined): string {
  const parts = [place?.region, place?.profile].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
