import { serverTime } from '../aws/client.ts';
import { at, byPlace, regionOf } from '../aws/ecs.ts';
import { callerIdentity } from '../aws/identity.ts';
import { isDenied } from '../aws/optional.ts';
import { ok, skip } from '../core/checks.ts';
import type { Finding } from '../core/checks.ts';
import { placeNote } from '../core/service-name.ts';
import type { Place } from '../core/ecs.ts';
import { measureContext } from '../docker/context/check.ts';
import { withCheckout } from '../plan/checkout.ts';
import { lookUp } from '../plan/lookups.ts';
import type { Lookup } from '../plan/lookups.ts';
import { failures } from '../plan/findings.ts';
import { plan } from '../plan/plan.ts';
import { aboutOf } from '../plan/plan-service.ts';
import type { PlanFinding } from '../plan/findings.ts';
import type { Plan } from '../plan/plan.ts';
import { planReleases } from '../plan/release.ts';
import { attempt } from '../plan/read.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { observeDeploy } from './deploy.ts';

/** Makes the plan of a deploy with all checks, and shows the findings. */
export async function verify(context: Context<'verify'>): Promise<CommandResult> {
  const isNamed = context.config.images.some(({ name }) => name !== undefined);
  requireSettings(context.config, [
    'cluster',
    'service',
    ...(isNamed ? ['repository' as const] : []),
  ]);
  return withCheckout(context, context.config, (config) => verifyFrom({ ...context, config }));
}

async function verifyFrom(context: Context<'verify'>): Promise<CommandResult> {
  const { config, emit } = context;
  const tools = await connectTools(context);
  const [account, observed] = await Promise.all([
    Promise.all(placesOf(config).map((place) => checkAccount(at(tools, { place }), place))),
    observeDeploy(tools, config),
  ]);
  const planned = plan(config, { ...observed, checked: true, now: serverTime(tools.aws) });
  const [looked, releases] = await Promise.all([
    lookUp(tools, [...planned.lookups, ...policyLookups(config, planned)]),
    planReleases(tools, config, planned.services),
  ]);
  const noImage = { check: 'repository', about: 'image', ...skip(NO_IMAGE) } as const;
  const findings = [
    ...account.flat(),
    ...planned.findings,
    ...looked,
    ...releases.findings,
    ...(releases.plans.length > 0 ? [RUN_TASK] : []),
    ...(observed.images.length === 0 ? [noImage] : []),
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

const RUN_TASK: PlanFinding = {
  check: 'release',
  about: 'release tasks',
  ...skip('whether ecs:RunTask is allowed shows only the call itself'),
};
/** What a deploy does not wait for: it reads every image of a repository. */
function policyLookups(
  { skipCheck }: Pick<ConfigOf<'verify'>, 'skipCheck'>,
  { services }: Plan,
): readonly Lookup[] {
  if (skipCheck.includes('lifecycle-policy')) return [];
  return services.map((subject) => ({
    check: 'lifecycle-policy',
    about: aboutOf(subject.target),
    by: 'late',
    place: subject.target.place,
    subject,
  }));
}

const NO_IMAGE = 'neither "repository" nor --image is given';

/** The places of the services, and that of the run where it has an image or a service. */
function placesOf({ targets, repository }: ConfigOf<'verify'>): readonly (Place | undefined)[] {
  const ofRun = targets.length === 0 || repository !== undefined ? [{ place: undefined }] : [];
  return byPlace([...ofRun, ...targets]).map(([{ place }]) => place);
}

async function checkAccount(
  { aws, ecs }: Tools,
  place: Place | undefined,
): Promise<readonly PlanFinding[]> {
  const about = `account${placeNote(place)}`;
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
  config: ConfigOf<'verify'>,
): Promise<Finding> {
  if (error !== undefined && isDenied(error)) return { ...finding, status: 'warn' };
  if (finding.check !== 'build-context' || finding.status !== 'ok') return finding;
  // Of several images, each has a context of its own.
  const own = config.images.find(({ name }) => finding.about === `build ${name}`) ?? config;
  const { files, bytes } = await measureContext(own);
  const size = `${files} files, ${Math.ceil(bytes / 1000)} kB`;
  return { ...finding, message: `${size}; ${finding.message}` };
}
