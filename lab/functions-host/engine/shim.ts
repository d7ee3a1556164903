import { createHash } from "node:crypto";
import { numberOf, objectOf, textOf, tryParse } from "../json";
import type { Action, HttpCall, OrchestratorAnswer, RetryOptions } from "./actions";
import type { ReplayContext } from "./replay-context";
import { run, type Steps, type Task, whenAll, whenAny } from "./task";

/** What the re-execution of actions has to know of the app and of the host's settings. */
export interface ShimSettings {
  /** Version given to children that name none (`defaultVersion` of host.json). */
  readonly defaultVersion: string;
  /** Timers due later than this are split (6 days on Azure Storage). */
  readonly maximumShortTimerMs: number;
  /** Length of the pieces (3 days on Azure Storage). */
  readonly longTimerIntervalMs: number;
  /** Wait between polls of a 202 without Retry-After (`defaultAsyncRequestSleepTimeMilliseconds`). */
  readonly httpPollMs: number;
  /** Undefined when the app has such a function, else the sentence that says what is wrong. */
  missing(kind: "activity" | "orchestrator" | "entity", name: string): string | undefined;
  /** Called for what the real extension swallows and hangs on; the host decides whether that is loud. */
  swallowed(problem: string): void;
}

/** The function name under which the host itself runs `callHttp`. */
export const httpActivity = "BuiltIn::HttpActivity";

/**
 * Executes an action list the way `OutOfProcOrchestrationShim` of the Durable extension does (schemas V2 to V4): each
 * action in order, the next one only when the one before is done in the host's view of the history.
 */
export class Shim {
  private held: { readonly id: string; readonly entities: readonly string[] } | undefined;

  constructor(
    private readonly context: ReplayContext,
    private readonly settings: ShimSettings,
  ) {}

  /** Settles when the list is through and the orchestrator has returned or failed; open for ever otherwise. */
  start(answer: OrchestratorAnswer, finished: () => void): void {
    run(this.replay(answer.actions)).onDone(() => {
      if (answer.error !== undefined || answer.isDone) finished();
    });
  }

  private *replay(actions: readonly Action[]): Steps<undefined> {
    for (const action of actions) {
      const task = this.invoke(action);
      if (task !== undefined) yield task;
    }
    return undefined;
  }

  private invoke(action: Action): Task<unknown> | undefined {
    switch (action.kind) {
      case "activity":
        return this.activity(action);
      case "child":
        return this.child(action);
      case "continue-as-new":
        this.context.continueAsNew = { input: action.input };
        return undefined;
      case "timer":
        return run(this.timer(action.fireAt, action.cancelled));
      case "event":
        return this.context.waitForEvent(action.name);
      case "entity":
        return this.entity(action);
      case "http":
        return run(this.http(action.request));
      case "any":
        return whenAny(this.invokeAll(action.children));
      case "all":
        return whenAll(this.invokeAll(action.children));
      case "lock":
        return this.lock(action.lockRequestId, action.lockSet);
      case "release":
        this.release();
        return undefined;
    }
  }

  private invokeAll(actions: readonly Action[]): Task<unknown>[] {
    return actions.flatMap((action) => {
      const task = this.invoke(action);
      return task === undefined ? [] : [task];
    });
  }

  private activity(action: Action & { kind: "activity" }): Task<unknown> | undefined {
    const missing = this.settings.missing("activity", action.name);
    if (missing !== undefined) {
      this.swallow(missing);
      return;
    }
    const once = (): Task<string | null> =>
      this.context.schedule((id) => ({
        kind: "activity",
        id,
        name: action.name,
        input: JSON.stringify([action.input ?? null]),
      })).task;
    return action.retry === undefined ? once() : run(this.retrying(action.retry, once));
  }

  private child(action: Action & { kind: "child" }): Task<unknown> | undefined {
    const missing = this.settings.missing("orchestrator", action.name);
    if (missing !== undefined) {
      this.swallow(missing);
      return;
    }
    if (action.instanceId === this.context.instanceId || action.instanceId?.startsWith("@") === true) {
      this.swallow(`The sub-orchestration id "${action.instanceId}" is its parent's or that of an entity.`);
      return;
    }
    const once = (): Task<string | null> =>
      this.context.schedule((id) => ({
        kind: "child",
        id,
        name: action.name,
        version: action.version ?? this.settings.defaultVersion,
        instanceId: action.instanceId ?? `${this.context.executionId}:${id}`,
        input: action.input === undefined ? null : JSON.stringify(action.input),
      })).task;
    return action.retry === undefined ? once() : run(this.retrying(action.retry, once));
  }

  /** The real extension waits for ever here, without an id taken: the following numbers shift. */
  private swallow(problem: string): undefined {
    this.settings.swallowed(problem);
    return undefined;
  }

