import type { ServiceResult } from '../core/result.ts';

/** Hosts of the console by partition. */
const HOSTS: Readonly<Record<string, string>> = {
  aws: 'console.aws.amazon.com',
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
};

/** The page of a service in the AWS console; undefined in a partition without a known one. */
export function consoleLink({
  cluster,
  service,
  taskDefinition,
}: Pick<ServiceResult, 'cluster' | 'service' | 'taskDefinition'>): string | undefined {
  const [, partition = '', , region = ''] = taskDefinition?.split(':') ?? [];
  const host = HOSTS[partition];
  return host === undefined || service === ''
    ? undefined
    : `https://${region}.${host}/ecs/v2/clusters/${cluster}/services/${service}/health?region=${region}`;
}

/** The page of a task in the AWS console; undefined in a partition without a known one. */
export function taskLink(arn: string): string | undefined {
  const [, partition = '', , region = ''] = arn.split(':');
  const [cluster = '', id = ''] = arn.split('/').slice(-2);
  const host = HOSTS[partition];
  return host === undefined
    ? undefined
    : `https://${region}.${host}/ecs/v2/clusters/${cluster}/tasks/${id}/configuration?region=${region}`;
}

/** The log group of a Lambda function in the AWS console; undefined in a partition without a known one. */
export function functionLogLink(arn: string): string | undefined {
  const [, partition = '', , region = '', , , name = ''] = arn.split(':');
  const host = HOSTS[partition];
  // The console encodes the name twice, with $ in place of %.
  const encoded = encodeURIComponent(encodeURIComponent(`/aws/lambda/${name}`));
  return host === undefined || name === ''
    ? undefined
    : `https://${region}.${host}/cloudwatch/home?region=${region}#logsV2:log-groups/log-group/${encoded.replaceAll('%', '$')}`;
}

/** Whether the services of a run are in a console: another endpoint is another AWS, as the sandbox. */
export function hasConsole(environment: Readonly<Record<string, string | undefined>>): boolean {
  return !environment['AWS_ENDPOINT_URL'] && !environment['AWS_ENDPOINT_URL_ECS'];
}
