import { expect, test } from 'vitest';
import { openEcs } from '../../src/aws/ecs.ts';
import { describeServices } from '../../src/aws/services.ts';
import { serveAws } from '../support/aws.ts';

const ARN = 'arn:aws:ecs:eu-west-1:111122223333';

/** A service as ECS answers with these members, and these of its PRIMARY deployment. */
async function read(service: object, primary: object = {}) {
  const deployment = (status: string, more: object) => ({
    id: `ecs-svc/${status}`,
    status,
    taskDefinition: `${ARN}:task-definition/app:1`,
    ...more,
  });
  const services = [
    {
      serviceArn: `${ARN}:service/backend/api`,
      serviceName: 'api',
      clusterArn: `${ARN}:cluster/backend`,
      status: 'ACTIVE',
      deployments: [
        deployment('ACTIVE', {
          serviceConnectConfiguration: { enabled: true, services: [{ portName: 'old' }] },
          volumeConfigurations: [{ name: 'old' }],
        }),
        deployment('PRIMARY', primary),
      ],
      ...service,
    },
  ];
  const aws = await serveAws((_, response) => response.end(JSON.stringify({ services })));
  const [found] = await describeServices(await openEcs(aws), 'backend', ['api']);
  return found;
}

const services = [{ portName: 'web' }, { portName: 'admin', clientAliases: [] }];
const connectNames = [
  { by: 'Service Connect', name: 'web' },
  { by: 'Service Connect', name: 'admin' },
];

test.each<[object, object, object]>([
  [{}, {}, { portNames: [], volumes: [], registries: [], hasNetwork: false }],
  [{}, { serviceConnectConfiguration: { enabled: true, services } }, { portNames: connectNames }],
  [{}, { serviceConnectConfiguration: { services } }, { portNames: connectNames }],
  [{}, { serviceConnectConfiguration: { enabled: false, services } }, { portNames: [] }],
  // A client only, without ports of its own.
  [{}, { serviceConnectConfiguration: { enabled: true } }, { portNames: [] }],
  [
    {},
    { vpcLatticeConfigurations: [{ roleArn: 'r', targetGroupArn: 't', portName: 'web' }] },
    { portNames: [{ by: 'VPC Lattice', name: 'web' }] },
  ],
  [{}, { volumeConfigurations: [{ name: 'data' }] }, { volumes: ['data'] }],
  [
    { serviceRegistries: [{ registryArn: 'a', containerName: 'app', containerPort: 80 }] },
    {},
    { registries: [{ container: 'app', port: 80 }] },
  ],
  // A registry of A records names no container.
  [{ serviceRegistries: [{ registryArn: 'a' }] }, {}, { registries: [] }],
  [{ networkConfiguration: { awsvpcConfiguration: { subnets: ['s'] } } }, {}, { hasNetwork: true }],
])(
  'of %j with the PRIMARY deployment %j is kept what it demands',
  async (service, primary, kept) => {
    expect(await read(service, primary)).toMatchObject(kept);
  },
);
