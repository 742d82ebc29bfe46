import type { Remark } from '../core/result.ts';
import { FILE_KEYS } from '../settings/config-file.ts';
import { readInto, settingOf } from '../settings/lookup.ts';
import type { SettingKey } from '../settings/lookup.ts';
import { asWritten, splitImage, unknownsIn } from './expressions.ts';
import { textOf } from './workflow.ts';
import type { Build, Deployment, Interpretation, Noted } from './reading.ts';

/** Settings of a config file; those of `build` too. A place is empty for what the user has given. */
export type Values = Readonly<Partial<Record<SettingKey, Noted<unknown>>>>;

/** The top level of a config file, or one of its environments. */
export interface Section {
  readonly values: Values;
  /** Undefined for a section with one service, whose settings are in `values`. */
  readonly services: readonly Values[] | undefined;
  /** Images by name, which services refer to with `image`; empty when all services share one image. */
  readonly images: ReadonlyMap<string, Values>;
}

/** A setting that only a run of the workflow knows, as the workflow writes it. */
export interface Missing {
  readonly key: SettingKey;
  readonly text: string;
  readonly place: string;
}

/** A config file before it is written. */
export interface Draft extends Section {
  readonly environments: ReadonlyMap<string, Section>;
}

/** What follows from a workflow. */
export interface WorkflowDraft {
  readonly draft: Draft;
  readonly missing: readonly Missing[];
  readonly remarks: readonly Remark[];
  /** The environment of each deployment; undefined for all without an environment in the file. */
  readonly environmentOf: (deployment: Deployment) => string | undefined;
}

/** Settings that each service of a list can have of its own. */
const OF_SERVICES: readonly SettingKey[] = [
  'service',
  'cluster',
  'container',
  'taskDefinition',
  'containerImages',
  'setEnv',
  'setSecrets',
  'codeDeploy',
  'image',
];

const OF_IMAGES: readonly string[] = FILE_KEYS.image;

/** The settings of one deployment, before its environment is known. */
interface Entry {
  readonly deployment: Deployment;
  readonly environment: string | undefined;
  readonly values: Values;
}

const NONE: ReadonlyMap<string, Values> = new Map();

/** Makes the config file that does what a workflow does. */
export function draftOf({ deployments, remarks: found }: Interpretation): WorkflowDraft {
  const remarks: Remark[] = [...found];
  const missing: Missing[] = [];
  const warn = (place: string, message: string) =>
    void remarks.push({ place, status: 'warn', message });
  const entries = deployments.map((deployment): Entry => {
    const values = checked(settingsOf(deployment, warn), missing, warn);
    return { deployment, environment: environmentOf(deployment), values };
  });
  const named = new Map<string, Entry[]>();
  for (const entry of entries) {
    const key = entry.environment ?? '';
    named.set(key, [...(named.get(key) ?? []), entry]);
  }
  const sections = new Map([...named].map(([name, list]) => [name, sectionOf(list, warn)]));
  const texts = new Set([...sections.values()].map((section) => JSON.stringify(plain(section))));
  const hasEnvironments = sections.size > 1 && texts.size > 1 && !named.has('');
  const draft = hasEnvironments
    ? withEnvironments(sections)
    : { ...sectionOf(entries, warn), environments: new Map<string, Section>() };
  const unique = new Map(missing.map((item) => [`${item.key} ${item.text}`, item]));
  return {
    draft,
    missing: [...unique.values()],
    remarks: [...new Map(remarks.map((item) => [`${item.place} ${item.message}`, item])).values()],
    environmentOf: (deployment) => (hasEnvironments ? environmentOf(deployment) : undefined),
  };
}

/** The GitHub environment of a deployment, else the one that the job is named for. */
function environmentOf({ run }: Deployment): string | undefined {
  const { environment, id } = run;
  if (environment !== undefined && unknownsIn(environment.value).length === 0) {
    return environment.value;
  }
  const words =
    /(?:^|[-_])(dev|development|stage|staging|test|qa|uat|prod|production|live)(?:$|[-_])/;
  return words.exec(id)?.[1];
}

type Warn = (place: string, message: string) => void;

const noted = <T>(value: T, place: string): Noted<T> => ({ value, place });

