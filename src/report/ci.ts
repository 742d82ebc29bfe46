import { readCiJob } from '../core/ci.ts';
import type { CiName } from '../core/ci.ts';
import type { Event } from '../events.ts';
import { withoutCommands } from '../core/foreign.ts';
import type { Reporter, Write } from './plain.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How the log of a CI system folds a section; each text is a line. */
interface Sections {
  readonly open: (title: string, id: string, seconds: number) => string;
  readonly close: (id: string, seconds: number) => string;
}

/** What differs between CI systems. One without a row shows plain lines, which is right for its log. */
interface CiSystem {
  /** Its log shows the time of each line. */
  readonly hasTimes: boolean;
  /** It obeys commands in the log. */
  readonly obeys: boolean;
  readonly sections: Sections;
}

const CI_SYSTEMS: Readonly<Partial<Record<CiName, CiSystem>>> = {
  github: {
    hasTimes: true,
    obeys: true,
    sections: { open: (title) => `::group::${title}\n`, close: () => '::endgroup::\n' },
  },
  gitlab: {
    hasTimes: true,
    obeys: false,
    sections: {
      open: (title, id, seconds) =>
        `\u001B[0Ksection_start:${seconds}:${id}[collapsed=true]\r\u001B[0K${title}\n`,
      close: (id, seconds) => `\u001B[0Ksection_end:${seconds}:${id}\r\u001B[0K\n`,
    },
  },
  buildkite: {
    hasTimes: true,
    obeys: false,
    // A section ends where the next one begins; +++ is one that is not folded.
    sections: { open: (title) => `--- ${title}\n`, close: () => '+++ ecsdeploy\n' },
  },
  azure: {
    hasTimes: false,
    obeys: true,
    sections: { open: (title) => `##[group]${title}\n`, close: () => '##[endgroup]\n' },
  },
};

/** The CI system that a command runs in; undefined for one without a row. */
export function ciSystem(environment: Environment): CiSystem | undefined {
  const job = readCiJob(environment);
  return job && CI_SYSTEMS[job.name];
}

/** Whether the runner of GitHub Actions reads the streams. */
export function isGithub(environment: Environment): boolean {
  return environment['GITHUB_ACTIONS'] === 'true';
}

/** Keeps text from acting as a command where a CI system reads it. */
export function commandGuard(environment: Environment): (text: string) => string {
  return ciSystem(environment)?.obeys === true ? withoutCommands : (text) => text;
}

const TITLES: Readonly<Partial<Record<Event['kind'], string>>> = {
  'before-started': 'Before the build',
  'build-started': 'Build',
  'push-started': 'Push',
  'task-started': 'Command',
};
const ENDS = new Set<Event['kind']>([
  'built',
  'pushed',
  'error',
  'interrupted',
  'task-interrupted',
  'task-ended',
]);
/** Events that can come from anywhere while several images are built. */
const ANYWHERE = new Set<Event['kind']>(['warning', 'api-call']);

/**
 * Puts build and push into sections around the lines of another reporter. The lines of several images
 * alternate: they are in one section, to the first event that is about none of them.
 */
export function sectionReporter(write: Write, inner: Reporter, sections: Sections): Reporter {
  let id: string | undefined;
  let areImages = false;
  const now = () => Math.floor(Date.now() / 1000);
  const close = () => {
    if (id !== undefined) write(sections.close(id, now()));
    id = undefined;
    areImages = false;
  };
  const open = (title: string, name: string) => {
    close();
    id = `ecsdeploy_${name}`;
    areImages = name === 'images';
    write(sections.open(title, id, now()));
  };
  return {
    report: (event) => {
      const isShared = event.imageName !== undefined;
      const title = TITLES[event.kind];
      if (isShared) {
        if (title !== undefined && !areImages) open('Build', 'images');
        inner.report(event);
        return;
      }
      if (areImages && !ANYWHERE.has(event.kind)) close();
      if (title !== undefined && !(id !== undefined && event.kind === 'before-started')) {
        open(title, event.kind.replace(/-.*/, ''));
      }
      if (ENDS.has(event.kind)) close();
      inner.report(event);
    },
    end: () => {
      close();
      inner.end();
    },
  };
}
