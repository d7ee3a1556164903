import type { Evidence } from "../evidence";
import { describe, first, rollable, triesOf } from "./verdict";
import type { Judge } from "./verdict";

export const everyDeviceProven: Judge = (evidence) => {
  const devices = rollable(evidence);
  const complaints = devices.map(({ registrationId }) => {
    const stated = evidence.stated.get(registrationId);
    if (stated?.provenAt !== undefined) return undefined;
    return `${registrationId} is ${describe(stated)}, not proven.`;
  });
  return {
    complaint: devices.length === 0 ? "No device could be proven." : first(complaints),
    sentence: `All ${devices.length} devices that can be rolled are proven to run on their new key.`,
  };
};

export const newKeyConnects: Judge = (evidence) => {
  const devices = rollable(evidence);
  const complaints = devices.map((device) => {
    const { registrationId, deviceId, oldThumbprints, newThumbprint } = device;
    const connected = triesOf(evidence, deviceId).some(
      ({ door, accepted, at, thumbprint }) =>
        door === "hub" &&
        accepted &&
        at >= evidence.orderedAt &&
        thumbprint !== undefined &&
        (newThumbprint === undefined ? !oldThumbprints.includes(thumbprint) : thumbprint === newThumbprint),
    );
    return connected ? undefined : `The hub has never seen ${registrationId} with its new key.`;
  });
  return {
    complaint: first(complaints),
    sentence: `The hub itself saw all ${devices.length} devices connect with their new key.`,
  };
};

/** Who could not be rolled is told, by name, and not counted as done. */
export const leftOutListed: Judge = (evidence) => {
  const leftOut = evidence.rolled.filter((device) => device.leftOut !== undefined);
  const complaints = leftOut.map(({ registrationId, leftOut: why }) => {
    const stated = evidence.stated.get(registrationId);
    if (stated === undefined) return `${registrationId} (${why ?? ""}) is not in the roll's list.`;
    if (stated.provenAt !== undefined || stated.state === "proven")
      return `${registrationId} (${why ?? ""}) was called proven.`;
    return undefined;
  });
  return {
    complaint: leftOut.length === 0 ? "Every device could be rolled, so nothing was shown." : first(complaints),
    sentence: `${leftOut.length} devices that could not be rolled are listed as what they are: ${told(evidence, leftOut)}.`,
  };
};

/** `completed` when all could be rolled, `partial` when some could not. */
export const endsAsDue: Judge = ({ roll, rolled }) => {
  const due = rolled.some(({ leftOut }) => leftOut !== undefined) ? "partial" : "completed";
  const is = roll?.phase === "finished" ? (roll.outcome ?? "without an outcome") : `in phase ${roll?.phase ?? "none"}`;
  return {
    complaint: is === due ? undefined : `The roll should have ended ${due} and is ${is}.`,
    sentence: `The roll ended ${due}, as it should.`,
  };
};

function told(evidence: Evidence, devices: Evidence["rolled"]): string {
  return devices
    .map(({ registrationId }) => `${registrationId} ${evidence.stated.get(registrationId)?.state ?? "?"}`)
    .join(", ");
}
