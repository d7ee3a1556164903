import type { ClientRequest } from "node:http";
import type { Agent } from "node:https";
import { Http as DpsHttpBase } from "azure-iot-http-base";
import { Http as HubHttpBase } from "azure-iothub/dist/common-http/http";

/** Where requests go, and how long each may take from first byte to last. */
export interface RequestBounds {
  readonly agent: Agent;
  readonly timeoutMs: number;
}

/**
 * The IoT Hub SDK's HTTP layer with what it lacks: an end to every request (`request.setTimeout` without a handler never
 * aborts, so a silent server would hold the call for ever), an agent that the constructors of `Registry` and `Client`
 * cannot replace by their own, and a callback that cannot take the process down.
 */
export class HubHttp extends HubHttpBase {
  constructor(private readonly bounds: RequestBounds) {
    super();
    super.setOptions({ http: { agent: bounds.agent } });
  }

  /** Ignored: the agent was chosen when the transport was built. */
  override setOptions(): void {
    return;
  }

  override buildRequest(...args: Parameters<HubHttpBase["buildRequest"]>): ClientRequest {
    return endInTime(super.buildRequest(...withSafeCallback(args)), this.bounds.timeoutMs);
  }
}

/** The same for the DPS SDK, which has an HTTP layer of its own. */
export class DpsHttp extends DpsHttpBase {
  constructor(private readonly bounds: RequestBounds) {
    super();
    super.setOptions({ http: { agent: bounds.agent } });
  }

  /** Ignored: the agent was chosen when the transport was built. */
  override setOptions(): void {
    return;
  }

  override buildRequest(...args: Parameters<DpsHttpBase["buildRequest"]>): ClientRequest {
    return endInTime(super.buildRequest(...withSafeCallback(args)), this.bounds.timeoutMs);
  }
}

/** Marks an error that this file made because an answer did not come in time. */
export const TIMED_OUT = "ROLLCALL_TIMED_OUT";

/** Marks an error for an answer that the SDK could not make anything of. */
export const UNEXPECTED_ANSWER = "ROLLCALL_UNEXPECTED_ANSWER";

/** An answer did not come in time: the service may or may not have done what it was asked. */
export function timedOut(timeoutMs: number): NodeJS.ErrnoException {
  return Object.assign(new Error(`no complete answer within ${timeoutMs} ms`), { code: TIMED_OUT });
}

function endInTime(request: ClientRequest, timeoutMs: number): ClientRequest {
  const timer = setTimeout(() => request.destroy(timedOut(timeoutMs)), timeoutMs);
  request.once("close", () => {
    clearTimeout(timer);
  });
  return request;
}

/**
 * The SDK builds its result objects inside the callback, in a socket event: a 200 whose body has an unexpected shape
 * throws there (`new Twin({})`), where no promise can catch it and the process ends. The callback gets the error instead.
 */
function withSafeCallback<Args extends readonly unknown[]>(args: Args): Args {
  const safe = args.map((argument) => (isCallback(argument) ? catching(argument) : argument));
  // Same tuple, with the one function in it wrapped: `map` forgets the positions' types.
  return safe as unknown as Args;
}

type Callback = (...results: unknown[]) => void;

function isCallback(argument: unknown): argument is Callback {
  return typeof argument === "function";
}

function catching(callback: Callback): Callback {
  return (...results) => {
    try {
      callback(...results);
    } catch (error) {
      const why = error instanceof Error ? error.message : "not an error";
      callback(Object.assign(new Error(why), { code: UNEXPECTED_ANSWER }));
    }
  };
}
