// Task definitions, as clients register them and as the simulation stores them.

/** A container of a task definition; unknown members are kept. */
export interface ContainerDefinition {
  readonly name: string;
  readonly image: string;
  readonly essential?: boolean;
  readonly cpu?: number;
  readonly memory?: number;
  readonly memoryReservation?: number;
  readonly entryPoint?: readonly string[];
  readonly command?: readonly string[];
  readonly portMappings?: readonly PortMapping[];
  readonly healthCheck?: HealthCheck;
  readonly logConfiguration?: LogConfiguration;
  readonly environment?: readonly { readonly name: string; readonly value?: string | null }[];
  readonly secrets?: readonly { readonly name: string; readonly valueFrom: string }[];
  readonly dependsOn?: readonly { readonly containerName: string; readonly condition: string }[];
  readonly stopTimeout?: number;
  readonly restartPolicy?: {
    readonly enabled?: boolean;
    readonly ignoredExitCodes?: readonly number[];
    readonly restartAttemptPeriod?: number;
  };
  readonly versionConsistency?: string;
  readonly [member: string]: unknown;
}

/** A port of a container; a host port of 0, or none, is dynamic in the network mode `bridge`. */
export interface PortMapping {
  readonly name?: string;
  readonly containerPort?: number;
  readonly hostPort?: number;
  readonly protocol?: string;
  readonly [member: string]: unknown;
}

/** A container's health check; times in seconds. */
interface HealthCheck {
  readonly interval?: number;
  readonly timeout?: number;
  readonly retries?: number;
  readonly startPeriod?: number;
  readonly [member: string]: unknown;
}

interface LogConfiguration {
  readonly logDriver: string;
  readonly options?: Readonly<Record<string, string>>;
}

/** The input of RegisterTaskDefinition without tags. */
export interface TaskDefinitionBody {
  readonly family: string;
  readonly containerDefinitions: readonly ContainerDefinition[];
  readonly executionRoleArn?: string;
  readonly taskRoleArn?: string;
  readonly networkMode?: string;
  readonly requiresCompatibilities?: readonly string[];
  readonly compatibilities?: readonly string[];
  readonly cpu?: string;
  readonly memory?: string;
  readonly runtimePlatform?: {
    readonly cpuArchitecture?: string;
    readonly operatingSystemFamily?: string;
  };
  readonly volumes?: readonly { readonly name?: string; readonly configuredAtLaunch?: boolean }[];
  readonly [member: string]: unknown;
}

/** One revision of a family. */
export interface TaskDefinition {
  readonly arn: string;
  readonly family: string;
  readonly revision: number;
  /** Normalised as DescribeTaskDefinition returns it. */
  readonly body: TaskDefinitionBody;
  tags: readonly Tag[];
  readonly registeredAt: number;
  /** ARN of who registered it. */
  readonly registeredBy: string;
  /** Part of the start world: its tasks are exempt from faults. */
  readonly original: boolean;
  status: 'ACTIVE' | 'INACTIVE' | 'DELETE_IN_PROGRESS';
  deregisteredAt?: number;
  deleteRequestedAt?: number;
}

export interface Tag {
  readonly key: string;
  readonly value?: string;
}
