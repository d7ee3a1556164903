import type { LabClock } from "../clock";
import { sleep } from "../clock";
import type { Backoff } from "./backoff";
import type { Behaviour } from "./behaviours";
import { isLeafOf, leafFacts } from "./credential";
import type { DeviceCredential } from "./credential";
import type { Attempt, DeviceState } from "./device-state";
import type { DeviceTransport, RegistrationOutcome } from "./transport";

/** The device as its re-provisioning sees it. */
export interface Reprovisioner {
  readonly state: DeviceState;
  readonly transport: DeviceTransport;
  readonly behaviour: Behaviour;
  readonly backoff: Backoff;
  readonly clock: LabClock;
  readonly random: () => number;
  /** Whether the agent was stopped meanwhile: then nothing may be changed any more. */
  isOver(): boolean;
  refused(reason: string): void;
}

/** How a re-provisioning ended; `over` when the agent was stopped in the middle of it. */
export type Reprovisioned =
  | {
      readonly result: "assigned";
      readonly credential: DeviceCredential;
      readonly hubHostName: string;
      deviceId: string;
    }
  | { readonly result: "failed"; readonly error: string }
  | { readonly result: "over" };

/**
 * Registers again with DPS, after a random wait within `spreadSeconds`, until it is assigned. A leaf that cannot be
 * installed fails at once; a DPS that refuses is asked again, with backoff, until the deadline.
 */
export async function reprovision(attempt: Attempt, device: Reprovisioner): Promise<Reprovisioned> {
  const spreadMs = (attempt.spreadSeconds ?? 0) * 1_000 * device.random();
  await sleep(device.clock, spreadMs + (device.behaviour.slowMs ?? 0));
  while (!device.isOver()) {
    const now = device.clock.now() + (device.behaviour.clockSkewMs ?? 0);
    const wanted = device.behaviour.keepsOldKey === true ? undefined : attempt.chainPem;
    const choice = chooseCredentials(device.state, wanted, now, device.behaviour.managesOwnLeaf === true);
    if (choice.refusal !== undefined) return { result: "failed", error: choice.refusal };
    let refusal: RegistrationOutcome & { status: "refused" } = { status: "refused", reason: "no key" };
    for (const credential of choice.credentials) {
      const outcome = await device.transport.register(device.state.registrationId, credential);
      if (device.isOver()) break;
      if (outcome.status === "assigned") {
        return { result: "assigned", credential, hubHostName: outcome.hubHostName, deviceId: outcome.deviceId };
      }
      refusal = outcome;
      device.refused(outcome.reason);
    }
    if (attempt.deadline !== undefined && now >= attempt.deadline) return { result: "failed", error: refusal.reason };
    await sleep(device.clock, device.backoff.next(refusal.retryAfterMs));
  }
  return { result: "over" };
}

interface Choice {
  /** To register with, in that order. */
  readonly credentials: readonly DeviceCredential[];
  /** Why what was given cannot be installed. */
  readonly refusal?: string;
}

/**
 * With a chain: that leaf alone, together with whichever key of the device it was made for. Without one: the active
 * leaf, then the standby, or the other way round. `now` is the time as the device believes it to be.
 */
function chooseCredentials(
  state: DeviceState,
  chainPem: string | undefined,
  now: number,
  standbyFirst: boolean,
): Choice {
  if (chainPem === undefined) {
    const held = [state.active, ...(state.standby === undefined ? [] : [state.standby])];
    return { credentials: standbyFirst ? held.reverse() : held };
  }
  const held = [state.standby, state.active, state.previous].flatMap((credential) => credential?.privateKeyPem ?? []);
  const key = [...Object.values(state.preparedKeys), ...held].find((candidate) => isLeafOf(chainPem, candidate));
  if (key === undefined) return { credentials: [], refusal: "no-key-for-certificate" };
  const { notBefore, notAfter } = leafFacts(chainPem);
  if (now < notBefore.getTime()) return { credentials: [], refusal: "certificate-not-yet-valid" };
  if (now > notAfter.getTime()) return { credentials: [], refusal: "certificate-expired" };
  return { credentials: [{ chainPem, privateKeyPem: key }] };
}
