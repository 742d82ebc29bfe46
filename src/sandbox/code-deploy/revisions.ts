import { createHash } from 'node:crypto';
import { awsFault } from '../wire.ts';
import { failure } from './failure.ts';
import type { Application, CodeDeployState, Revision } from './state.ts';

/** Members of a revision that hold an AppSpec, by `revisionType`. */
const MEMBERS = { AppSpecContent: 'appSpecContent', String: 'string' } as const;

type StoredType = keyof typeof MEMBERS;

const isStored = (type: unknown): type is StoredType => Object.hasOwn(MEMBERS, String(type));

/** A revision whose AppSpec CodeDeploy has. */
export function storedRevision(revisionType: StoredType, content: string): Revision {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { revisionType, [MEMBERS[revisionType]]: { content, sha256 } };
}

/** Throws what CreateDeployment refuses; returns the revision with the hash of its content. */
export function checkRevision(revision: Revision | undefined): Revision {
  const { revisionType } = revision ?? {};
  if (revision === undefined || revisionType === undefined) {
    throw awsFault('RevisionRequiredException', 'RevisionLocation must be specified');
  }
  const invalid = (message: string) => awsFault('InvalidRevisionException', message);
  if (revisionType === 'S3') {
    const { bucket, key, bundleType } = revision.s3Location ?? {};
    if (!bucket || !key) throw invalid('The S3 location must have a bucket and a key');
    if (bundleType !== 'YAML' && bundleType !== 'JSON') {
      throw invalid('For ECS deployments, BundleType must be either YAML or JSON');
    }
    return revision;
  }
  if (!isStored(revisionType)) {
    throw invalid(`The revision type ${revisionType} is not supported by the compute platform ECS`);
  }
  const { content, sha256 } = revision[MEMBERS[revisionType]] ?? {};
  if (!content) throw invalid('The content of the AppSpec must be specified');
  const stored = storedRevision(revisionType, content);
  if (sha256 !== undefined && sha256 !== hashOf(stored)) {
    throw invalid('The SHA256 hash of the AppSpec does not match its content');
  }
  return stored;
}

/** The AppSpec of a revision; throws the failure of a deployment that cannot read it. */
export function contentOf({ files }: CodeDeployState, revision: Revision): string {
  const { appSpecContent, string, s3Location } = revision;
  const content = appSpecContent?.content ?? string?.content ?? files.get(placeOf(s3Location));
  if (content !== undefined) return content;
  throw failure(
    'REVISION_MISSING',
    `The revision ${placeOf(s3Location)} could not be found, or the service role is not allowed to read it.`,
  );
}

/** Finds the revision of a deployment of an application by its hash or its place. */
export function findRevision(
  { deployments }: CodeDeployState,
  application: Application,
  wanted: Revision | undefined,
): Revision {
  if (wanted === undefined) {
    throw awsFault('RevisionRequiredException', 'RevisionLocation must be specified');
  }
  const found = [...deployments.values()]
    .filter(({ group }) => group.application === application)
    .find(({ revision }) => identityOf(revision) === identityOf(wanted));
  if (found !== undefined) return found.revision;
  throw awsFault('RevisionDoesNotExistException', 'No application revision found');
}

function identityOf(revision: Revision): string {
  return hashOf(revision) ?? placeOf(revision.s3Location);
}

function hashOf({ appSpecContent, string }: Revision): string | undefined {
  const { sha256, content } = appSpecContent ?? string ?? {};
  return sha256 ?? (content && createHash('sha256').update(content).digest('hex'));
}

/** `s3://BUCKET/KEY` */
export function placeOf({ bucket = '', key = '' }: Revision['s3Location'] = {}): string {
  return `s3://${bucket}/${key}`;
}
