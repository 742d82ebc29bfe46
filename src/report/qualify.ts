import { qualifier } from '../core/service-name.ts';
import type { ServiceName } from '../core/service-name.ts';
import type { Event } from '../events.ts';

/** Where an event can name services. */
type Naming = Partial<ServiceName> & {
  readonly result?: object;
  readonly services?: readonly ServiceName[];
  readonly because?: readonly ServiceName[];
  readonly tasks?: readonly object[];
};

/** Qualifies the names of services in an event where several services share one. */
export function qualifyEvents(names: readonly ServiceName[]): <E extends Event>(event: E) => E {
  const label = qualifier(names);
  if (names.every((name) => label(name) === name.service)) return (event) => event;
  const rename = <T extends object>(item: T): T => {
    const { cluster, service, region, profile } = item as Partial<ServiceName>;
    if (cluster === undefined || service === undefined) return item;
    return { ...item, service: label({ cluster, service, region, profile }) };
  };
  return (event) => {
    const { result, services, because, tasks } = event as Naming;
    return {
      ...rename(event),
      ...(result && { result: rename(result) }),
      ...(services && { services: services.map(rename) }),
      ...(because && { because: because.map(rename) }),
      ...(tasks && { tasks: tasks.map(rename) }),
    };
  };
}
