import type { Evidence, Trust } from "../evidence";
import { first, rollable, seconds } from "./verdict";
import type { Judge } from "./verdict";

/** What was rolled is trusted nowhere any more: in no slot, no group, no CA certificate, no identity. */
export const oldTrustGone: Judge = (evidence) => {
  const leaves = new Set(rollable(evidence).flatMap(({ oldThumbprints }) => oldThumbprints));
  const authorities = new Set(evidence.oldAuthorities);
  // A disabled entry that holds an old certificate denies it; a CA certificate has no such state.
  const remains = evidence.trustAtEnd.filter(
    ({ kind, enabled, thumbprint }) =>
      (enabled || kind === "ca") && (leaves.has(thumbprint) || authorities.has(thumbprint)),
  );
  const looked = leaves.size + authorities.size;
  return {
    complaint: looked === 0 ? "There was no old trust to look for." : first(remains.map(complaint)),
    sentence: `Of ${looked} old certificates none is trusted by anything in DPS or the hubs.`,
  };
};

/** Nothing is retired that somebody still depends on: who could not be rolled is still let in. */
export const leftOutKeepTheirTrust: Judge = (evidence) => {
  const leftOut = evidence.rolled.filter((device) => device.leftOut !== undefined);
  const open = evidence.shutOuts.filter(({ to }) => to === undefined);
  const complaints = leftOut.map(({ registrationId, leftOut: why }) => {
    const shut = open.find((each) => each.registrationId === registrationId);
    return shut === undefined ? undefined : `${registrationId} (${why ?? ""}) is locked out of DPS: ${shut.reason}`;
  });
  return {
    complaint: leftOut.length === 0 ? "Every device could be rolled, so nothing was shown." : first(complaints),
    sentence: `DPS still takes the old keys of the ${leftOut.length} devices that could not be rolled.`,
  };
};

/** No group ever points at a CA certificate that is not there or that nobody has proven to own. */
export const groupsNeverDangle: Judge = ({ dangling, writes }) => {
  const looks = writes.filter(({ operation }) => /^dps\.(?:group|ca)\./.test(operation)).length;
  return {
    complaint:
      looks === 0
        ? "The roll wrote no group and no CA certificate, so nothing was shown."
        : first(
            dangling.map(({ groupId, caName, problem }) => `${groupId} pointed at ${caName}, which was ${problem}.`),
          ),
    sentence: `After each of ${looks} writes of groups and CA certificates, every group pointed at verified ones.`,
  };
};

/** An old leaf that was to stay until it expires is in its enrollment until then. */
export const oldTrustKeptUntilExpiry: Judge = (evidence) => {
  const devices = rollable(evidence);
  const complaints = devices.map(({ registrationId, oldThumbprints, oldNotAfter }) => {
    const early = evidence.slotsHeld.find(
      (held) =>
        held.registrationId === registrationId &&
        held.at < oldNotAfter &&
        !oldThumbprints.some((thumbprint) => held.thumbprints.includes(thumbprint)),
    );
    return early === undefined
      ? undefined
      : `The old leaf of ${registrationId} was taken out ${seconds(oldNotAfter - early.at)} before it expired.`;
  });
  return {
    complaint: evidence.slotsHeld.length === 0 ? "No enrollment was written, so nothing was shown." : first(complaints),
    sentence: `The old leaves of ${devices.length} devices stayed in their slots until they had expired.`,
  };
};

/** No entry stays behind that nobody asked for: a pin, a denial, a second group. */
export const noEntryLeftBehind: Judge = (evidence: Evidence) => {
  const known = new Set([...evidence.rolled, ...evidence.bystanders].map(({ registrationId }) => registrationId));
  const strangers = evidence.trustAtEnd.filter(({ kind, owner }) => kind === "enrollment" && !known.has(owner));
  return {
    complaint: first(strangers.map(({ owner }) => `The enrollment ${owner} was left behind.`)),
    sentence: "No enrollment was left behind that nobody asked for.",
  };
};

const holders = {
  enrollment: (owner: string) => `the enrollment of ${owner}`,
  group: (owner: string) => `the group ${owner}`,
  ca: (owner: string) => `the CA certificate ${owner}`,
  identity: (owner: string) => `the identity ${owner}`,
};

function complaint({ kind, owner, thumbprint }: Trust): string {
  return `An old certificate (${thumbprint.slice(0, 8)}…) still stands in ${holders[kind](owner)}.`;
}
