import { numberOf } from "../json";
import { type SqliteFile, StoreRefused } from "./sqlite";

/** Raised with every change of the tables; a file of a newer host is refused, not guessed at. */
export const schemaVersion = 1;

const tables = `
CREATE TABLE instances (
  instance_id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
  status INTEGER NOT NULL, input TEXT, output TEXT, custom_status TEXT, parent TEXT,
  created INTEGER NOT NULL, updated INTEGER NOT NULL, completed INTEGER
) WITHOUT ROWID;
CREATE INDEX instances_by_created ON instances (created, instance_id);
CREATE TABLE history (
  instance_id TEXT NOT NULL, seq INTEGER NOT NULL, events TEXT NOT NULL, PRIMARY KEY (instance_id, seq)
) WITHOUT ROWID;
CREATE TABLE inbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, instance_id TEXT NOT NULL, execution_id TEXT,
  rank INTEGER NOT NULL, visible INTEGER NOT NULL, event TEXT NOT NULL
);
CREATE INDEX inbox_by_instance ON inbox (instance_id, rank, id);
CREATE TABLE activities (
  id INTEGER PRIMARY KEY AUTOINCREMENT, instance_id TEXT NOT NULL, execution_id TEXT NOT NULL,
  task_id INTEGER NOT NULL, name TEXT NOT NULL, input TEXT NOT NULL
);
CREATE INDEX activities_by_instance ON activities (instance_id);
CREATE TABLE timers (
  instance_id TEXT NOT NULL, execution_id TEXT NOT NULL, timer_id INTEGER NOT NULL,
  fire_at INTEGER NOT NULL, due INTEGER NOT NULL,
  PRIMARY KEY (instance_id, execution_id, timer_id)
) WITHOUT ROWID;
CREATE INDEX timers_by_due ON timers (due);
CREATE TABLE entities (entity_id TEXT PRIMARY KEY, scheduler TEXT NOT NULL, updated INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE host_timers (function TEXT PRIMARY KEY, last INTEGER, next INTEGER, updated INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE checkpoints (
  source TEXT NOT NULL, consumer_group TEXT NOT NULL, partition TEXT NOT NULL, sequence_number INTEGER NOT NULL,
  PRIMARY KEY (source, consumer_group, partition)
) WITHOUT ROWID;
`;

/** Creates the tables in an empty file; refuses one that holds something else or was written by a newer host. */
export function prepareSchema(file: SqliteFile): void {
  const version = file.get("PRAGMA user_version", (row) => numberOf(row["user_version"]) ?? 0) ?? 0;
  if (version === schemaVersion) return;
  if (version > schemaVersion) {
    throw new StoreRefused(
      `${file.path} was written by a newer host (store version ${version}, this host knows ${schemaVersion}). ` +
        "It was not changed; use that host, or give this one a new file.",
    );
  }
  const foreign = file.all("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'", (row) =>
    String(row["name"]),
  );
  if (foreign.length > 0) {
    throw new StoreRefused(
      `${file.path} holds other tables (${foreign.slice(0, 3).join(", ")}); it is no store of this host. It was not changed; give --store another path.`,
    );
  }
  file.transaction(() => {
    file.exec(tables);
    file.exec(`PRAGMA user_version = ${schemaVersion}`);
  });
}
