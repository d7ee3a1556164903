import { RollError } from "../../domain/roll-error";
import type { RollId } from "../../domain/ids";
import type { InventoryId } from "../../domain/inventory/inventory";

/**
 * Longest key in characters. Azure Tables allows 1 KiB per key, which is 512 UTF-16 characters
 * (Microsoft docs: Understanding the Table service data model, "Property limitations").
 */
export const KEY_LIMIT = 512;

const unsafe = /[^A-Za-z0-9._:-]/gu;
const written = /^(?:[A-Za-z0-9._:-]|=[0-9A-F]{2})*$/;
const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Writes any text as part of a table key: letters, digits and `._:-` as they are, every other byte of its UTF-8 form as
 * `=XX`. Different texts give different keys; case is kept. Tables refuse `/ \ # ?` and control characters in keys, and
 * `|` stays free to join parts.
 * @throws RollError `store-corrupt` where the result is longer than {@link KEY_LIMIT}, or the text holds half of a
 * surrogate pair, which UTF-8 cannot say (a device id of 128 characters gives at most 384, so ids never do).
 */
export function formatKey(text: string): string {
  const key = text.replace(unsafe, (char) => {
    if (/\p{Surrogate}/u.test(char)) throw unusable("holds half of a surrogate pair");
    return Array.from(utf8.encode(char), (byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  });
  if (key.length > KEY_LIMIT) throw unusable(`needs ${key.length} characters of at most ${KEY_LIMIT}`);
  return key;
}

/** The text that {@link formatKey} wrote as `key`, or undefined if it never writes such a key. */
export function parseKey(key: string): string | undefined {
  if (!written.test(key) || key.length > KEY_LIMIT) return undefined;
  const bytes: number[] = [];
  for (let i = 0; i < key.length; i += 1) {
    if (key[i] === "=") {
      bytes.push(Number.parseInt(key.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      bytes.push(key.charCodeAt(i));
    }
  }
  try {
    const text = strictUtf8.decode(Uint8Array.from(bytes));
    return formatKey(text) === key ? text : undefined;
  } catch {
    return undefined;
  }
}

/** A sequence or batch number as six digits, so that text order is number order. */
export function formatNumber(n: number): string {
  if (!Number.isInteger(n) || n < 0 || n > 999_999) throw unusable(`${n} is no number of at most six digits`);
  return String(n).padStart(6, "0");
}

/**
 * Row key of a roll's header or an inventory: its time with each digit taken from nine, then its id. Tables answer in the order of
 * keys and know no descending order, so this is what lists the newest first.
 */
export function newestFirstKey(id: RollId | InventoryId): string {
  const digits = id.slice(0, id.indexOf("-")).replace(/\D/g, "");
  return `${digits.replace(/\d/g, (digit) => String(9 - Number(digit)))}|${id}`;
}

/** Row keys and the ids they stand for, by the partition that each id belongs to. */
export function keysByPartition<Id extends string>(
  ids: readonly Id[],
  partitionKeyOf: (id: Id) => string,
): readonly (readonly [partitionKey: string, idOf: ReadonlyMap<string, Id>])[] {
  const partitions = new Map<string, Map<string, Id>>();
  for (const id of ids) {
    const partitionKey = partitionKeyOf(id);
    const rows = partitions.get(partitionKey) ?? new Map<string, Id>();
    partitions.set(partitionKey, rows.set(formatKey(id), id));
  }
  return [...partitions];
}

function unusable(why: string): RollError {
  return new RollError("store-corrupt", `cannot write a table key: the text ${why}`, false);
}