/** The settings of a deployment as they are written; what is not known is still in them. */
function settingsOf(deployment: Deployment, warn: Warn): Values {
  const { run, service, cluster, builds, place, source, timeout, codeDeploy } = deployment;
  const [build] = builds;
  const { built, given, others } = imagesIn(deployment);
  for (const { name, image, place: at } of others) {
    const from = builds.find((other) => isOf(other, image));
    const where = from === undefined ? '' : `, which ${from.place} builds`;
    warn(
      at,
      `container ${name} gets an image of its own, ${asWritten(image)}${where}: ecsdeploy builds one image for a service; ${from === undefined ? 'push the other one before' : 'the steps of the other one stay in the workflow'}, and --container-image ${name}=IMAGE deploys it`,
    );
  }
  const image = built[0]?.image ?? '';
  const reference =
    image === ''
      ? (build?.images.toSorted((a, b) => Number(b.includes('/')) - Number(a.includes('/')))[0] ??
        '')
      : image;
  if (build === undefined) {
    warn(
      place,
      'the workflow deploys an image that is built elsewhere: use ecsdeploy deploy --image',
    );
  }
  const { registry, repository } = splitImage(reference);
  const names = [...new Set(built.map(({ name }) => name))];
  if (names.length === 0) {
    warn(place, 'the workflow names no container: set container if the task has several');
  }
  const at = built[0]?.place ?? build?.place ?? place;
  return {
    ...(run.region && { region: run.region }),
    ...(run.onFailure && { onFailure: run.onFailure }),
    ...(run.check && { check: run.check }),
    ...(timeout && { timeout }),
    ...(codeDeploy && { codeDeploy }),
    ...(source && { taskDefinition: source }),
    ...releaseOf(deployment),
    service,
    cluster,
    ...(repository !== '' && {
      repository: noted(
        registry === undefined ? repository : `${registry}/${repository}`,
        build?.place ?? at,
      ),
    }),
    ...(names.length > 0 && { container: noted(names.length === 1 ? names[0] : names, at) }),
    ...(given.length > 0 && {
      containerImages: noted(
        Object.fromEntries(given.map((container) => [container.name, container.image])),
        given[0]?.place ?? place,
      ),
    }),
    ...variables('setEnv', deployment.setEnv, warn),
    ...variables('setSecrets', deployment.setSecrets, warn),
    ...(build && buildSettings(build, warn)),
  };
}

/** The containers of a deployment: those with the image that is built, with one that is named, and others. */
export function imagesIn({ containers, builds: [build] }: Deployment) {
  const built = containers.filter(({ image }) => build === undefined || isOf(build, image));
  const rest = containers.filter((container) => !built.includes(container));
  const isNamed = ({ image }: (typeof containers)[number]) =>
    unknownsIn(image).length === 0 && image !== '';
  return { built, given: rest.filter(isNamed), others: rest.filter((item) => !isNamed(item)) };
}

/** The one-off tasks of a deployment, in its service. */
function releaseOf({ release, service }: Deployment): Values {
  const [first] = release;
  if (first === undefined) return {};
  const own = unknownsIn(service.value).length === 0 && { service: service.value };
  return {
    release: noted(
      release.map(({ value }) => ({ ...value, ...own })),
      first.place,
    ),
  };
}

function isOf({ images }: Build, image: string): boolean {
  const { repository } = splitImage(image);
  const known = images.map((item) => splitImage(item).repository);
  return (
    known.length === 0 ||
    known.includes(repository) ||
    (unknownsIn(image).length > 0 && !image.includes('/'))
  );
}

function variables(key: 'setEnv' | 'setSecrets', given: Deployment['setEnv'], warn: Warn): Values {
  const known = Object.entries(given).filter(([name, { value, place }]) => {
    if (unknownsIn(value).length === 0) return true;
    warn(
      place,
      /secrets\./.test(asWritten(value))
        ? `variable ${name} is ${asWritten(value)}: put it into Secrets Manager, and its ARN into setSecrets`
        : `variable ${name} is ${asWritten(value)}: add --set-env '${name}=${asWritten(value)}' to the proposed workflow`,
    );
    return false;
  });
  const [first] = known;
  if (first === undefined) return {};
  const values = Object.fromEntries(known.map(([name, { value }]) => [name, value]));
  return { [key]: noted(values, first[1].place) };
}

const DEFAULTS: Readonly<Record<string, string>> = { context: '.', dockerfile: 'Dockerfile' };

/** The platforms of a build. */
export function platformsIn({ values }: Build): readonly string[] {
  const text = textOf(values['platform']?.value);
  return text.split(',').flatMap((platform) => platform.trim() || []);
}

