import { Document, isMap, isScalar, YAMLMap, YAMLSeq } from 'yaml';
import { SETTING_KEYS, settingOf } from '../settings/lookup.ts';
import type { Draft, Section, Values } from './draft.ts';
import type { Noted } from './reading.ts';

/** The text of a config file; each value has the line that it comes from behind it. */
export function configText(draft: Draft, origin: string): string {
  const document = new Document({});
  document.commentBefore = ` Written by ecsdeploy init${origin}. Check it with: ecsdeploy verify`;
  const top = document.contents as unknown as YAMLMap;
  addSection(document, top, draft);
  if (draft.environments.size > 0) {
    const environments = new YAMLMap();
    for (const [name, section] of draft.environments) {
      const map = new YAMLMap();
      addSection(document, map, section);
      environments.set(name, map);
    }
    top.set('environments', environments);
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function addSection(document: Document, map: YAMLMap, { values, services, images }: Section): void {
  addValues(document, map, values, 'top');
  addValues(document, map, values, 'service');
  addImageName(map, values);
  const build = new YAMLMap();
  addValues(document, build, values, 'build');
  if (build.items.length > 0) map.set('build', build);
  if (images.size > 0) {
    const all = new YAMLMap();
    for (const [name, image] of images) {
      const item = new YAMLMap();
      addValues(document, item, image, 'top');
      addValues(document, item, image, 'build');
      all.set(name, item);
    }
    map.set('images', all);
  }
  if (services === undefined) return;
  const list = new YAMLSeq();
  for (const service of services) {
    const item = new YAMLMap();
    addValues(document, item, service, 'service');
    addImageName(item, service);
    list.add(item);
  }
  map.set('services', list);
}

/** In a file the key names an entry of `images`; the setting of that name is a reference. */
function addImageName(map: YAMLMap, { image }: Values): void {
  if (image !== undefined) map.set('image', image.value);
}

/** Adds settings in the order of their table. */
function addValues(
  document: Document,
  map: YAMLMap,
  values: Values,
  part: 'top' | 'service' | 'build',
): void {
  for (const key of SETTING_KEYS) {
    const noted = values[key];
    if (noted === undefined || settingOf(key).file !== part) continue;
    const node = toNode(document, noted);
    map.set(document.createNode(key), node);
    // The comment of a list or a map would stand behind its last item.
    const pair = map.items.at(-1);
    if (noted.place !== '' && !isScalar(node) && !hasPlaces(noted.value) && isScalar(pair?.key)) {
      pair.key.commentBefore = ` ${noted.place}`;
    }
  }
}

function toNode(document: Document, { value, place }: Noted<unknown>) {
  if (hasPlaces(value)) {
    const list = new YAMLSeq();
    for (const item of value) list.add(toNode(document, item));
    return list;
  }
  const hasMaps = Array.isArray(value) && value.some((item) => typeof item === 'object');
  const node = document.createNode(value, { flow: Array.isArray(value) });
  if (isMap(node) || hasMaps) (node as { flow?: boolean }).flow = false;
  if (place !== '' && isScalar(node)) node.comment = ` ${place}`;
  return node;
}

function hasPlaces(value: unknown): value is readonly Noted<string>[] {
  return (
    Array.isArray(value) &&
    value.every((item) => typeof item === 'object' && item !== null && 'place' in item)
  );
}
