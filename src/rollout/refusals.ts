import { awsErrorName, awsErrorText } from '../aws/errors.ts';
import type { Service } from '../core/ecs.ts';
import { flagsOf, placeFlags } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';

/**
 * A refusal of UpdateService, explained where the service has as many deployments as ECS allows
 * (docs/explanation/how-ecs-behaves.md#request-limits).
 */
export function explainRefusal(service: Service, error: unknown): unknown {
  if (awsErrorName(error) === 'DeploymentLimitExceededException') return busy(service, error);
  if (!/active deployments exist/.test(awsErrorText(error))) return error;
  const { name, deployments, events } = service;
  const cluster = `${shortName(service.cluster)}${placeFlags(service.place)}`;
  const active = deployments.map(
    ({ taskDefinition, running }) => `${shortName(taskDefinition)} (${running} running)`,
  );
  const kept = events
    .map(({ message }) => /reason (\d+) tasks? under protection/.exec(message)?.[1])
    .find((count) => count !== undefined);
  const why = kept === undefined ? '' : ` Scale-in protection keeps ${kept} old tasks running.`;
  return new EcsDeployError({
    code: 'aws-rejected',
    message: `ECS starts no further deployment of "${name}": ${active.length} are not finished: ${active.join(', ')}.${why}`,
    hint: `wait until their tasks have stopped, or remove the protection: aws ecs update-task-protection --cluster ${cluster} --no-protection-enabled --tasks $(aws ecs list-tasks --cluster ${cluster} --service-name ${name} --query 'taskArns[]' --output text)`,
    cause: error,
  });
}

/** Somebody else has started a deployment of CodeDeploy since the service was read. */
function busy(service: Service, cause: unknown): EcsDeployError {
  const [active] = /d-[A-Z0-9]+/.exec(awsErrorText(cause)) ?? ['another one'];
  const flags = flagsOf(service);
  return new EcsDeployError({
    code: 'service-busy',
    message: `CodeDeploy deploys one revision of "${service.name}" at a time, and the deployment ${active} is in progress.`,
    hint: `to follow it: ecsdeploy rollout --watch ${flags}\nto wait for its end and then continue: --if-busy wait`,
    cause,
  });
}
