/** Settings of the containers that build steps run in. */
export interface StepOptions {
  readonly network: 'default' | 'none' | 'host' | undefined;
  /** As `HOST:ADDRESS`. */
  readonly addHosts: readonly string[];
  /** Bytes. */
  readonly shmSize: number | undefined;
  readonly ulimits: readonly {
    readonly name: string;
    readonly soft: number;
    readonly hard: number;
  }[];
}

/** The address that Docker puts in place of `host-gateway`. */
const GATEWAY = 'host-gateway';

/** Whether a host has the address of the daemon's host, which only the daemon knows. */
export function needsGateway({ addHosts }: StepOptions): boolean {
  return addHosts.some((item) => item.endsWith(`:${GATEWAY}`));
}

/** The options of `/build`. */
export function engineSteps({
  network,
  addHosts,
  shmSize,
  ulimits,
}: StepOptions): Readonly<Record<string, unknown>> {
  const limits = ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard }));
  return {
    ...(network !== undefined && { networkmode: network }),
    ...(addHosts.length > 0 && { extrahosts: addHosts }),
    ...(shmSize !== undefined && { shmsize: shmSize }),
    ...(limits.length > 0 && { ulimits: JSON.stringify(limits) }),
  };
}

/** The options of the Dockerfile frontend (moby 28.0, `builder-next/builder.go`). */
export function frontendSteps(
  { network, addHosts, shmSize, ulimits }: StepOptions,
  gateway: string | undefined,
): Readonly<Record<string, string>> {
  const hosts = addHosts.map((item) => {
    const [host = '', address = ''] = item.split(/:(.*)/s);
    return `${host}=${address === GATEWAY ? (gateway ?? address) : address.replace(/^\[(.*)\]$/, '$1')}`;
  });
  const limits = ulimits.map(({ name, soft, hard }) => `${name}=${soft}:${hard}`);
  return {
    ...(network !== undefined && network !== 'default' && { 'force-network-mode': network }),
    ...(hosts.length > 0 && { 'add-hosts': hosts.join(',') }),
    ...(shmSize !== undefined && { 'shm-size': String(shmSize) }),
    ...(limits.length > 0 && { ulimit: limits.join(',') }),
  };
}

/** What the daemon has to permit for a build. */
export function entitlementsOf({ network }: StepOptions): readonly string[] {
  return network === 'host' ? ['network.host'] : [];
}