  private *retrying(options: RetryOptions, once: () => Task<string | null>): Steps<string | null> {
    const begun = this.context.now;
    for (let attempt = 1; ; attempt++) {
      const task = once();
      yield task;
      if (!task.isFailed) return task.get();
      if (this.context.now >= begun + options.retryTimeoutInMilliseconds) return task.get();
      const last = attempt >= options.maxNumberOfAttempts;
      const backoff = options.firstRetryIntervalInMilliseconds * options.backoffCoefficient ** (attempt - 1);
      // The SDK counts a timer after every failure, so the last one gets a timer due at once.
      const delay = last ? 0 : Math.min(backoff, options.maxRetryIntervalInMilliseconds);
      yield this.shortTimer(this.context.now + delay).task;
      if (last) return task.get();
    }
  }

  private shortTimer(fireAt: number): { readonly id: number; readonly task: Task<string | null> } {
    return this.context.schedule((id) => ({ kind: "timer", id, fireAt }));
  }

  private *timer(fireAt: number, cancelled: boolean): Steps<undefined> {
    const { maximumShortTimerMs, longTimerIntervalMs } = this.settings;
    let due = fireAt - this.context.now > maximumShortTimerMs ? this.context.now + longTimerIntervalMs : fireAt;
    for (;;) {
      const { id, task } = this.shortTimer(due);
      if (cancelled) this.context.cancel(id);
      yield task;
      const remaining = fireAt - this.context.now;
      if (cancelled || remaining <= 0) return undefined;
      due = Math.min(fireAt, this.context.now + longTimerIntervalMs);
    }
  }

  private entity(action: Action & { kind: "entity" }): Task<unknown> | undefined {
    const missing = this.settings.missing("entity", entityName(action.entityId));
    if (missing !== undefined) {
      this.swallow(missing);
      return;
    }
    const id = this.guid();
    const message = {
      op: action.operation,
      ...(action.signal ? { signal: true } : {}),
      ...(action.input === undefined ? {} : { input: JSON.stringify(action.input) }),
      id,
      parent: this.context.instanceId,
      parentExecution: this.context.executionId,
    };
    this.context.send(action.entityId, "op", JSON.stringify(message));
    return action.signal ? undefined : this.context.waitForEvent(id);
  }

  private lock(id: string, set: readonly { readonly name: string; readonly key: string }[]): Task<unknown> | undefined {
    const first = set[0];
    if (first === undefined) {
      this.swallow("A lock needs at least one entity.");
      return;
    }
    const lockset = set.map((entry) => ({ name: entry.name.toLowerCase(), key: entry.key }));
    this.held = { id, entities: lockset.map((entry) => `@${entry.name}@${entry.key}`) };
    const message = {
      id,
      lockset,
      pos: 0,
      parent: this.context.instanceId,
      parentExecution: this.context.executionId,
    };
    this.context.send(`@${first.name.toLowerCase()}@${first.key}`, "op", JSON.stringify(message));
    return this.context.waitForEvent(id);
  }

  private release(): void {
    const held = this.held;
    this.held = undefined;
    for (const entity of held?.entities ?? []) {
      this.context.send(entity, "release", JSON.stringify({ parent: this.context.instanceId, id: held?.id }));
    }
  }

  private *http(request: HttpCall): Steps<undefined> {
    let next = request;
    for (;;) {
      const call = next;
      const { task } = this.context.schedule((id) => ({
        kind: "activity",
        id,
        name: httpActivity,
        input: JSON.stringify([call]),
      }));
      yield task;
      if (task.isFailed || !call.asynchronousPatternEnabled) return undefined;
      const response = objectOf(tryParse(task.get() ?? "null"));
      const headers = objectOf(response["headers"]);
      const header = (name: string): string | undefined =>
        textOf(Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1]);
      const location = header("location");
      if (numberOf(response["statusCode"]) !== 202 || location === undefined) return undefined;
      const retryAfter = Number(header("retry-after"));
      const wait = Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter * 1000 : this.settings.httpPollMs;
      yield this.shortTimer(this.context.now + wait).task;
      const kept = Object.entries(call.headers).filter(([key]) => key.toLowerCase() !== "x-functions-key");
      next = { method: "GET", uri: location, headers: Object.fromEntries(kept), asynchronousPatternEnabled: true };
    }
  }

  /** The same in every replay of this execution, different for every message. */
  private guid(): string {
    const hex = createHash("sha1").update(`${this.context.executionId}:${this.context.peekId()}`).digest("hex");
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `5${hex.slice(13, 16)}`,
      `8${hex.slice(17, 20)}`,
      hex.slice(20, 32),
    ].join("-");
  }
}

/** The name part of `@name@key`. */
export function entityName(entityId: string): string {
  return entityId.split("@")[1] ?? "";
}
