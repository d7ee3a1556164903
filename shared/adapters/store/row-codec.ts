import type { TableEntity } from "@azure/data-tables";
import type { z } from "zod";
import { corrupt } from "./storage-errors";

/** A row as it lies in the table. */
export interface StoredRow {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly etag: string;
  readonly columns: Readonly<Record<string, unknown>>;
}

/** What is read back: the value, and the version that guards the next write. */
export interface Versioned<T> {
  readonly value: T;
  readonly etag: string;
}

/**
 * Characters per column: a string property holds at most 64 KiB of UTF-16, which is 32 Ki characters
 * (Microsoft docs: Understanding the Table service data model, "Property types").
 */
export const COLUMN_CHARS = 32_000;

/** Columns per row: an entity holds at most 1 MiB, here with room for keys and other columns. */
export const MAX_COLUMNS = 15;

/**
 * Keeps one value as JSON in a row, in the columns `json`, `json1`, `json2`, …: as many as its length needs. Write such
 * rows with mode `Replace`, or columns of a longer value before would stay.
 */
export class RowCodec<T> {
  constructor(
    private readonly table: string,
    private readonly schema: z.ZodType<T>,
  ) {}

  /**
   * @param extra columns for people and queries; never read back.
   * @throws RollError `store-corrupt` for a value that could not be read back: against its schema, or longer than
   * 480,000 characters of JSON.
   */
  encode(partitionKey: string, rowKey: string, value: T, extra: Readonly<Record<string, string>> = {}): TableEntity {
    const where = this.where(partitionKey, rowKey);
    const checked = this.schema.safeParse(value);
    if (!checked.success) throw corrupt(where, "is not written: its value does not pass its schema", checked.error);
    const columns = splitColumns(JSON.stringify(checked.data));
    if (columns.length > MAX_COLUMNS) throw corrupt(where, "is not written: its value is too long for a row");
    const json = Object.fromEntries(columns.map((text, i) => [columnName(i), text]));
    return { ...extra, ...json, partitionKey, rowKey };
  }

  /** @throws RollError `store-corrupt`, naming table and keys, for a row that is not what `encode` writes. */
  decode(row: StoredRow): Versioned<T> {
    const where = this.where(row.partitionKey, row.rowKey);
    let json = "";
    for (let i = 0; row.columns[columnName(i)] !== undefined; i += 1) json += String(row.columns[columnName(i)]);
    const parsed = this.schema.safeParse(parseJson(json, where));
    if (!parsed.success) throw corrupt(where, "does not pass its schema", parsed.error);
    return { value: parsed.data, etag: row.etag };
  }

  /** How error texts name a row. */
  where(partitionKey: string, rowKey: string): string {
    return `table ${this.table}, row "${partitionKey}" / "${rowKey}"`;
  }
}

/** Cuts text into pieces of at most {@link COLUMN_CHARS}, never through a surrogate pair: halves do not survive UTF-8. */
export function splitColumns(text: string): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length || pieces.length === 0;) {
    let end = Math.min(start + COLUMN_CHARS, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end -= 1;
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

function columnName(i: number): string {
  return i === 0 ? "json" : `json${i}`;
}

function parseJson(json: string, where: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw corrupt(where, "holds no JSON", error);
  }
}
