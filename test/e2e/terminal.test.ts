import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { makeScreen } from '../support/screen.ts';
import { makeWorld } from '../support/world.ts';
import type { WorldOptions } from '../support/world.ts';

const HAS_PTY = spawnSync('python3', ['-c', 'import pty']).status === 0;

interface Seen {
  readonly status: number | null;
  /** Every byte that the terminal got. */
  readonly raw: string;
  /** The scrollback and the screen at the end. */
  readonly lines: readonly string[];
}

/** Deploys in a pseudo-terminal, and types Ctrl-C once a text was written. */
async function deployAt(
  columns: number,
  {
    interrupt = '',
    environment = {},
    ...options
  }: WorldOptions & {
    readonly interrupt?: string;
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): Promise<Seen> {
  const world = await makeWorld({ speed: 60, ...options });
  const end = await world.spawn(['deploy', '--tag', 'v1'], {
    through: ['python3', 'test/support/terminal.py', String(columns), '24', interrupt].map((word) =>
      word.endsWith('.py') ? `${process.cwd()}/${word}` : word,
    ),
    environment: { TERM: 'xterm-256color', LANG: 'C.UTF-8', ...environment },
  });
  const screen = makeScreen(columns, 24);
  screen.stream.write(end.stdout);
  return { status: end.status, raw: end.stdout, lines: await screen.lines() };
}

describe.skipIf(!HAS_PTY)('in a pseudo-terminal', () => {
  test.each([100, 40])('a deploy at %d columns leaves its story', async (columns) => {
    const { status, raw, lines } = await deployAt(columns);
    expect(status, raw).toBe(0);
    const frames = raw.split('\u001B[?2026h').length;
    expect(frames).toBeGreaterThan(5);
    expect(raw).toMatch(columns > 60 ? /Rollout of .* left/ : /revision +run fail/);
    const text = lines.join('\n');
    expect(text).toContain('✔ Built for linux/amd64');
    expect(text).toContain('before: hyeon9mak-task-dev:1');
    expect(text).not.toMatch(/Rollout of|[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/);
    expect(text).toMatch(/in total +[\dms. ]+$/);
  });

  test('Ctrl-C leaves a clean screen, and says what continues', async () => {
    const { status, lines } = await deployAt(80, {
      interrupt: 'Rollout of ',
      scenario: 'slow-drain',
    });
    expect(status).toBe(130);
    const text = lines.join('\n');
    expect(text).toMatch(/continue watching:\s+ecsdeploy rollout/);
    expect(text).not.toMatch(/Rollout of|[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/);
  });

  test('a failure says why, and what serves', async () => {
    const { status, lines } = await deployAt(100, { scenario: 'crash', speed: 100 });
    expect(status).toBe(7);
    const text = lines.join('\n');
    expect(text).toContain('[application-exit]');
    expect(text).toContain('| database is not reachable, giving up');
    expect(text).toMatch(/which is back on\s+hyeon9mak-task-dev:1/);
  });

  test.each([
    ['TERM=dumb', { TERM: 'dumb' }, 80],
    ['CI', { CI: 'true', NO_COLOR: '1' }, 80],
    ['no columns', { NO_COLOR: '1' }, 0],
  ])('%s is plain lines without escapes', async (_, environment, columns) => {
    const { status, raw } = await deployAt(columns, { environment });
    expect(status, raw).toBe(0);
    expect(raw).not.toContain('\u001B');
    expect(raw).toContain('hyeon9mak-service-dev runs hyeon9mak-task-dev:2');
  });

  test('NO_COLOR and a C locale: no colour, only ASCII', async () => {
    const { raw } = await deployAt(80, { environment: { NO_COLOR: '1', LC_ALL: 'C' } });
    expect(raw).not.toMatch(/\p{Cc}\[\d+m/u);
    expect(raw).toMatch(/^\p{ASCII}*$/u);
  });
});
