import type { Evidence, Knock, RolledDevice } from "../evidence";
import { first, rollable, seconds } from "./verdict";
import type { Judge } from "./verdict";

export const bystandersUntouched: Judge = (evidence) => {
  const complaints = evidence.bystanders.map(({ registrationId, deviceId }) => {
    if (evidence.stated.has(registrationId)) return `${registrationId} is in the roll and should not be.`;
    if (evidence.bystandersBefore.get(deviceId) !== evidence.bystandersAfter.get(deviceId)) {
      return `The identity or enrollment of ${registrationId} was changed.`;
    }
    const again = evidence.knocks.some((knock) => knock.subject === deviceId && knock.at >= evidence.orderedAt);
    return again ? `${registrationId} lost its session and had to connect again.` : undefined;
  });
  return {
    complaint: first(complaints),
    sentence: `The other ${evidence.bystanders.length} devices kept their sessions, identities and enrollments.`,
  };
};

/**
 * In a roll for expiry the hub refuses nobody and cuts nobody. The one moment that is nobody's fault: a device that has
 * registered with its new key and has not connected with it yet.
 */
export const hubKeptServing: Judge = (evidence) => {
  const devices = rollable(evidence);
  const complaints = devices.map(({ registrationId, deviceId }) => {
    const cut = evidence.cuts.find((each) => each.deviceId === deviceId && isInRoll(evidence, each.at));
    if (cut !== undefined)
      return `The hub cut the session of ${registrationId} ${seconds(cut.at - evidence.orderedAt)} after the order.`;
    const refused = refusedOutsideOfItsMove(evidence, { registrationId, deviceId });
    return refused === undefined
      ? undefined
      : `The hub refused ${registrationId} ${seconds(refused.at - evidence.orderedAt)} after the order.`;
  });
  return {
    complaint: first(complaints),
    sentence: `The hub cut and refused none of ${devices.length} devices while they moved to their new key.`,
  };
};

/** At no moment would DPS have refused a device that came with the key it ran on. */
export const dpsKeptAccepting: Judge = (evidence) => {
  const complaints = evidence.shutOuts
    .filter(({ registrationId }) => evidence.rolled.some((device) => device.registrationId === registrationId))
    .map(({ registrationId, from, to, reason }) => {
      const lasted = seconds((to ?? evidence.endedAt) - from);
      return `DPS would have refused ${registrationId} for ${lasted}: ${reason}`;
    });
  return {
    complaint: first(complaints),
    sentence: `DPS would have accepted each of ${evidence.rolled.length} devices at any moment.`,
  };
};

function isInRoll({ orderedAt, rollEndedAt }: Evidence, at: number): boolean {
  return at >= orderedAt && at <= rollEndedAt;
}

function refusedOutsideOfItsMove(
  evidence: Evidence,
  { registrationId, deviceId }: Pick<RolledDevice, "registrationId" | "deviceId">,
): Knock | undefined {
  let isMoving = false;
  const own = evidence.knocks.filter(
    ({ door, subject, at }) => isInRoll(evidence, at) && subject === (door === "dps" ? registrationId : deviceId),
  );
  for (const knock of own) {
    if (knock.door === "dps") isMoving ||= knock.accepted;
    else if (knock.accepted) isMoving = false;
    else if (!isMoving) return knock;
  }
  return undefined;
}
