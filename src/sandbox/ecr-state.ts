import type { Expiry } from './ecr-lifecycle.ts';

/** A repository of ECR; its tags, manifests and layers are in the registry. */
export interface Repository {
  readonly name: string;
  readonly createdAt: number;
  readonly encryption: Encryption;
  mutability: string;
  /** Patterns (`*` is a wildcard) of tags to which the opposite mutability applies. */
  exclusions: readonly string[];
  scanOnPush: boolean;
  tags: readonly Tag[];
  /** JSON text of the policy, which is never enforced. */
  policy?: string;
  /** JSON text of the lifecycle policy, which is never carried out. */
  lifecyclePolicy?: string;
  preview?: { readonly text: string; readonly expiries: readonly Expiry[] };
  /** Time at which each digest was first seen, in epoch seconds. */
  readonly pushedAt: Map<string, number>;
  /** Time of the scan of each digest. */
  readonly scannedAt: Map<string, number>;
  /** Digests of archived images. */
  readonly archived: Set<string>;
}

/** How the layers of a repository are encrypted. */
export interface Encryption {
  readonly encryptionType: string;
  readonly kmsKey?: string;
}

/** A tag of a resource, as ECR spells it. */
export interface Tag {
  readonly Key: string;
  readonly Value?: string;
}
