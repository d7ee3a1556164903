import type { BreachedDevice, BreachEvidence, Claim, Knock } from "./evidence";

/** The names of the claims a breach roll is judged by, in the order they are told. */
export const breachClaims = [
  "every-device-contained",
  "dps-refuses-old-key",
  "hub-refuses-old-key",
  "old-sessions-dropped",
  "every-device-proven",
  "new-key-connects",
  "bystanders-untouched",
  "no-device-acts-twice",
  "one-alert-one-roll",
  "secrets-stay-out",
] as const;

/** Of a device that was never called contained, this much of the end shows whether a door is open still. */
const lastLookMs = 3_000;

/**
 * Judges a breach roll by what the services and the thief saw, never by what the product says of itself: its statement
 * "contained" only sets the moment from which an old key must be useless.
 */
export function judgeBreach(evidence: BreachEvidence): Claim[] {
  const checks: Record<(typeof breachClaims)[number], (evidence: BreachEvidence) => Verdict> = {
    "every-device-contained": everyDeviceContained,
    "dps-refuses-old-key": (given) => doorIsClosed(given, "dps", "DPS"),
    "hub-refuses-old-key": (given) => doorIsClosed(given, "hub", "The hub"),
    "old-sessions-dropped": oldSessionsDropped,
    "every-device-proven": everyDeviceProven,
    "new-key-connects": newKeyConnects,
    "bystanders-untouched": bystandersUntouched,
    "no-device-acts-twice": noDeviceActsTwice,
    "one-alert-one-roll": oneAlertOneRoll,
    "secrets-stay-out": secretsStayOut,
  };
  return breachClaims.map((name) => {
    const { complaint, sentence } = checks[name](evidence);
    return { name, holds: complaint === undefined, sentence: complaint ?? sentence };
  });
}

interface Verdict {
  /** What is wrong; undefined when the claim holds. */
  readonly complaint: string | undefined;
  /** What to say when it holds. */
  readonly sentence: string;
}

function everyDeviceContained(evidence: BreachEvidence): Verdict {
  const complaints = evidence.breached.map(({ registrationId }) => {
    const stated = evidence.stated.get(registrationId);
    return stated?.containedAt === undefined
      ? `${registrationId} was never called contained (it is ${describe(stated)}).`
      : undefined;
  });
  return {
    complaint: first(complaints),
    sentence: `All ${evidence.breached.length} breached devices were called contained.`,
  };
}

function doorIsClosed(evidence: BreachEvidence, door: Knock["door"], who: string): Verdict {
  let refusals = 0;
  const complaints = evidence.breached.map((device): string | undefined => {
    const { from, since } = closedFrom(evidence, device);
    const knocks = evidence.knocks.filter(
      (knock) => knock.door === door && knock.thumbprint === device.oldThumbprint && knock.at >= from,
    );
    refusals += knocks.length;
    const accepted = knocks.filter((knock) => knock.accepted).at(-1);
    if (accepted !== undefined) return `${who} accepted the old key of ${device.registrationId} ${since(accepted.at)}.`;
    if (knocks.length > 0) return undefined;
    return `Nobody tried the old key of ${device.registrationId} at this door when it had to be closed.`;
  });
  return {
    complaint: first(complaints),
    sentence: `${who} refused all ${refusals} tries with ${evidence.breached.length} old keys when it had to be closed.`,
  };
}

function oldSessionsDropped(evidence: BreachEvidence): Verdict {
  const held = evidence.keys.filter((key) => key.session.accepted > 0);
  const complaints = held.map((key): string | undefined => {
    const device = evidence.breached.find(({ registrationId }) => registrationId === key.registrationId);
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
}

/**
 * The moment from which an old key must be useless: when the device was called contained. Of one that never was, the
 * end of the run tells which doors are open still, so that a claim about one door does not turn red for another's sake.
 */
function closedFrom(evidence: BreachEvidence, { registrationId }: BreachedDevice) {
  const containedAt = evidence.stated.get(registrationId)?.containedAt;
  return containedAt === undefined
    ? { from: evidence.endedAt - lastLookMs, since: () => "at the very end" }
    : { from: containedAt, since: (at: number) => `${seconds(at - containedAt)} after it was called contained` };
}

function everyDeviceProven(evidence: BreachEvidence): Verdict {
  const complaints = evidence.breached.map(({ registrationId }) => {
    const stated = evidence.stated.get(registrationId);
    if (stated?.provenAt !== undefined) return undefined;
    return `${registrationId} is ${describe(stated)}, not proven.`;
  });
  return {
    complaint: first(complaints),
    sentence: `All ${evidence.breached.length} breached devices are proven to run on their new key.`,
  };
}

function newKeyConnects(evidence: BreachEvidence): Verdict {
  const complaints = evidence.breached.map((device) => {
    const connected = evidence.knocks.some(
      (knock) =>
        knock.door === "hub" &&
        knock.accepted &&
        knock.at >= evidence.alertAt &&
        knock.subject === device.deviceId &&
        knock.thumbprint === device.newThumbprint,
    );
    return connected ? undefined : `The hub has never seen ${device.registrationId} with its new key.`;
  });
  return {
    complaint: first(complaints),
    sentence: `The hub itself saw all ${evidence.breached.length} devices connect with their new key.`,
  };
}

function bystandersUntouched(evidence: BreachEvidence): Verdict {
  const complaints = evidence.bystanders.map(({ registrationId, deviceId }) => {
    if (evidence.stated.has(registrationId)) return `${registrationId} is in the roll and should not be.`;
    if (evidence.bystandersBefore.get(deviceId) !== evidence.bystandersAfter.get(deviceId)) {
      return `The identity or enrollment of ${registrationId} was changed.`;
    }
    const again = evidence.knocks.some((knock) => knock.subject === deviceId && knock.at >= evidence.alertAt);
    return again ? `${registrationId} lost its session and had to connect again.` : undefined;
  });
  return {
    complaint: first(complaints),
    sentence: `The other ${evidence.bystanders.length} devices kept their sessions, identities and enrollments.`,
  };
}

function noDeviceActsTwice(evidence: BreachEvidence): Verdict {
  return {
    complaint: evidence.actedTwice[0] === undefined ? undefined : `${evidence.actedTwice[0]} was acted on twice.`,
    sentence: "No device acted twice on one attempt.",
  };
}

function oneAlertOneRoll({ repeatedAlert }: BreachEvidence): Verdict {
  const same = repeatedAlert.status === 200 && repeatedAlert.sameRoll;
  return {
    complaint: same
      ? undefined
      : `The same alert again was answered ${repeatedAlert.status}${repeatedAlert.sameRoll ? "" : " with another roll"}.`,
    sentence: "The same alert, posted again, was answered with the same roll.",
  };
}

function secretsStayOut({ leaks, placesSearched }: BreachEvidence): Verdict {
  return {
    complaint: placesSearched === 0 ? "No place was searched for secrets." : leaks[0],
    sentence: `No private key and no access key stands in any of ${placesSearched} tables, blobs, files and logs.`,
  };
}

function describe(stated: { state: string; detail?: string } | undefined): string {
  if (stated === undefined) return "unknown to the roll";
  return stated.detail === undefined ? stated.state : `${stated.state}: ${stated.detail}`;
}

function first(complaints: readonly (string | undefined)[]): string | undefined {
  const found = complaints.filter((complaint) => complaint !== undefined);
  const more = found.length - 1;
  return more > 0 ? `${found[0] ?? ""} (and ${more} more like it)` : found[0];
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
