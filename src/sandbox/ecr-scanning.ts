import { matchesWildcards } from './ecr-lifecycle.ts';
import type { Repository } from './ecr-state.ts';
import { awsFault } from './wire.ts';
import type { Operation } from './wire.ts';

/** What the scanning of images needs. */
export interface ScanningParts {
  readonly account: string;
  readonly arnOf: (name: string) => string;
  readonly find: (name: unknown) => Repository;
  readonly exists: (name: string) => boolean;
}

type Frequency = 'MANUAL' | 'SCAN_ON_PUSH' | 'CONTINUOUS_SCAN';

interface Filter {
  readonly filter: string;
  readonly filterType: string;
}

interface Scanning {
  readonly scanType: string;
  readonly rules: readonly {
    readonly scanFrequency: Frequency;
    readonly repositoryFilters: readonly Filter[];
  }[];
}

/** When the images of a repository are scanned, and the operations that say so. */
export function createScanning({ account, arnOf, find, exists }: ScanningParts) {
  let registry: Scanning = { scanType: 'BASIC', rules: [] };
  const filtersFor = (name: string, frequency: Frequency): readonly Filter[] =>
    registry.rules
      .filter(({ scanFrequency }) => scanFrequency === frequency)
      .flatMap(({ repositoryFilters }) => repositoryFilters)
      .filter(({ filter }) => hasName(filter, name));
  /** A continuous scan takes precedence over a scan on push, and the registry over the repository. */
  const scanningOf = ({ name, scanOnPush }: Repository) => {
    const [continuous, onPush] = [
      filtersFor(name, 'CONTINUOUS_SCAN'),
      filtersFor(name, 'SCAN_ON_PUSH'),
    ];
    if (continuous.length > 0) {
      return { scanFrequency: 'CONTINUOUS_SCAN' as const, appliedScanFilters: continuous };
    }
    const scanFrequency = onPush.length > 0 || scanOnPush ? 'SCAN_ON_PUSH' : 'MANUAL';
    return { scanFrequency, appliedScanFilters: onPush } as const;
  };
  const operations = {
    PutImageScanningConfiguration: ({ repositoryName, imageScanningConfiguration }) => {
      const repository = find(repositoryName);
      repository.scanOnPush = imageScanningConfiguration.scanOnPush === true;
      return { registryId: account, repositoryName, imageScanningConfiguration };
    },
    BatchGetRepositoryScanningConfiguration: ({ repositoryNames }) => {
      const names = repositoryNames as readonly string[];
      return {
        scanningConfigurations: names.filter(exists).map((repositoryName) => {
          const repository = find(repositoryName);
          const { scanOnPush } = repository;
          const repositoryArn = arnOf(repositoryName);
          return { repositoryArn, repositoryName, scanOnPush, ...scanningOf(repository) };
        }),
        failures: names
          .filter((name) => !exists(name))
          .map((repositoryName) => ({
            repositoryName,
            failureCode: 'REPOSITORY_NOT_FOUND',
            failureReason: `The repository with name '${repositoryName}' does not exist`,
          })),
      };
    },
    GetRegistryScanningConfiguration: () => ({
      registryId: account,
      scanningConfiguration: registry,
    }),
    PutRegistryScanningConfiguration: ({ scanType = 'BASIC', rules = [] }) => {
      const wanted = { scanType, rules } as Scanning;
      const isContinuous = wanted.rules.some((rule) => rule.scanFrequency === 'CONTINUOUS_SCAN');
      if (scanType === 'BASIC' && isContinuous) {
        throw awsFault(
          'InvalidParameterException',
          "Invalid parameter at 'scanFrequency' failed to satisfy constraint: 'CONTINUOUS_SCAN is not supported for BASIC scan type'",
        );
      }
      registry = wanted;
      return { registryScanningConfiguration: registry };
    },
  } satisfies Record<string, Operation>;
  return {
    operations,
    frequencyOf: (repository: Repository): Frequency => scanningOf(repository).scanFrequency,
  };
}

/** A filter without a wildcard matches every name that contains it. */
const hasName = (filter: string, name: string): boolean =>
  filter.includes('*') ? matchesWildcards(filter, name) : name.includes(filter);