function buildSettings(build: Build, warn: Warn): Values {
  const { place, images, values, before } = build;
  const pushed = images.filter((image) => image.includes('/'));
  const tags = pushed.flatMap((image) => splitImage(image).tag ?? []);
  const fixed = tags.filter((tag) => unknownsIn(tag).length === 0);
  for (const tag of tags.filter((item) => unknownsIn(item).length > 0)) {
    if (/^\uE000github\.sha\uE001$/.test(tag)) continue;
    warn(
      place,
      `the tag ${asWritten(tag)}: ecsdeploy tags with the commit SHA; use --tag or --extra-tag`,
    );
  }
  const given = Object.entries(values).filter(([key, { value }]) => DEFAULTS[key] !== value);
  const platforms = platformsIn(build);
  return {
    ...Object.fromEntries(given),
    ...(platforms.length > 1 && {
      platform: noted(platforms, values['platform']?.place ?? place),
    }),
    ...(fixed.length > 0 && { extraTags: noted([...new Set(fixed)], place) }),
    ...(before.length > 0 && { before: noted(before, before[0]?.place ?? place) }),
  };
}

const PLACEHOLDER = /^(?:MY_[A-Z_]+|<.*>|your[-_ ].*|YOUR[-_ ].*|CHANGE[-_ ]?ME)$/;

/** The settings that a config file can hold. */
function checked(values: Values, missing: Missing[], warn: Warn): Values {
  return Object.fromEntries(
    (Object.entries(values) as [SettingKey, Noted<unknown>][]).filter(([key, { value, place }]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      if (unknownsIn(text).length > 0) {
        missing.push({ key, text: asWritten(text), place });
        return false;
      }
      if (typeof value === 'string' && PLACEHOLDER.test(value)) {
        warn(
          place,
          `"${value}" is a placeholder: set ${settingOf(key).file === 'build' ? 'build.' : ''}${key} in the config file`,
        );
        return false;
      }
      const problems: string[] = [];
      readInto({}, key, key === 'before' ? [] : value, key, problems);
      for (const problem of problems) warn(place, problem);
      return problems.length === 0;
    }),
  );
}

/** One section for the deployments of an environment. */
function sectionOf(entries: readonly Entry[], warn: Warn): Section {
  const [first] = entries;
  const images = imagesOf(entries);
  const unique = new Map<string, Values>();
  for (const { values, deployment } of entries) {
    const { place, service } = deployment;
    const image = imageNameOf(images, values);
    const isOther =
      images.size > 0
        ? image === undefined
        : (values.repository?.value ?? '') !== (first?.values.repository?.value ?? '');
    if (isOther && values.repository !== undefined) {
      warn(
        place,
        `service ${asWritten(service.value)} gets an image that is built elsewhere, of ${textOf(values.repository.value)}: deploy it by itself with --image`,
      );
      continue;
    }
    const own = image === undefined ? values : { ...values, image: noted(image, '') };
    const key = JSON.stringify(plainValues(pick(own, OF_SERVICES)));
    const before = [...unique].find(([, other]) =>
      ['service', 'cluster'].every((name) => isSame(other, own, name as SettingKey)),
    );
    if (before !== undefined && before[0] !== key && own.service !== undefined) {
      const name = asWritten(service.value);
      warn(
        place,
        before[1].image?.value === image
          ? `service ${name} is deployed again with other settings, which are not in the config file`
          : `service ${name} gets another image too, ${image}`,
      );
      continue;
    }
    unique.set(key, own);
  }
  const list = [...unique.values()];
  const shared = common(list);
  const release = { ...releaseOfAll(list, list.length > 1), ...checkOfAll(list) };
  const all = without({ ...first?.values, ...shared }, images.size > 0 ? OF_IMAGES : []);
  if (list.length <= 1) return { values: { ...all, ...release }, services: undefined, images };
  const { service: _, ...top } = without(shared, [...OF_IMAGES, 'release']);
  const services = list
    .filter(({ service }) => service !== undefined)
    .map((values) => without(pick(values, OF_SERVICES), Object.keys(top)));
  return {
    values: { ...without(all, [...OF_SERVICES, 'release']), ...top, ...release },
    services: services.length > 0 ? services : undefined,
    images,
  };
}

const isSame = (one: Values, other: Values, key: SettingKey) =>
  one[key]?.value === other[key]?.value;

/** The images that are built, by the last part of their repositories; empty for a single one. */
function imagesOf(entries: readonly Entry[]): ReadonlyMap<string, Values> {
  const images = new Map<string, Values>();
  for (const { values, deployment } of entries) {
    const repository = textOf(values.repository?.value);
    if (repository === '' || deployment.builds.length === 0) continue;
    if (imageNameOf(images, values) !== undefined) continue;
    const name = repository.split('/').at(-1) ?? repository;
    images.set(
      images.has(name) ? repository.replaceAll(/\W+/g, '-') : name,
      pick(values, OF_IMAGES),
    );
  }
  return images.size > 1 ? images : new Map();
}

