import { arrayOf, objectOf, textOf, tryParse } from "../json";
import { EventType, type HistoryEvent } from "./history";
import type { EntityName } from "./actions";
import type { Store } from "./store";

/** One message to an entity: an operation, or a lock request when it has a lock set. */
export interface EntityRequest {
  readonly id: string;
  readonly op: string;
  readonly signal: boolean;
  /** JSON text. */
  readonly input: string | null;
  /** The orchestration that waits for the answer. */
  readonly parent: string | null;
  readonly parentExecution: string | null;
  readonly lockset?: readonly EntityName[];
  readonly pos: number;
}

/** What is stored of an entity between two batches. */
export interface EntityState {
  readonly exists: boolean;
  /** JSON text of the app's state. */
  readonly state: string | null;
  readonly queue: readonly EntityRequest[];
  /** The orchestration that holds the lock. */
  readonly lockedBy: string | null;
}

export const newEntity: EntityState = { exists: false, state: null, queue: [], lockedBy: null };

/** The stored entity; a new one when there is none. */
export function loadEntity(store: Store, entityId: string): EntityState {
  return (
    store.file.get(
      "SELECT scheduler FROM entities WHERE entity_id = ?",
      (row) => parseEntity(row["scheduler"]),
      entityId,
    ) ?? newEntity
  );
}

/** Part of a transaction. An entity that neither exists nor has anything to do leaves no row. */
export function saveEntity(store: Store, entityId: string, entity: EntityState, now: number): void {
  const gone = !entity.exists && entity.queue.length === 0 && entity.lockedBy === null;
  if (gone) store.file.run("DELETE FROM entities WHERE entity_id = ?", entityId);
  else store.file.run("INSERT OR REPLACE INTO entities VALUES (?, ?, ?)", entityId, JSON.stringify(entity), now);
}

/** Reads the stored form of an entity. */
export function parseEntity(scheduler: unknown): EntityState {
  const fields = objectOf(tryParse(textOf(scheduler) ?? "null"));
  return {
    exists: fields["exists"] === true,
    state: textOf(fields["state"]) ?? null,
    queue: arrayOf(fields["queue"]).map((entry) => readRequest(entry)),
    lockedBy: textOf(fields["lockedBy"]) ?? null,
  };
}

/** The entity after messages have arrived: releases take effect, the lock holder's operations go first. */
export function received(entity: EntityState, events: readonly HistoryEvent[]): EntityState {
  let { lockedBy } = entity;
  const holders: EntityRequest[] = [];
  const others: EntityRequest[] = [];
  for (const event of events) {
    if (event.EventType !== EventType.EventRaised) continue;
    const request = readRequest(tryParse(event.Input ?? "null"));
    if (event.Name === "release") {
      if (lockedBy === request.parent) lockedBy = null;
    } else if (lockedBy !== null && request.parent === lockedBy) holders.push(request);
    else others.push(request);
  }
  return { ...entity, lockedBy, queue: [...holders, ...entity.queue, ...others] };
}

function readRequest(value: unknown): EntityRequest {
  const fields = objectOf(value);
  const lockset = fields["lockset"];
  return {
    id: textOf(fields["id"]) ?? "",
    op: textOf(fields["op"]) ?? "",
    signal: fields["signal"] === true,
    input: textOf(fields["input"]) ?? null,
    parent: textOf(fields["parent"]) ?? null,
    parentExecution: textOf(fields["parentExecution"]) ?? null,
    pos: typeof fields["pos"] === "number" ? fields["pos"] : 0,
    ...(Array.isArray(lockset)
      ? {
          lockset: arrayOf(lockset).map((entry) => {
            const id = objectOf(entry);
            return { name: textOf(id["name"]) ?? "", key: textOf(id["key"]) ?? "" };
          }),
        }
      : {}),
  };
}

/** `@name@key` into its parts; the name is lower case by convention of the SDK. */
export function entityNameOf(entityId: string): EntityName {
  const at = entityId.indexOf("@", 1);
  return { name: entityId.slice(1, at), key: entityId.slice(at + 1) };
}
