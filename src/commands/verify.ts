import { serverTime } from '../aws/client.ts';
import { regionOf } from '../aws/ecs.ts';
import { callerIdentity } from '../aws/identity.ts';
import { isDenied } from '../aws/optional.ts';
import { ok, skip } from '../core/checks.ts';
import type { Finding } from '../core/checks.ts';
import { shortName } from '../core/task-definition.ts';
import { measureContext } from '../docker/context/check.ts';
import { lookUp } from '../plan/lookups.ts';
import type { Lookup } from '../plan/lookups.ts';
import { failures, plan } from '../plan/plan.ts';
import type { Plan, PlanFinding } from '../plan/plan.ts';
import { attempt } from '../plan/read.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { observeDeploy } from './deploy.ts';

/** Makes the plan of a deploy with all checks, and shows the findings. */
export async function verify(context: Context<'verify'>): Promise<CommandResult> {
  const { config, emit } = context;
  requireSettings(config, ['cluster', 'service']);
  const tools = await connectTools(context);
  const [account, observed] = await Promise.all([
    checkAccount(tools),
    observeDeploy(tools, config),
  ]);
  const planned = plan(config, { ...observed, checked: true, now: serverTime(tools.aws) });
  const looked = await lookUp(tools, [...planned.lookups, ...policyLookups(config, planned)]);
  const noImage = { check: 'repository', about: 'image', ...skip(NO_IMAGE) } as const;
  const findings = [
    ...account,
    ...planned.findings,
    ...looked,
    ...(observed.image === undefined ? [noImage] : []),
  ];
  const checks = await Promise.all(findings.map((item) => toFinding(item, config)));
  emit({ kind: 'checked', findings: checks });
  return {
    outcome: checks.some(({ status }) => status === 'fail') ? 'refused' : 'succeeded',
    image: null,
    services: [],
    checks,
    seconds: {},
  };
}

/** What a deploy does not wait for: it reads every image of a repository. */
function policyLookups(
  { skipCheck }: Pick<ConfigOf<'verify'>, 'skipCheck'>,
  { services }: Plan,
): readonly Lookup[] {
  if (skipCheck.includes('lifecycle-policy')) return [];
  return services.map((subject) => ({
    check: 'lifecycle-policy',
    about: `service ${subject.target.service} in ${shortName(subject.target.cluster)}`,
    by: 'late',
    subject,
  }));
}

const NO_IMAGE = 'neither "repository" nor --image is given';

async function checkAccount({ aws, ecs }: Tools): Promise<readonly PlanFinding[]> {
  const about = 'account';
  const region = await regionOf(ecs);
  const identity = await attempt(callerIdentity(aws));
  if ('value' in identity) {
    const { account, arn } = identity.value;
    return [{ check: 'credentials', about, ...ok(`${account} in ${region}, as ${arn}`) }];
  }
  const findings = failures('credentials', about, identity.error);
  // Some networks allow only ECS and ECR; that does not prevent a deploy.
  const isUnreachable = identity.error.code === 'aws-unreachable';
  return isUnreachable ? findings.map((item) => ({ ...item, status: 'warn' })) : findings;
}

/** A finding as it is shown: a missing permission is a warning. */
async function toFinding(
  { error, ...finding }: PlanFinding,
  { context, dockerfile }: ConfigOf<'verify'>,
): Promise<Finding> {
  if (error !== undefined && isDenied(error)) return { ...finding, status: 'warn' };
  if (finding.check !== 'build-context' || finding.status !== 'ok') return finding;
  const { files, bytes } = await measureContext(context, dockerfile);
  const size = `${files} files, ${Math.ceil(bytes / 1000)} kB`;
  return { ...finding, message: `${size}; ${finding.message}` };
}
