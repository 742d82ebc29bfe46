import type { Remark } from '../core/result.ts';
import { dirname, resolve } from 'node:path';
import { EcsDeployError } from '../errors.ts';
import { draftOf } from './draft.ts';
import type { Draft, Missing } from './draft.ts';
import { interpret } from './jobs.ts';
import { proposeWorkflow } from './proposal.ts';

import { readWorkflow } from './workflow.ts';

/** What `init` makes of a workflow. */
export interface FromWorkflow {
  /** The root of the workflow's repository, where its paths begin; absolute. */
  readonly root: string;
  readonly draft: Draft;
  readonly missing: readonly Missing[];
  /** In the order of the workflow's lines. */
  readonly remarks: readonly Remark[];
  /** The text of the workflow that replaces it. */
  readonly proposal: string;
}

/** Reads a workflow of GitHub Actions that deploys to ECS; throws `usage` for any other file. */
export function fromWorkflow(file: string, directory: string): FromWorkflow {
  const path = resolve(directory, file);
  const folder = dirname(path);
  const root = /[/\\]\.github[/\\]workflows$/.test(folder) ? resolve(folder, '../..') : directory;
  const workflow = readWorkflow(path);
  const found = interpret(workflow, root);
  if (found.deployments.length === 0) {
    throw new EcsDeployError({
      code: 'usage',
      message: `${file} does not deploy a service to ECS.`,
      hint: [
        ...found.remarks.map(({ place, message }) => `${place}: ${message}`),
        'understood are aws-actions/amazon-ecs-deploy-task-definition and aws ecs update-service',
      ].join('\n'),
    });
  }
  const draft = draftOf(found);
  const proposal = proposeWorkflow(workflow, found, draft);
  const line = ({ place }: Remark) => Number(place.split(':').at(-1));
  return {
    root,
    draft: draft.draft,
    missing: draft.missing,
    remarks: [...draft.remarks, ...proposal.remarks].toSorted((a, b) => line(a) - line(b)),
    proposal: proposal.text,
  };
}
