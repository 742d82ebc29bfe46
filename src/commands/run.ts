import { at } from '../aws/ecs.ts';
import type { LogEvent } from '../aws/logs.ts';
import { outcomeOfTask } from '../core/result.ts';
import type { LogLine } from '../core/result.ts';
import { shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError, EXIT_STATUS } from '../errors.ts';
import { secondsSince } from '../events.ts';
import { enforce } from '../plan/enforce.ts';
import { observeGiven } from '../plan/image.ts';
import { observeServices } from '../plan/observe.ts';
import { checkActive, observeCommand, observeLaunch, planCommand } from '../plan/one-off.ts';
import type { CommandPlan } from '../plan/one-off.ts';
import { plan } from '../plan/plan.ts';
import { aboutOf } from '../plan/plan-service.ts';
import type { ServicePlan } from '../plan/plan-service.ts';
import { runOneOff } from '../rollout/one-off.ts';
import type { OneOffEnd } from '../rollout/one-off.ts';
import { registerDrafts } from '../rollout/register.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf, Target } from '../settings/config.ts';
import { askStop } from './ask-stop.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';

/** Log lines that the JSON document holds: the last ones. */
const MOST_LINES = 10_000;

/** Runs a command once in a task like those of the service, and ends with what became of it. */
export async function run(context: Context<'run'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  const target = onlyTarget(config);
  if (context.rest.length === 0) throw noCommand();
  const tools = await connectTools(context);
  const { service, planned } = await planRun(tools, context, target);
  const { request } = planned;
  if (config.dryRun) {
    tools.emit({ kind: 'dry-run-ended' });
    return dryRun(service, request);
  }
  const revision = await registered(tools, service);
  const logged: LogEvent[] = [];
  const start = performance.now();
  const end = await runOneOff(
    {
      ...at(tools, target),
      // With --json, stdout has the document only.
      onLines: config.json
        ? (events) => void logged.splice(0, logged.push(...events) - MOST_LINES)
        : (events) => context.print({ kind: 'lines', lines: events.map(({ message }) => message) }),
      isPrinted: !config.json,
      askStop: askStop(context),
    },
    config,
    {
      service: service.service,
      revision,
      definition: service.definition,
      command: planned.command,
      request,
      timeout: config.timeout,
    },
  );
  const { task, container } = end.result;
  return {
    ...endOf(config, end),
    image: null,
    services: [],
    tasks: [end.result],
    ...(config.json && { logs: logged.map((event) => lineOf(event, task ?? '', container)) }),
    seconds: { run: secondsSince(start) },
    ...(config.noWait && task !== null && { output: { kind: 'text', text: task } }),
  };
}

function onlyTarget({ targets }: ConfigOf<'run'>): Target {
  const [target, ...others] = targets;
  if (target !== undefined && others.length === 0) return target;
  throw new EcsDeployError({
    code: 'usage',
    message: `run works on one service, but the config names ${targets.length}: ${targets.map(({ service }) => service).join(', ')}.`,
    hint: 'choose one with --service NAME',
  });
}

function noCommand(): EcsDeployError {
  return new EcsDeployError({
    code: 'usage',
    message: 'run needs a command.',
    hint: 'write it after --, e.g. ecsdeploy run -- rails db:migrate',
  });
}

/** Observes and plans; throws every problem at once. */
async function planRun(
  tools: Tools,
  { config, rest }: Context<'run'>,
  target: Target,
): Promise<{ readonly service: ServicePlan; readonly planned: CommandPlan }> {
  const { image, given, skipCheck, timeout, cpu, memory } = config;
  // What the command line sets is for this task only, and not for a revision.
  const own = Object.entries(target.setEnv).filter(([name]) => !(name in (given.setEnv ?? {})));
  const targets = [{ ...target, setEnv: Object.fromEntries(own) }];
  const [services, observed] = await Promise.all([
    observeServices(tools, { targets }, (there, _, service) =>
      observeCommand(there, { image, named: given.taskDefinition }, service),
    ),
    image === undefined ? undefined : observeGiven(tools, config, image),
  ]);
  const images = observed === undefined ? [] : [{ name: target.imageName, image: observed }];
  const made = plan({ skipCheck, timeout }, { services, images, checked: false });
  const [service] = made.services;
  if (service === undefined) {
    enforce(tools, made.findings);
    throw new Error('no service was planned');
  }
  const about = aboutOf(target);
  const launch = await observeLaunch(at(tools, target), service.service);
  const request = {
    words: rest,
    container: target.container,
    setEnv: given.setEnv ?? {},
    cpu,
    memory,
  };
  const { plan: planned, findings } = planCommand(about, request, launch, service.definition);
  enforce(tools, [...made.findings, ...checkActive(about, service.running), ...findings]);
  if (planned === undefined) throw new Error('no command was planned');
  return { service, planned };
}

/** ARN of the revision to run, registered for the image where one is given. */
async function registered(
  tools: Tools,
  { revision, definition, running, service }: ServicePlan,
): Promise<string> {
  if (revision !== undefined) return revision;
  const [registration] = await registerDrafts(tools, [
    { definition, origin: running, place: service.place },
  ]);
  if (registration === undefined) throw new Error('nothing was registered');
  return registration.arn;
}

/** The input of RunTask, without the values of variables. */
function dryRun({ running, revision }: ServicePlan, request: JsonObject): CommandResult {
  const taskDefinition = revision ?? `${running.family} (a new revision with the image)`;
  const shown = JSON.stringify(
    { ...request, taskDefinition },
    (key, value: unknown) => (key === 'value' ? '(hidden)' : value),
    2,
  );
  return {
    outcome: 'planned',
    image: null,
    services: [],
    seconds: {},
    output: { kind: 'text', text: shown },
  };
}

function lineOf({ timestamp, message }: LogEvent, task: string, container: string): LogLine {
  return {
    task: shortName(task),
    container,
    time: new Date(timestamp).toISOString(),
    message,
    stopped: true,
  };
}

/** How the run ends: 10 when the command failed, 0 when it is not awaited. */
function endOf(
  { noWait, exitCode: passes }: ConfigOf<'run'>,
  { result, error }: OneOffEnd,
): Pick<CommandResult, 'outcome' | 'status' | 'error'> {
  const { outcome, exitCode } = result;
  if (noWait && error === undefined) return { outcome: 'unknown', status: EXIT_STATUS.succeeded };
  if (error === undefined) return { outcome };
  const { code, message, hint = null } = error;
  // A task that was stopped from outside can have 0.
  const status = passes && exitCode !== null && exitCode !== 0 ? exitCode : error.status;
  return { outcome: outcomeOfTask(result, code), status, error: { code, message, hint } };
}
