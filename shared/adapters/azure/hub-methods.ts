import { z } from "zod";
import type { Clock } from "../../ports/clock";
import type { Hub, MethodOutcome } from "../../ports/hubs";
import type { HubContext } from "./hub-connection";
import { callSdk } from "./sdk-call";
import { toRollError, unreadable, type ServiceFailure } from "./sdk-errors";

/** What a device answered to a method. */
export const MethodResult = z.object({ status: z.int(), payload: z.unknown() });

/** Direct methods of one hub. */
export function hubMethods({ methods, service, timeoutMs, clock }: HubContext): Pick<Hub, "invokeMethod"> {
  return {
    async invokeMethod(deviceId, methodName, payload): Promise<MethodOutcome> {
      const parameters = { methodName, payload, responseTimeoutInSeconds: responseSeconds(timeoutMs) };
      const answer = await callSdk(timeoutMs, () => methods.invokeDeviceMethod(deviceId, parameters));
      if (answer.ok) {
        const result: unknown = answer.value.result;
        const read = MethodResult.safeParse(result);
        if (!read.success) throw unreadable(service, `result of method ${methodName} on ${deviceId}`);
        return { outcome: "answered", status: read.data.status, payload: read.data.payload };
      }
      return methodFailure(service, answer.failure, clock);
    },
  };
}

function methodFailure(service: string, failure: ServiceFailure, clock: Clock): MethodOutcome {
  const { status, code } = failure;
  const detail = `${code ?? status ?? "no answer"} ${failure.detail}`;
  if (status === 401 || status === 429 || !failure.mayHaveArrived) throw toRollError(service, failure);
  if (status === 403 && !/^403012$|DeviceDisabled|Inflight|^403800$/i.test(code ?? ""))
    throw toRollError(service, failure);
  // 4xx: the hub did not hand the call to the device. 5xx, a timeout, a cut connection: nobody can tell.
  return status !== undefined && status < 500
    ? { outcome: "unreachable", detail }
    : { outcome: "no-answer", detail, at: clock.now() };
}

/** 5 to 300 s (Microsoft docs: direct methods); the hub's answer must come before the call's own end. */
function responseSeconds(timeoutMs: number): number {
  return Math.min(30, Math.max(5, Math.floor(timeoutMs / 1000) - 5));
}
