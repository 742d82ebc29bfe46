import type { ServiceResult } from '../core/result.ts';

/** Where a result is written. */
export interface Page {
  /** Columns of the terminal; infinite elsewhere. */
  readonly columns: number;
  /** The page of a service in the AWS console. */
  readonly linkOf: (
    service: Pick<ServiceResult, 'cluster' | 'service' | 'taskDefinition'>,
  ) => string | undefined;
}
