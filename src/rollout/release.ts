import { at } from '../aws/ecs.ts';
import { isNews } from '../core/ecs.ts';
import { nameOf } from '../core/service-name.ts';
import { commandText } from '../core/one-off.ts';
import type { ReleasePlan } from '../plan/release.ts';
import type { Move } from './move.ts';
import { runOneOff } from './one-off.ts';
import type { OneOffEnd, OneOffTools } from './one-off.ts';

/** How the release tasks ended. */
export interface Released {
  readonly ends: readonly OneOffEnd[];
  /** The task that ends the deploy before any service moves. */
  readonly failed: OneOffEnd | undefined;
}

/**
 * Runs the release tasks one after the other, in the revisions that the services are about to move to.
 * A task of a service that does not move is left out: it ran with the deploy of that revision. Ends
 * with the first failure.
 */
export async function runReleases(
  tools: OneOffTools,
  { poll, force }: { readonly poll: number; readonly force: boolean },
  releases: readonly ReleasePlan[],
  moves: readonly Move[],
): Promise<Released> {
  const ends: OneOffEnd[] = [];
  for (const { service: arn, command, request, timeout } of releases) {
    const move = moves.find(({ service }) => service.arn === arn);
    if (move === undefined) continue;
    const { service, revision, definition } = move;
    if (!isNews(service, revision, force)) {
      tools.emit({
        kind: 'release-skipped',
        command: commandText(command.words),
        ...nameOf(service),
      });
      continue;
    }
    const oneOff = { service, revision, definition, command, request, timeout };
    const end = await runOneOff(at(tools, service), { poll, noWait: false }, oneOff);
    ends.push(end);
    if (end.error !== undefined) return { ends, failed: end };
  }
  return { ends, failed: undefined };
}
