import { isMap, isScalar, isSeq, parseDocument, visit } from 'yaml';
import type { Document, Node, Scalar } from 'yaml';
import { EcsDeployError } from '../errors.ts';
import type { CodeDeployUse } from './code-deploy.ts';
import type { Service } from './ecs.ts';

/** What an AppSpec of ECS names. */
export interface AppSpec {
  /** ARN of the revision. */
  readonly taskDefinition: string;
  /** Names or ARNs of the Lambda functions that lifecycle events call. */
  readonly hooks: Readonly<Record<string, string>>;
}

/** Reads an AppSpec, in YAML or JSON; undefined where it is none of one service of ECS. */
export function readAppSpec(content: string): AppSpec | undefined {
  const document = parse(content);
  const node = document && revisionNode(document);
  if (document === undefined || node === undefined) return undefined;
  return { taskDefinition: String(node.value), hooks: hooksOf(document) };
}

/**
 * An AppSpec with another revision and nothing else changed, comments and unknown members included.
 * Throws `app-spec-unreadable`.
 */
export function withRevision(content: string, revision: string): string {
  const document = parse(content);
  const [start, end] = (document && revisionNode(document)?.range) ?? [];
  if (start === undefined || end === undefined) throw unreadable();
  const changed = `${content.slice(0, start)}${JSON.stringify(revision)}${content.slice(end)}`;
  if (readAppSpec(changed)?.taskDefinition !== revision) throw unreadable();
  return changed;
}

/** The AppSpec that deploys a revision: the last one with another revision, else one of the service. */
export function appSpecFor(
  { loadBalancers, name }: Pick<Service, 'loadBalancers' | 'name'>,
  { appSpec }: Pick<CodeDeployUse, 'appSpec'>,
  revision: string,
): string {
  if (appSpec.kind === 'last') return withRevision(appSpec.content, revision);
  const [balancer] = loadBalancers;
  if (balancer !== undefined) return makeAppSpec(revision, balancer);
  throw new EcsDeployError({
    code: 'app-spec-unreadable',
    message: `The service "${name}" has no load balancer, and no AppSpec to start from.`,
    hint: 'deploy once with an AppSpec: aws deploy create-deployment',
  });
}

/** An AppSpec of a service without one: no hooks, network and capacity as the service has them. */
export function makeAppSpec(
  revision: string,
  { container, port }: { readonly container: string; readonly port: number },
): string {
  const properties = {
    TaskDefinition: revision,
    LoadBalancerInfo: { ContainerName: container, ContainerPort: port },
  };
  const target = { TargetService: { Type: 'AWS::ECS::Service', Properties: properties } };
  return JSON.stringify({ version: '0.0', Resources: [target] }).replace('"0.0"', '0.0');
}

function unreadable(): EcsDeployError {
  return new EcsDeployError({
    code: 'app-spec-unreadable',
    message: 'The AppSpec of the last deployment names no task definition that can be replaced.',
    hint: 'deploy once with a valid AppSpec: aws deploy create-deployment',
  });
}

function parse(content: string): Document.Parsed | undefined {
  const document = parseDocument(content, { schema: 'core' });
  return document.errors.length > 0 ? undefined : document;
}

/** The members of a map by a name, however it is written. */
function member(node: unknown, wanted: string): unknown {
  if (!isMap(node)) return undefined;
  return node.items.find(({ key }) => isScalar(key) && String(key.value).toLowerCase() === wanted)
    ?.value;
}

/** The value that names the revision; undefined where there is none, or several. */
function revisionNode(document: Document.Parsed): (Scalar & Node) | undefined {
  const resources = member(document.contents, 'resources');
  const services = (isSeq(resources) ? resources.items : [])
    .flatMap((item) => (isMap(item) ? item.items : []))
    .map(({ value }) => member(member(value, 'properties'), 'taskdefinition'));
  const [node, ...others] = services;
  return others.length === 0 && isScalar(node) && node.anchor === undefined ? node : undefined;
}

function hooksOf(document: Document.Parsed): Readonly<Record<string, string>> {
  const hooks: Record<string, string> = {};
  const list = member(document.contents, 'hooks');
  if (!isSeq(list)) return hooks;
  visit(list, {
    Pair: (_, { key, value }) => {
      if (isScalar(key) && isScalar(value)) hooks[String(key.value)] = String(value.value);
    },
  });
  return hooks;
}
