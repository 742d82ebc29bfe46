/** The result of pulling an image reference for a platform. */
export type PulledImage =
  | {
      readonly kind: 'found';
      /** Digest that the reference resolves to; that of the index for a multi-platform image. */
      readonly digest: string;
      /** `architecture` of the image's config, e.g. `amd64`. */
      readonly architecture: string;
      /** The image's entry point and command, joined, for log texts. */
      readonly program: readonly string[];
    }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'no-platform' };

/** Resolves an image reference as the container agent does, and selects `architecture` in an index. */
export type PullImage = (
  reference: string,
  architecture: 'amd64' | 'arm64',
) => Promise<PulledImage>;
