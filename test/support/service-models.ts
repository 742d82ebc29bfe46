import * as logs from '@aws-sdk/client-cloudwatch-logs';
import * as codedeploy from '@aws-sdk/client-codedeploy';
import * as ecr from '@aws-sdk/client-ecr';
import * as ecs from '@aws-sdk/client-ecs';
import * as elb from '@aws-sdk/client-elastic-load-balancing-v2';
import * as events from '@aws-sdk/client-eventbridge';
import * as scheduler from '@aws-sdk/client-scheduler';
import * as secretsmanager from '@aws-sdk/client-secrets-manager';
import * as ssm from '@aws-sdk/client-ssm';
import * as sts from '@aws-sdk/client-sts';

/** A service that the sandbox serves in part, as AWS models it. */
export interface ServiceModel {
  readonly title: string;
  /** Of its target header, or `query`, or `rest`. */
  readonly prefix: string;
  /** The members of the input of each operation. */
  readonly operations: ReadonlyMap<string, readonly string[]>;
}

/** What the SDK calls an operation: kind 9, namespace, name, traits, input. */
type Schema = readonly [number, string, string, unknown, Structure | (() => Structure)];
type Structure = readonly [number, string, string, unknown, (readonly string[])?];

function modelOf(title: string, prefix: string, client: Readonly<Record<string, unknown>>) {
  const operations = Object.values(client)
    .filter((value): value is Schema => Array.isArray(value) && value[0] === 9)
    .map(([, , name, , input]): [string, readonly string[]] => {
      const [, , , , members = []] = typeof input === 'function' ? input() : input;
      return [name, members];
    });
  return { title, prefix, operations: new Map(operations) };
}

/** The services by IAM prefix, from the SDK's own schemas. */
export const SERVICE_MODELS: Readonly<Record<string, ServiceModel>> = {
  ecs: modelOf('Amazon ECS', 'AmazonEC2ContainerServiceV20141113', ecs),
  ecr: modelOf('Amazon ECR', 'AmazonEC2ContainerRegistry_V20150921', ecr),
  logs: modelOf('CloudWatch Logs', 'Logs_20140328', logs),
  codedeploy: modelOf('CodeDeploy', 'CodeDeploy_20141006', codedeploy),
  elasticloadbalancing: modelOf('Elastic Load Balancing', 'query', elb),
  events: modelOf('EventBridge', 'AWSEvents', events),
  scheduler: modelOf('EventBridge Scheduler', 'rest', scheduler),
  secretsmanager: modelOf('Secrets Manager', 'secretsmanager', secretsmanager),
  ssm: modelOf('Systems Manager Parameter Store', 'AmazonSSM', ssm),
  sts: modelOf('STS', 'query', sts),
};
