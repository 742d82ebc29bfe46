import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connect } from '../../src/aws/client.ts';
import { openEcs } from '../../src/aws/ecs.ts';
import { describeServices } from '../../src/aws/services.ts';

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
  const server = createServer((_, response) => response.end(JSON.stringify({ services })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    vi.unstubAllEnvs();
  });
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  const aws = await connect({
    profile: '',
    region: 'eu-west-1',
    environment: process.env,
    ask: undefined,
    onCall: () => {},
    signal: new AbortController().signal,
  });
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
