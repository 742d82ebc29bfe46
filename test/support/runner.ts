import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { makeFolder } from './files.ts';

/** A mark that GitHub shows on the page of a run. */
export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice';
  readonly title: string | undefined;
  readonly message: string;
}

/** What the runner of GitHub Actions makes of the output of a step. */
export interface StepLog {
  /** At most 10 of each level. */
  readonly annotations: readonly Annotation[];
  readonly groups: readonly string[];
  readonly masks: readonly string[];
  /** The lines that are shown as they are. */
  readonly lines: readonly string[];
}

interface Command {
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly data: string;
}

/** In the order of the runner: `%` is decoded last. */
const unescapeData = (text: string) =>
  text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
const unescapeProperty = (text: string) =>
  unescapeData(text.replaceAll('%3A', ':').replaceAll('%2C', ','));

/** `::name key=value,…::data` after any white space, or `##[name key=value;…]data` anywhere. */
function parseCommand(line: string): Command | undefined {
  const [, head, data] =
    /^\s*::(.+?)::(.*)$/s.exec(line) ?? /##\[([^\]]+)\](.*)$/s.exec(line) ?? [];
  if (head === undefined || data === undefined) return undefined;
  const [name = '', ...rest] = head.split(' ');
  const pairs = rest
    .join(' ')
    .split(/[,;]/)
    .map((pair) => pair.trim().split(/=(.*)/s, 2))
    .filter(([key, value]) => key && value);
  return {
    name: name.toLowerCase(),
    properties: Object.fromEntries(
      pairs.map(([key, value = '']) => [key, unescapeProperty(value)]),
    ),
    data: unescapeData(data),
  };
}

const LEVELS = ['error', 'warning', 'notice'] as const;

/** Reads the output of a step as the runner of GitHub Actions does. */
export function readStepLog(text: string): StepLog {
  const annotations: Annotation[] = [];
  const groups: string[] = [];
  const masks: string[] = [];
  const lines: string[] = [];
  let stop: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const command = parseCommand(line);
    if (stop !== undefined) {
      if (command?.name === stop) stop = undefined;
      else lines.push(line);
      continue;
    }
    const level = LEVELS.find((item) => item === command?.name);
    if (command === undefined) lines.push(line);
    else if (level !== undefined) {
      const count = annotations.filter((item) => item.level === level).length;
      const { title } = command.properties;
      if (count < 10) annotations.push({ level, title, message: command.data });
    } else if (command.name === 'group') groups.push(command.data);
    else if (command.name === 'add-mask') masks.push(command.data);
    else if (command.name === 'stop-commands') stop = command.data.toLowerCase();
    else if (!['endgroup', 'debug'].includes(command.name)) lines.push(line);
  }
  return { annotations, groups, masks, lines };
}

/** Reads a file of outputs; throws what fails the step on a runner. The last value of a name wins. */
export function readOutputs(text: string): Readonly<Record<string, string>> {
  const outputs: Record<string, string> = {};
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line === '') continue;
    const [equals, heredoc] = [line.indexOf('='), line.indexOf('<<')];
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      outputs[line.slice(0, equals)] = line.slice(equals + 1);
      continue;
    }
    const delimiter = line.slice(heredoc + 2);
    if (heredoc < 1 || delimiter === '') throw new Error(`Invalid format '${line}'`);
    const end = lines.indexOf(delimiter, at + 1);
    if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
    outputs[line.slice(0, heredoc)] = lines.slice(at + 1, end).join('\n');
    at = end;
  }
  return outputs;
}

/** The manifest of an action, as far as the runner reads it. */
export interface ActionManifest {
  readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly runs: { readonly using: string; readonly main: string };
}

/** Reads action.yml. */
export function readManifest(): ActionManifest {
  return parse(readFileSync('action.yml', 'utf8')) as ActionManifest;
}

/** The variables and files that a step has on a runner, until the test ends. */
export function makeStep(inputs: Readonly<Record<string, string>> = {}) {
  const folder = makeFolder({ output: '', summary: '' });
  const [output, summary] = [join(folder, 'output'), join(folder, 'summary')];
  const declared = Object.entries(readManifest().inputs).map(([name, { default: value = '' }]) => [
    name,
    value,
  ]);
  const all = Object.entries({ ...Object.fromEntries(declared), ...inputs } as typeof inputs);
  return {
    environment: {
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: output,
      GITHUB_STEP_SUMMARY: summary,
      // Blanks become underscores; hyphens stay.
      ...Object.fromEntries(
        all.map(([name, value]) => [`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`, value]),
      ),
    },
    outputs: () => readOutputs(readFileSync(output, 'utf8')),
    summary: () => readFileSync(summary, 'utf8'),
  };
}
