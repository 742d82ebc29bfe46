import { causeKey } from '../core/diagnosis.ts';
import type { EventOf, TimedEvent } from '../events.ts';
import { clean } from './format.ts';
import { isRoutine, progressText, wordEvent } from './words.ts';
import type { Line } from './words.ts';

/** Chooses the lines of an event that stay. */
export type Story = (event: TimedEvent) => readonly Line[];

/** The longest time, in milliseconds, for which a change of the counts alone waits for a line. */
const LONGEST_PAUSE = 60_000;
/** A change of the counts waits for this part of the rollout's time so far. */
const PAUSE_PART = 1 / 5;

/** What was reported of the progress of a service. */
interface Told {
  /** Times in milliseconds. */
  readonly start: number;
  readonly at: number;
  readonly text: string;
  readonly situation: string;
}

/**
 * Tells each thing once, and nothing of ECS's routine without --verbose. Where only the counts
 * change, lines become rarer with time, so that a long rollout stays readable.
 */
export function makeStory(verbose: boolean): Story {
  const progress = new Map<string, Told>();
  const said = new Set<string>();
  const causes = new Set<string>();
  const isProgressNews = (event: EventOf<'rollout-progress'>, at: number): boolean => {
    const { service, phase, stage, traffic, testTraffic, oldTestTraffic } = event;
    const { waitsFor, targetGroups, counts } = event;
    const text = progressText(event);
    const situation = JSON.stringify([
      phase,
      stage,
      traffic,
      testTraffic,
      oldTestTraffic,
      waitsFor,
      targetGroups,
      counts.failed > 0,
    ]);
    const told = progress.get(service);
    if (told?.text === text) return false;
    if (told?.situation === situation && !verbose) {
      const pause = Math.min(LONGEST_PAUSE, (at - told.start) * PAUSE_PART);
      if (at - told.at < pause) return false;
    }
    progress.set(service, { start: told?.start ?? at, at, text, situation });
    return true;
  };
  const isNews = ({ text }: Line) => !said.has(text);
  const choose = (event: TimedEvent): readonly Line[] => {
    const { lines } = wordEvent(event);
    switch (event.kind) {
      case 'rollout-progress':
        return isProgressNews(event, event.at.getTime()) ? lines : [];
      case 'service-event':
        return verbose || !isRoutine(event.message) ? lines.filter(isNews) : [];
      case 'register-retried':
      case 'task-retried':
        return lines.filter(isNews);
      case 'wait-ended':
        progress.delete(event.result.service);
        return lines;
      case 'service-ended':
        // The causes have given their hints.
        return lines.filter((line) => line.level !== 'hint' || isNews(line));
      case 'task-ended':
        // Its log was already printed line by line.
        return lines.filter((line) => line.level !== 'detail' || isNews(line));
      case 'schedule':
        // Several tasks can fail for the same reason.
        return lines.filter(
          (line) => (line.level !== 'debug' || verbose) && (line.level !== 'hint' || isNews(line)),
        );
      case 'cause': {
        const { service, cause } = event;
        const [head, ...rest] = lines;
        const name = `${service} ${causeKey(cause)}`;
        if (head === undefined || !causes.has(name)) {
          causes.add(name);
          return lines;
        }
        // Of more tasks than before, or with a log that came late.
        if (isNews(head)) return [head, ...rest.filter(isNews)];
        const more = {
          level: 'detail',
          text: `${clean(service)}: more about ${cause.code}:`,
        } as const;
        return [more, ...rest.filter(isNews)];
      }
      default:
        return lines.filter(({ level }) => level !== 'debug' || verbose);
    }
  };
  return (event) => {
    const lines = choose(event);
    for (const { text } of lines) said.add(text);
    return lines;
  };
}
