import { randomUUID } from "node:crypto";
import { FunctionTimeout, triggerOf, WorkerLost } from "../function-app";
import { arrayOf, isObject, messageOf, objectOf, textOf, tryParse } from "../json";
import { arrival, type EngineContext, timeText } from "./engine-context";
import { entityNameOf, type EntityRequest, type EntityState, loadEntity, received, saveEntity } from "./entity-state";
import { EventType, stamp } from "./history";
import type { OutgoingMessage } from "./rows";

const retryMs = 1_000;

/** Runs entities: takes their messages, calls the function once per batch, answers and forwards in one transaction. */
export class EntityTurns {
  constructor(
    private readonly context: EngineContext,
    private readonly isStopped: () => boolean,
  ) {}

  async turn(entityId: string): Promise<void> {
    const { store, settings, clock, wake } = this.context;
    const batch = store.inbox(entityId, settings.messagesPerTurn, clock.now());
    if (batch.length === 0) return;
    let entity = received(
      loadEntity(store, entityId),
      batch.map(({ event }) => event),
    );
    const outgoing: OutgoingMessage[] = [];
    try {
      for (;;) {
        const ready = takeOperations(entity);
        if (ready.length > 0) {
          entity = { ...entity, queue: entity.queue.slice(ready.length) };
          const done = await this.operate(entityId, entity, ready);
          entity = done.entity;
          outgoing.push(...done.messages);
          continue;
        }
        const [head] = entity.queue;
        if (head?.lockset === undefined || entity.lockedBy !== null) break;
        entity = { ...entity, queue: entity.queue.slice(1), lockedBy: head.parent };
        outgoing.push(this.lockGranted(head, head.lockset));
      }
    } catch (error) {
      if (!(error instanceof WorkerLost || error instanceof BatchFailed)) throw error;
      if (!this.isStopped()) this.context.log("error", `Entity ${entityId}: ${error.message}`);
      clock.after(error instanceof WorkerLost ? 100 : retryMs, () => wake([entityId]));
      return;
    }
    if (this.isStopped()) return;
    store.commit("entity", () => {
      store.deleteMessages(batch.map(({ id }) => id));
      saveEntity(store, entityId, entity, clock.now());
      for (const message of outgoing) store.addMessage(message);
    });
    wake([
      ...(batch.length === settings.messagesPerTurn ? [entityId] : []),
      ...outgoing.map(({ instanceId }) => instanceId),
    ]);
  }

  private async operate(
    entityId: string,
    entity: EntityState,
    requests: readonly EntityRequest[],
  ): Promise<{ entity: EntityState; messages: OutgoingMessage[] }> {
    const { app } = this.context;
    const self = entityNameOf(entityId);
    const fn = app.functions.get(self.name.toLowerCase());
    const trigger = fn === undefined ? undefined : triggerOf(fn);
    if (fn === undefined || trigger?.binding.type.toLowerCase() !== "entitytrigger") {
      return { entity, messages: this.refuseAll(requests, `The function '${self.name}' is not an entity function.`) };
    }
    const input = {
      self,
      exists: entity.exists,
      state: entity.state,
      batch: requests.map(({ op, input: value, signal }) => ({ name: op, input: value, isSignal: signal })),
    };
    const answer = await app
      .invoke({ functionName: fn.name, inputs: [{ name: trigger.name, data: { string: JSON.stringify(input) } }] })
      .catch((error: unknown) => {
        if (error instanceof FunctionTimeout) return { ok: false as const, message: messageOf(error), stack: "" };
        throw error;
      });
    if (!answer.ok) {
      // Azure tries the batch again for ever.
      if (!this.context.guards.strict) throw new BatchFailed(answer.message);
      return { entity, messages: this.refuseAll(requests, answer.message) };
    }
    const result = objectOf(tryParse(answer.returnValue?.json ?? answer.returnValue?.string ?? "null"));
    const results = arrayOf(result["results"]).map(objectOf);
    const answers = requests.flatMap((request, index): OutgoingMessage[] => {
      const one = results[index] ?? {};
      const value = textOf(one["result"]) ?? null;
      return this.respond(request, value, one["isError"] === true);
    });
    const signals = arrayOf(result["signals"]).map((entry) => this.signal(objectOf(entry)));
    const state = textOf(result["entityState"]) ?? null;
    return {
      entity: { ...entity, exists: result["entityExists"] === true, state },
      messages: [...answers, ...signals],
    };
  }

  private refuseAll(requests: readonly EntityRequest[], reason: string): OutgoingMessage[] {
    this.context.log("error", reason);
    return requests.flatMap((request) => this.respond(request, JSON.stringify(reason), true));
  }

  private respond(request: EntityRequest, result: string | null, failed: boolean): OutgoingMessage[] {
    if (request.signal || request.parent === null) return [];
    // An Error becomes "{}" on its way and the caller reads "[object Object]".
    const lost = failed && result === "{}" && this.context.guards.strict;
    const text = lost
      ? JSON.stringify(
          `the operation "${request.op}" threw an Error, which Azure shows as [object Object]; throw a string`,
        )
      : result;
    return [this.answer(request, { result: text, ...(failed ? { exceptionType: "Error" } : {}) })];
  }

  private lockGranted(request: EntityRequest, lockset: NonNullable<EntityRequest["lockset"]>): OutgoingMessage {
    const next = lockset[request.pos + 1];
    if (next === undefined) return this.answer(request, { result: null });
    return this.message(`@${next.name}@${next.key}`, null, "op", { ...request, pos: request.pos + 1 });
  }

  private answer(request: EntityRequest, value: object): OutgoingMessage {
    return this.message(request.parent ?? "", request.parentExecution, request.id, value);
  }

  private signal(fields: Readonly<Record<string, unknown>>): OutgoingMessage {
    const target = isObject(fields["target"]) ? fields["target"] : {};
    const id = `@${(textOf(target["name"]) ?? "").toLowerCase()}@${textOf(target["key"]) ?? ""}`;
    const input = textOf(fields["input"]);
    return this.message(id, null, "op", {
      id: randomUUID(),
      op: textOf(fields["name"]) ?? "",
      signal: true,
      ...(input === undefined ? {} : { input }),
    });
  }

  private message(instanceId: string, executionId: string | null, name: string, value: object): OutgoingMessage {
    const event = {
      ...stamp(EventType.EventRaised, timeText(this.context.clock)),
      ...{ Name: name, Input: JSON.stringify(value) },
    };
    return { instanceId, executionId, event, visibleAt: arrival(this.context) };
  }
}

class BatchFailed extends Error {
  override readonly name = "BatchFailed";
}

/** The operations at the head of the queue that may run now: up to a lock request, under a lock only its holder's. */
function takeOperations(entity: EntityState): readonly EntityRequest[] {
  const end = entity.queue.findIndex(
    (request) => request.lockset !== undefined || (entity.lockedBy !== null && request.parent !== entity.lockedBy),
  );
  return end < 0 ? entity.queue : entity.queue.slice(0, end);
}
