import { existsSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { isDenied } from '../aws/optional.ts';
import type { CommandResult, Context } from './context.ts';
import { EcsDeployError } from '../errors.ts';
import { workflowCommands } from '../init/workflow.ts';
import { configText } from '../init/config-text.ts';
import { withGiven } from '../init/draft.ts';
import type { Draft } from '../init/draft.ts';
import { askAccount, confirmWrite, given, hasSetting } from '../init/from-account.ts';
import type { Asking } from '../init/from-account.ts';
import type { FromWorkflow } from '../init/from-workflow.ts';
import type { ConfigOf } from '../settings/config.ts';
import { longFlag, waysToGive } from '../settings/lookup.ts';
import { connectTools } from './connect.ts';

const NEEDED = ['cluster', 'service', 'repository'] as const;

/** A draft without settings. */
const NOTHING_YET: Draft = {
  values: {},
  services: undefined,
  images: new Map(),
  environments: new Map(),
};

/** Writes `.ecsdeployrc`: from a workflow, from the flags, or from answers on a terminal. */
export async function init(context: Context<'init'>): Promise<CommandResult> {
  const { config, directory, emit } = context;
  const { file, fromWorkflow, writeWorkflow } = config;
  if (file !== undefined) throw exists(file);
  if (writeWorkflow !== undefined && fromWorkflow === undefined) {
    throw new EcsDeployError({
      code: 'usage',
      message: '--write-workflow needs --from-workflow.',
      hint: 'name the workflow to replace: --from-workflow .github/workflows/FILE',
    });
  }
  const read = fromWorkflow === undefined ? undefined : await readWorkflow(fromWorkflow, directory);
  const path = join(read?.root ?? directory, '.ecsdeployrc');
  const files = [path, ...(writeWorkflow === undefined ? [] : [resolve(directory, writeWorkflow)])];
  const taken = files.find((item) => existsSync(item));
  if (taken !== undefined) throw exists(taken);
  const drafted = withGiven(read?.draft ?? NOTHING_YET, givenIn(config));
  const asking = await openTerminal(context);
  if (asking === undefined && read === undefined) requireAll(drafted, directory);
  const draft = asking === undefined ? drafted : await ask(asking, drafted, read !== undefined);
  const shown = relative(directory, path);
  const content = configText(draft, read === undefined ? '' : ` from ${fromWorkflow}`);
  const missing = (read?.missing ?? []).filter(({ key }) => !hasSetting(draft, key));
  emit({ kind: 'config-drafted', path: shown, content });
  if (read !== undefined) {
    const { remarks, proposal } = read;
    emit({
      kind: 'workflow-read',
      remarks,
      missing: missing.map(({ key, text, place }) => ({ place, key, text, ways: waysToGive(key) })),
    });
    emit({ kind: 'workflow-proposed', content: proposal });
  }
  const result = {
    image: null,
    services: [],
    seconds: {},
    init: {
      file: path,
      content,
      remarks: read?.remarks ?? [],
      missing: missing.map(({ key }) => key),
      workflow: read?.proposal ?? null,
    },
  };
  if (asking !== undefined && !(await confirmWrite(asking, shown))) {
    return { ...result, outcome: 'unchanged' };
  }
  writeNew(path, content);
  const again = asking === undefined || read !== undefined ? undefined : commandLine(draft);
  emit({ kind: 'file-written', path: shown, again });
  if (read !== undefined && writeWorkflow !== undefined) {
    writeNew(resolve(directory, writeWorkflow), read.proposal);
    emit({ kind: 'file-written', path: writeWorkflow, again: undefined });
  }
  return { ...result, outcome: 'succeeded' };
}

async function readWorkflow(file: string, directory: string): Promise<FromWorkflow> {
  const { fromWorkflow } = await import('../init/from-workflow.ts');
  return fromWorkflow(file, directory);
}

/** What flags and variables give. */
function givenIn({ targets, cluster, region, profile, repository, container }: ConfigOf<'init'>) {
  const services = targets.map(({ service }) => service);
  return given({
    // An empty one stands for the default credential chain, which needs no setting.
    profile: profile === '' ? undefined : profile,
    region,
    cluster,
    repository,
    service: services.length > 1 ? services : services[0],
    container: container?.length === 1 ? container[0] : container,
  });
}

async function openTerminal(context: Context<'init'>): Promise<Asking | undefined> {
  const { terminal } = context;
  return terminal && { ...(await connectTools(context)), terminal };
}

/** The command line that gives what a draft has. */
function commandLine({ values }: Draft): string {
  const words = (['region', 'cluster', 'service', 'container', 'repository'] as const).flatMap(
    (key) => {
      const given = values[key]?.value;
      const list: readonly unknown[] = Array.isArray(given) ? given : [given ?? []].flat();
      return list.map((value) => `${longFlag(key)} ${String(value)}`);
    },
  );
  return ['ecsdeploy init', ...words].join(' ');
}

/** Asks for what is missing; a workflow needs no account to be read. */
async function ask(asking: Asking, draft: Draft, isRead: boolean): Promise<Draft> {
  if (isRead && NEEDED.every((key) => hasSetting(draft, key))) return draft;
  try {
    return await askAccount(asking, draft);
  } catch (error) {
    const isAway =
      error instanceof EcsDeployError &&
      (/^(credentials|region|aws)-/.test(error.code) || isDenied(error));
    if (!isRead || !isAway) throw error;
    const message = `Continuing without what the account has: ${error.message}`;
    asking.emit({ kind: 'warning', message, hint: error.hint });
    return draft;
  }
}

/** Throws `usage` without a terminal where the flags do not say everything. */
function requireAll(draft: Draft, directory: string): void {
  const missing = NEEDED.filter((key) => !hasSetting(draft, key));
  if (missing.length === 0) return;
  throw new EcsDeployError({
    code: 'usage',
    message: 'ecsdeploy init asks questions, but this is not a terminal.',
    hint: [
      `give ${missing.map((key) => `--${key} NAME`).join(' ')}, and --container NAME if the tasks have several containers`,
      ...workflowCommands(directory).map((command) => `or read a workflow: ${command}`),
    ].join('\n'),
  });
}

function writeNew(path: string, content: string): void {
  try {
    writeFileSync(path, content, { flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw exists(path);
    throw new EcsDeployError({
      code: 'usage',
      message: `Cannot write ${path}: ${message}`,
      cause: error,
    });
  }
}

function exists(path: string): EcsDeployError {
  return new EcsDeployError({
    code: 'usage',
    message: `${path} already exists. ecsdeploy init does not change it.`,
    hint: `to write a new one, remove it first: rm ${path}`,
  });
}
