import type { Evidence, Knock, RolledDevice } from "../evidence";
import { describe, first, rollable, seconds, triesWith } from "./verdict";
import type { Judge, Verdict } from "./verdict";

/** Of a device that was never called contained, this much of the end shows whether a door is open still. */
const lastLookMs = 3_000;

export const everyDeviceContained: Judge = (evidence) => {
  const complaints = evidence.rolled.map(({ registrationId }) => {
    const stated = evidence.stated.get(registrationId);
    return stated?.containedAt === undefined
      ? `${registrationId} was never called contained (it is ${describe(stated)}).`
      : undefined;
  });
  return {
    complaint: first(complaints),
    sentence: `All ${evidence.rolled.length} breached devices were called contained.`,
  };
};

export const dpsRefusesOldKey: Judge = (evidence) => doorIsClosed(evidence, evidence.rolled, "dps", closedFrom);
export const hubRefusesOldKey: Judge = (evidence) => doorIsClosed(evidence, evidence.rolled, "hub", closedFrom);

/** Of a roll without containment: once it has ended, the old trust of who was rolled opens nothing. */
export const dpsRefusesRetiredKey: Judge = (evidence) => doorIsClosed(evidence, rollable(evidence), "dps", retiredFrom);
export const hubRefusesRetiredKey: Judge = (evidence) => doorIsClosed(evidence, rollable(evidence), "hub", retiredFrom);

/**
 * What somebody with a CA's key minted for names that nobody has, from the moment the roll was called contained; from its own
 * containment where it took a look at every identity to find it.
 */
export const ghostsShutOut: Judge = (evidence) => {
  let refusals = 0;
  const complaints = evidence.ghosts.flatMap(({ registrationId, thumbprint, erased = false }) =>
    (erased ? (["hub"] as const) : (["dps", "hub"] as const)).map((door): string | undefined => {
      const from = erased ? evidence.stated.get(registrationId)?.containedAt : evidence.roll?.containedAt;
      if (from === undefined)
        return erased ? `${registrationId} was not found.` : "The roll was never called contained.";
      const tries = triesWith(evidence, [thumbprint]).filter((knock) => knock.door === door && knock.at >= from);
      refusals += tries.length;
      const accepted = tries.filter((knock) => knock.accepted).at(-1);
      if (accepted !== undefined)
        return `${names[door]} accepted ${registrationId}, whom nobody knows, ${seconds(accepted.at - from)} after containment.`;
      return tries.length === 0 ? `Nobody tried the minted leaf of ${registrationId} at ${names[door]}.` : undefined;
    }),
  );
  return {
    complaint: evidence.ghosts.length === 0 ? "Nobody minted a leaf for a name of his own." : first(complaints),
    sentence: `${evidence.ghosts.length} names that no device has were refused all ${refusals} times after containment.`,
  };
};

/** Whoever registered under a name that no device has is listed, as what he is. */
export const ghostsListed: Judge = ({ ghosts, stated }) => {
  const complaints = ghosts.map(({ registrationId }) => {
    const found = stated.get(registrationId);
    return found?.state === "rogue" ? undefined : `${registrationId} is ${describe(found)}, not rogue.`;
  });
  return {
    complaint: ghosts.length === 0 ? "Nobody minted a leaf for a name of his own." : first(complaints),
    sentence: `${ghosts.length} names that no device has are listed as rogue.`,
  };
};

export const oldSessionsDropped: Judge = (evidence) => {
  const held = evidence.keys.filter((key) => key.session.accepted > 0);
  const complaints = held.map((key): string | undefined => {
    const device = evidence.rolled.find(({ registrationId }) => registrationId === key.registrationId);
    const last = key.session.lastAcceptedAt;
    if (device === undefined || last === undefined) return undefined;
    const { from, since } = closedFrom(evidence, device);
    return last >= from
      ? `The thief's session as ${key.registrationId} still got a message through ${since(last)}.`
      : undefined;
  });
  const messages = held.reduce((sum, key) => sum + key.session.accepted, 0);
  return {
    complaint: held.length === 0 ? "The thief never held a session, so nothing was shown." : first(complaints),
    sentence: `The thief's sessions as ${held.length} devices carried ${messages} messages before containment and none after.`,
  };
};

const names = { dps: "DPS", hub: "The hub" } as const;

interface Closing {
  readonly from: number;
  /** How late something was, as part of a sentence. */
  readonly since: (at: number) => string;
}

function doorIsClosed(
  evidence: Evidence,
  devices: readonly RolledDevice[],
  door: Knock["door"],
  closing: (evidence: Evidence, device: RolledDevice) => Closing,
): Verdict {
  const who = names[door];
  const stolen = new Set(evidence.keys.map(({ sha256Thumbprint }) => sha256Thumbprint));
  const robbed = devices.filter(({ oldThumbprints }) => oldThumbprints.some((thumbprint) => stolen.has(thumbprint)));
  let refusals = 0;
  const complaints = devices.map((device): string | undefined => {
    const { from, since } = closing(evidence, device);
    const tries = triesWith(evidence, device.oldThumbprints).filter((knock) => knock.door === door && knock.at >= from);
    refusals += tries.length;
    const accepted = tries.filter((knock) => knock.accepted).at(-1);
    if (accepted !== undefined) return `${who} accepted the old key of ${device.registrationId} ${since(accepted.at)}.`;
    if (tries.length > 0 || !robbed.includes(device)) return undefined;
    return `Nobody tried the old key of ${device.registrationId} at this door when it had to be closed.`;
  });
  return {
    complaint: robbed.length === 0 ? "Nobody had an old key to try." : first(complaints),
    sentence: `${who} refused all ${refusals} tries with the old keys of ${robbed.length} devices when it had to be closed.`,
  };
}

/**
 * The moment from which an old key must be useless: when the device was called contained. Of one that never was, the
 * end of the run tells which doors are open still, so that a claim about one door does not turn red for another's sake.
 */
function closedFrom(evidence: Evidence, { registrationId }: RolledDevice): Closing {
  const containedAt = evidence.stated.get(registrationId)?.containedAt;
  return containedAt === undefined
    ? { from: evidence.endedAt - lastLookMs, since: () => "at the very end" }
    : { from: containedAt, since: (at) => `${seconds(at - containedAt)} after it was called contained` };
}

function retiredFrom({ rollEndedAt }: Evidence): Closing {
  return { from: rollEndedAt, since: (at) => `${seconds(at - rollEndedAt)} after the roll had ended` };
}
