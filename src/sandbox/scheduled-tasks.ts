import type { EventBridge } from './event-bridge.ts';
import type { Operations } from './wire.ts';

/** Where the scheduled tasks of the start world run, and what. */
interface Place {
  readonly account: string;
  readonly region: string;
  readonly cluster: string;
  /** `family:revision` */
  readonly revision: string;
}

/**
 * Creates the rules and schedules of the start world. Of the service's family: the rule `nightly`
 * (pinned, two targets besides a queue), the rule `hourly` (its latest revision), the managed rule
 * `ManagedRestart`, and the schedules `weekly` (in the time zone of Seoul), `jobs/archive` (disabled),
 * `minutely` (its latest revision) and `export` (a universal target). Others run `billing`.
 */
export async function createScheduledTasks(
  events: EventBridge,
  schedules: Operations,
  { account, region, cluster, revision }: Place,
): Promise<void> {
  const arn = (service: string, path: string) => `arn:aws:${service}:${region}:${account}:${path}`;
  const clusterArn = arn('ecs', `cluster/${cluster}`);
  const role = (name: string) => `arn:aws:iam::${account}:role/${name}`;
  const definition = (name: string) => arn('ecs', `task-definition/${name}`);
  const [family = ''] = revision.split(':');
  const deadLetters = { DeadLetterConfig: { Arn: arn('sqs', 'missed-jobs') } };
  const retries = { RetryPolicy: { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 3600 } };
  const overrides = (...command: string[]) =>
    JSON.stringify({ containerOverrides: [{ name: 'hyeon9mak-container', command }] });
  const network = {
    NetworkConfiguration: {
      awsvpcConfiguration: { Subnets: ['subnet-0123456789abcdef0'], AssignPublicIp: 'ENABLED' },
    },
  };
  const parameters = (name: string, more: object = {}) => ({
    EcsParameters: {
      TaskDefinitionArn: definition(name),
      TaskCount: 1,
      LaunchType: 'FARGATE',
      ...network,
      ...more,
    },
  });
  const task = (Id: string, name: string, more: object = {}) => ({
    Id,
    Arn: clusterArn,
    RoleArn: role('ecsEventsRole'),
    ...parameters(name),
    ...more,
  });
  const cron = (expression: string) => ({ ScheduleExpression: `cron(${expression})` });

  events.createRule(region, 'nightly', cron('0 3 * * ? *'), [
    task('report', revision, { Input: overrides('report'), ...retries, ...deadLetters }),
    task('cleanup', revision, {
      InputTransformer: {
        InputPathsMap: { day: '$.time' },
        InputTemplate:
          '{"containerOverrides":[{"name":"hyeon9mak-container","command":["<day>"]}]}',
      },
    }),
    { Id: 'announce', Arn: arn('sqs', 'nightly') },
  ]);
  events.createRule(region, 'hourly', cron('0 * * * ? *'), [task('sync', family)]);
  events.createRule(
    region,
    'ManagedRestart',
    cron('0 4 * * ? *'),
    [task('restart', revision)],
    'restart.amazonaws.com',
  );
  events.createRule(region, 'billing', cron('0 5 1 * ? *'), [task('bill', 'billing:7')]);

  const create = (Name: string, Target: object, more: object = {}) =>
    schedules['CreateSchedule']?.(
      {
        Name,
        FlexibleTimeWindow: { Mode: 'OFF' },
        ScheduleExpression: 'rate(1 day)',
        Target: { RoleArn: role('ecsSchedulerRole'), ...Target },
        ...more,
      },
      { region },
    );
  const target = (name: string) => ({ Arn: clusterArn, ...parameters(name) });
  await create(
    'weekly',
    { ...target(revision), Input: overrides('digest'), ...deadLetters, ...retries },
    {
      Description: 'the digest of the week',
      ScheduleExpression: 'cron(0 9 ? * MON *)',
      ScheduleExpressionTimezone: 'Asia/Seoul',
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
      StartDate: 1_767_225_600,
    },
  );
  await create('archive', target(revision), { GroupName: 'jobs', State: 'DISABLED' });
  await create('minutely', target(family), { ScheduleExpression: 'rate(1 minute)' });
  await create('export', {
    Arn: 'arn:aws:scheduler:::aws-sdk:ecs:runTask',
    Input: JSON.stringify({ Cluster: cluster, TaskDefinition: revision }),
  });
  await create('billing', target('billing:7'));
}