/** The image with the repository of a service. */
function imageNameOf(images: ReadonlyMap<string, Values>, { repository }: Values) {
  return (
    repository && [...images].find(([, image]) => image.repository?.value === repository.value)?.[0]
  );
}

/** The one-off tasks of all services, each once; a single service has no need of its name. */
function releaseOfAll(list: readonly Values[], hasNames: boolean): Values {
  const tasks = list.flatMap(({ release }) => (release?.value ?? []) as readonly object[]);
  const named = tasks.map((task) => (hasNames ? task : { ...task, service: undefined }));
  const unique = new Map(
    named.map((task) => [JSON.stringify(task), JSON.parse(JSON.stringify(task)) as object]),
  );
  const place = list.find(({ release }) => release !== undefined)?.release?.place ?? '';
  return unique.size === 0 ? {} : { release: noted([...unique.values()], place) };
}

/** The tests of all deployments, one after the other. */
function checkOfAll(list: readonly Values[]): Values {
  const checks = list.flatMap(({ check }) => check ?? []);
  const [first] = checks;
  const commands = new Set(checks.map(({ value }) => value));
  return first === undefined ? {} : { check: noted([...commands].join(' && '), first.place) };
}

function withEnvironments(sections: ReadonlyMap<string, Section>): Draft {
  const list = [...sections.values()];
  const shared = common(list.map(({ values }) => values));
  const [first] = list;
  const hasSameServices = list.every(
    ({ services }) =>
      JSON.stringify(plainList(services)) === JSON.stringify(plainList(first?.services)),
  );
  const hasSameImages = list.every(
    ({ images }) =>
      JSON.stringify(plainImages(images)) === JSON.stringify(plainImages(first?.images ?? NONE)),
  );
  return {
    values: shared,
    services: hasSameServices ? first?.services : undefined,
    images: hasSameImages ? (first?.images ?? NONE) : NONE,
    environments: new Map(
      [...sections].map(([name, { values, services, images }]) => [
        name,
        {
          values: without(values, Object.keys(shared)),
          services: hasSameServices ? undefined : services,
          images: hasSameImages ? NONE : images,
        },
      ]),
    ),
  };
}

/** The settings that are the same everywhere. */
function common(list: readonly Values[]): Values {
  const [first = {}, ...others] = list;
  return Object.fromEntries(
    (Object.entries(first) as [SettingKey, Noted<unknown>][]).filter(([key, { value }]) =>
      others.every(
        (other) =>
          JSON.stringify(plainValue(other[key]?.value)) === JSON.stringify(plainValue(value)),
      ),
    ),
  );
}

function pick(values: Values, keys: readonly string[]): Values {
  return Object.fromEntries(Object.entries(values).filter(([key]) => keys.includes(key)));
}

function without(values: Values, keys: readonly string[]): Values {
  return Object.fromEntries(Object.entries(values).filter(([key]) => !keys.includes(key)));
}

const plainValues = (values: Values) =>
  Object.fromEntries(Object.entries(values).map(([key, item]) => [key, plainValue(item.value)]));
const plainList = (list: readonly Values[] | undefined) => list?.map(plainValues);
const plainImages = (images: Section['images']) =>
  [...images].map(([name, values]) => [name, plainValues(values)]);
const plain = ({ values, services, images }: Section) => [
  plainValues(values),
  plainList(services),
  plainImages(images),
];

/** A value without the places of its items. */
function plainValue(value: unknown): unknown {
  return Array.isArray(value)
    ? value.map((item) =>
        typeof item === 'object' && item !== null && 'place' in item
          ? (item as Noted<unknown>).value
          : (item as unknown),
      )
    : value;
}

/** The draft with what the user gives instead of what the workflow says. */
export function withGiven(draft: Draft, given: Values): Draft {
  const keys = Object.keys(given);
  const change = ({ values, services, images }: Section): Section => ({
    values: without(values, keys),
    services: keys.includes('service')
      ? undefined
      : services?.map((service) => without(service, keys)),
    images: new Map([...images].map(([name, image]) => [name, without(image, keys)])),
  });
  const { values, services, images } = change(draft);
  return {
    values: { ...values, ...given },
    services,
    images,
    environments: new Map(
      [...draft.environments].map(([name, section]) => [name, change(section)]),
    ),
  };
}
