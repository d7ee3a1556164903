import { HubError, invalid } from "./errors";

export type TwinValue = string | number | boolean | null | TwinValue[] | TwinObject;
export interface TwinObject {
  [key: string]: TwinValue;
}

/** When each property was last written, in the shape of `$metadata`. */
export interface TwinMetadata {
  $lastUpdated: string;
  $lastUpdatedVersion?: number;
  [key: string]: TwinMetadata | string | number | undefined;
}

export interface TwinSection {
  readonly values: TwinObject;
  readonly version: number;
  readonly metadata: TwinMetadata;
}

/** A twin as the hub holds it. Never changed in place: a write replaces it. */
export interface Twin {
  /** Grows with every write of tags or properties; starts at 2 as in Azure. */
  readonly version: number;
  /** Counts tag and desired writes; shown as base64 of eight bytes. */
  readonly etagNumber: number;
  readonly tags: TwinObject;
  readonly desired: TwinSection;
  readonly reported: TwinSection;
}

const kilobyte = 1_024;
/** Microsoft docs, iot-hub-devguide-device-twins: sizes in bytes of keys and values. */
const limits = { tags: 8 * kilobyte, desired: 32 * kilobyte, reported: 32 * kilobyte };
const largestInteger = 4_503_599_627_370_496;

export function newTwin(nowMs: number): Twin {
  const section: TwinSection = { values: {}, version: 1, metadata: { $lastUpdated: stamp(nowMs) } };
  return { version: 2, etagNumber: 1, tags: {}, desired: section, reported: section };
}

export function twinEtag(twin: Twin): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(twin.etagNumber));
  return bytes.toString("base64");
}

/** What a request wants to change; `null` in a patch removes. */
export interface TwinChange {
  readonly tags?: TwinObject;
  readonly desired?: TwinObject;
  readonly reported?: TwinObject;
}

/** A twin after a change: merged, or (PUT) with the named parts replaced. Throws when a limit would be broken. */
export function changeTwin(twin: Twin, change: TwinChange, mode: "merge" | "replace", nowMs: number): Twin {
  const tags =
    change.tags === undefined ? twin.tags : mode === "merge" ? merge(twin.tags, change.tags) : clean(change.tags);
  const desired = changeSection(twin.desired, change.desired, mode, nowMs);
  const reported = changeSection(twin.reported, change.reported, mode, nowMs);
  check("tags", tags, limits.tags);
  check("properties.desired", desired.values, limits.desired);
  check("properties.reported", reported.values, limits.reported);
  const serviceSide = change.tags !== undefined || change.desired !== undefined;
  return {
    version: twin.version + 1,
    etagNumber: twin.etagNumber + (serviceSide ? 1 : 0),
    tags,
    desired,
    reported,
  };
}

/** Reads `{tags, properties: {desired}}` of a request; `$version` and `$metadata` of a read twin are left out. */
export function parseTwinChange(body: unknown): TwinChange {
  if (!isObject(body)) throw invalid("A twin is a JSON object.");
  const { tags, properties } = body;
  const desired = isObject(properties) ? properties["desired"] : undefined;
  if (tags !== undefined && tags !== null && !isObject(tags)) throw invalid("tags must be an object.");
  if (desired !== undefined && desired !== null && !isObject(desired)) {
    throw invalid("properties.desired must be an object.");
  }
  return {
    ...(isObject(tags) ? { tags: withoutDollar(tags) } : {}),
    ...(isObject(desired) ? { desired: withoutDollar(desired) } : {}),
  };
}

/** Reads a JSON object that a device reports. */
export function parseReported(body: unknown): TwinObject {
  if (!isObject(body)) throw invalid("Reported properties are a JSON object.");
  return withoutDollar(body);
}

function changeSection(section: TwinSection, patch: TwinObject | undefined, mode: "merge" | "replace", nowMs: number) {
  if (patch === undefined) return section;
  const version = section.version + 1;
  const values = mode === "merge" ? merge(section.values, patch) : clean(patch);
  const metadata = restamp(mode === "merge" ? section.metadata : undefined, patch, nowMs, version);
  return { values, version, metadata };
}

function merge(target: TwinObject, patch: TwinObject): TwinObject {
  const merged: TwinObject = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    const present = merged[key];
    if (value === null) Reflect.deleteProperty(merged, key);
    else if (isObject(value)) merged[key] = isObject(present) ? merge(present, value) : clean(value);
    else merged[key] = value;
  }
  return merged;
}

/** An object without its nulls: in a twin, null means "not there". */
function clean(value: TwinObject): TwinObject {
  const kept: TwinObject = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null) continue;
    kept[key] = isObject(inner) ? clean(inner) : inner;
  }
  return kept;
}

function restamp(old: TwinMetadata | undefined, patch: TwinObject, nowMs: number, version: number): TwinMetadata {
  const metadata: TwinMetadata = { ...old, $lastUpdated: stamp(nowMs), $lastUpdatedVersion: version };
  for (const [key, value] of Object.entries(patch)) {
    const before = metadata[key];
    if (value === null) Reflect.deleteProperty(metadata, key);
    else if (isObject(value))
      metadata[key] = restamp(typeof before === "object" ? before : undefined, value, nowMs, version);
    else metadata[key] = { $lastUpdated: stamp(nowMs), $lastUpdatedVersion: version };
  }
  return metadata;
}

function check(name: string, section: TwinObject, limit: number): void {
  if (measure(name, section, 1) > limit) {
    throw new HubError("RequestEntityTooLarge", `${name} exceeds the limit of ${limit / kilobyte} KB.`);
  }
}

function measure(path: string, value: TwinValue, depth: number): number {
  if (typeof value === "string") {
    const bytes = Buffer.byteLength(value);
    if (bytes > 4 * kilobyte) throw invalid(`${path}: a string may have at most 4 KB.`);
    return bytes;
  }
  if (typeof value === "number") {
    if (Number.isInteger(value) && Math.abs(value) > largestInteger)
      throw invalid(`${path}: the integer is too large.`);
    return 8;
  }
  if (typeof value === "boolean") return 4;
  if (value === null) return 0;
  if (depth > 10) throw invalid(`${path}: objects may be nested at most 10 deep.`);
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + measure(path, item, depth + 1), 0);
  return Object.entries(value).reduce((sum, [key, inner]) => {
    if (key === "" || Buffer.byteLength(key) > kilobyte || /[.$ #\p{Cc}]/u.test(key)) {
      throw invalid(`${path}: '${key}' is not a valid property name.`);
    }
    return sum + Buffer.byteLength(key) + measure(`${path}.${key}`, inner, depth + 1);
  }, 0);
}

function withoutDollar(value: TwinObject): TwinObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== "$version" && key !== "$metadata"));
}

export function isObject(value: unknown): value is TwinObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function stamp(nowMs: number): string {
  return new Date(nowMs).toISOString();
}
