import { randomUUID } from "node:crypto";
import { triggerOf } from "../function-app";
import { type EngineContext, timeText } from "./engine-context";
import { EventType, isFinal, stamp, Status, statusName } from "./history";
import type { HistoryEvent } from "./history";
import type { Instance } from "./rows";
import { rewound } from "./rewind";
import { newExecutionId } from "./turn-commit";

/** A request the client API refuses; `status` is the HTTP status of the management API. */
export class ClientRefused extends Error {
  override readonly name = "ClientRefused";
  constructor(
    readonly status: 400 | 404 | 409 | 410 | 412 | 500,
    message: string,
  ) {
    super(message);
  }
}

export interface StartOptions {
  /** Default: a new id of 32 hexadecimal digits. */
  readonly instanceId?: string;
  /** JSON text; default none. */
  readonly input?: string | null;
  /** Default: `defaultVersion` of host.json. */
  readonly version?: string;
}

/** What clients can ask of orchestrations (`IDurableOrchestrationClient`). */
export class OrchestrationClient {
  constructor(
    private readonly context: EngineContext,
    private readonly forget: (instanceId: string) => void,
    private readonly beforeStart: () => void,
  ) {}

  /** Starts an instance and returns its id; a finished one with the same id is replaced. */
  start(functionName: string, options: StartOptions): string {
    const { store, settings, clock, wake } = this.context;
    const fn = this.context.app.functions.get(functionName.toLowerCase());
    if (fn === undefined || triggerOf(fn)?.binding.type.toLowerCase() !== "orchestrationtrigger") {
      throw new ClientRefused(
        400,
        `The function '${functionName}' doesn't exist, is disabled, or is not an orchestrator function.`,
      );
    }
    const instanceId = options.instanceId ?? randomUUID().replaceAll("-", "");
    const problem = idProblem(instanceId);
    if (problem !== undefined) throw new ClientRefused(400, problem);
    this.beforeStart();
    const existing = store.instance(instanceId);
    if (existing !== undefined && !isFinal(existing.status)) {
      const state = statusName(existing.status);
      throw new ClientRefused(500, `An Orchestration instance with the status ${state} already exists.`);
    }
    this.forget(instanceId);
    store.start({
      ...{ instanceId, executionId: newExecutionId(), name: fn.name, input: options.input ?? null, parent: null },
      version: options.version ?? settings.defaultVersion,
      at: clock.now(),
    });
    wake([instanceId]);
    return instanceId;
  }

  /** Sends an external event; `input` is JSON text. */
  raiseEvent(instanceId: string, name: string, input: string): void {
    this.live(instanceId);
    this.post(instanceId, { ...stamp(EventType.EventRaised, this.now()), Name: name, Input: input });
  }

  terminate(instanceId: string, reason: string): void {
    this.live(instanceId);
    this.post(instanceId, { ...stamp(EventType.ExecutionTerminated, this.now()), Input: reason });
  }

  suspend(instanceId: string, reason: string): void {
    const { status } = this.live(instanceId);
    if (status === Status.Suspended) throw new ClientRefused(500, `Instance ${instanceId} is suspended already.`);
    this.post(instanceId, { ...stamp(EventType.ExecutionSuspended, this.now()), Reason: reason });
  }

  resume(instanceId: string, reason: string): void {
    this.live(instanceId);
    this.post(instanceId, { ...stamp(EventType.ExecutionResumed, this.now()), Reason: reason });
  }

  /** Starts the same orchestration with the same input; returns the id, which is new unless `sameId`. */
  restart(instanceId: string, sameId: boolean): string {
    const { name, input, version } = this.known(instanceId);
    return this.start(name, { input, version, ...(sameId ? { instanceId } : {}) });
  }

  /** Runs a failed instance again from its last success; failed children too. */
  rewind(instanceId: string, reason: string): void {
    const instance = this.known(instanceId);
    if (instance.status !== Status.Failed) {
      throw new ClientRefused(412, "The rewind operation is only supported on failed orchestration instances.");
    }
    const { store, wake } = this.context;
    const ids = store.commit("message", () => rewound(this.context, instance, reason));
    for (const id of ids) this.forget(id);
    wake(ids);
  }

  /** Forgets a finished instance; false when there is none. A running one is refused. */
  purge(instanceId: string): boolean {
    const instance = this.context.store.instance(instanceId);
    if (instance !== undefined && !isFinal(instance.status)) {
      throw new ClientRefused(409, `Instance ${instanceId} still runs; terminate it first.`);
    }
    this.forget(instanceId);
    return this.context.store.purge(instanceId);
  }

  /** Sends an operation to an entity, which comes into being with it. */
  signalEntity(entityId: string, operation: string, input: string | undefined): void {
    const message = { op: operation, signal: true, id: randomUUID(), ...(input === undefined ? {} : { input }) };
    this.post(entityId, { ...stamp(EventType.EventRaised, this.now()), Name: "op", Input: JSON.stringify(message) });
  }

  private post(instanceId: string, event: HistoryEvent): void {
    this.context.store.post({ instanceId, executionId: null, event });
    this.context.wake([instanceId]);
  }

  private now(): string {
    return timeText(this.context.clock);
  }

  private known(instanceId: string): Instance {
    const instance = this.context.store.instance(instanceId);
    if (instance === undefined) throw new ClientRefused(404, `No instance with ID '${instanceId}' found.`);
    return instance;
  }

  private live(instanceId: string): Instance {
    const instance = this.known(instanceId);
    if (isFinal(instance.status))
      throw new ClientRefused(410, `Instance ${instanceId} is ${statusName(instance.status)}.`);
    return instance;
  }
}

function idProblem(instanceId: string): string | undefined {
  if (instanceId === "") return "Instance ids must not be empty.";
  if (instanceId.startsWith("@")) return "Instance ids must not start with '@': entities have such ids.";
  if (instanceId.length > 256) return "Instance ids must not be longer than 256 characters.";
  // eslint-disable-next-line no-control-regex -- control characters are exactly what the extension refuses
  if (/[/\\?#\u0000-\u001f\u007f-\u009f]/.test(instanceId)) {
    return "Instance ids must not contain '/', '\\', '?', '#' or control characters.";
  }
  return undefined;
}
