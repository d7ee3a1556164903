import Database from "libsql";
import type { JsonObject } from "../json";
import { isObject, messageOf } from "../json";

/** What SQLite stores here. */
export type SqlValue = string | number | null;

/** The file cannot be used; the message names it, the reason and what to do. It is never changed by this. */
export class StoreRefused extends Error {
  override readonly name = "StoreRefused";
}

/** One SQLite file, held by this process alone until `close`; a second host is refused. */
export class SqliteFile {
  private readonly database: Database.Database;
  private readonly lock: Database.Database;
  private readonly statements = new Map<string, Database.Statement>();
  private open = false;

  /** Opens or creates the file. `durable` waits for the disk at each commit: a power cut loses nothing then. */
  constructor(
    readonly path: string,
    options: { readonly durable: boolean },
  ) {
    this.lock = takeLock(path);
    try {
      this.database = new Database(path);
      this.database.pragma("journal_mode = WAL");
      this.database.pragma(`synchronous = ${options.durable ? "FULL" : "NORMAL"}`);
      // A file that is none of SQLite's shows it with the first read.
      this.database.exec("SELECT 1 FROM sqlite_master LIMIT 1");
    } catch (error) {
      this.lock.close();
      throw refusal(path, error);
    }
  }

  exec(sql: string): void {
    this.database.exec(sql);
  }

  /** Runs a statement; returns the number of rows it changed. */
  run(sql: string, ...values: SqlValue[]): number {
    return this.statement(sql).run(...values).changes;
  }

  /** Runs an insert; returns the row id it got. */
  insert(sql: string, ...values: SqlValue[]): number {
    return Number(this.statement(sql).run(...values).lastInsertRowid);
  }

  all<T>(sql: string, map: (row: JsonObject) => T, ...values: SqlValue[]): T[] {
    return this.statement(sql)
      .all(...values)
      .map((row) => map(isObject(row) ? row : {}));
  }

  get<T>(sql: string, map: (row: JsonObject) => T, ...values: SqlValue[]): T | undefined {
    const row = this.statement(sql).get(...values);
    return isObject(row) ? map(row) : undefined;
  }

  /** All of `work` or nothing of it reaches the file; what it throws is thrown on. */
  transaction<T>(work: () => T): T {
    if (this.open) return work();
    this.run("BEGIN IMMEDIATE");
    this.open = true;
    try {
      const result = work();
      this.run("COMMIT");
      return result;
    } catch (error) {
      this.run("ROLLBACK");
      throw error;
    } finally {
      this.open = false;
    }
  }

  close(): void {
    this.statements.clear();
    this.database.close();
    this.lock.exec("ROLLBACK");
    this.lock.close();
  }

  private statement(sql: string): Database.Statement {
    const known = this.statements.get(sql);
    if (known !== undefined) return known;
    const prepared = this.database.prepare(sql);
    this.statements.set(sql, prepared);
    return prepared;
  }
}

/**
 * Keeps a second host out by a transaction on a file beside the store: the operating system drops the lock when this
 * process is killed. The store itself cannot carry it, because the driver gives a file back only when every statement
 * on it has been collected.
 */
function takeLock(path: string): Database.Database {
  try {
    const lock = new Database(`${path}.lock`);
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    throw refusal(path, error);
  }
}

function refusal(path: string, error: unknown): StoreRefused {
  const reason = messageOf(error);
  if (/locked|busy/i.test(reason)) {
    return new StoreRefused(`${path} is in use by another host. Stop that one, or give this one a file of its own.`);
  }
  if (/not a database|malformed|corrupt/i.test(reason)) {
    return new StoreRefused(
      `${path} is damaged or no SQLite file (${reason}). It was not changed; move it away to start afresh.`,
    );
  }
  return new StoreRefused(`${path} cannot be opened (${reason}). Give --store a path in a folder that can be written.`);
}
