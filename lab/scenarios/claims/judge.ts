import type { Claim, Evidence } from "../evidence";
import * as conduct from "./conduct";
import * as containment from "./containment";
import * as continuity from "./continuity";
import * as proof from "./proof";
import * as trust from "./trust";
import type { Judge } from "./verdict";

/** Every claim there is, in the order they are told. */
const judges = {
  "every-device-contained": containment.everyDeviceContained,
  "dps-refuses-old-key": containment.dpsRefusesOldKey,
  "hub-refuses-old-key": containment.hubRefusesOldKey,
  "old-sessions-dropped": containment.oldSessionsDropped,
  "ghosts-shut-out": containment.ghostsShutOut,
  "ghosts-listed": containment.ghostsListed,
  "every-device-proven": proof.everyDeviceProven,
  "new-key-connects": proof.newKeyConnects,
  "left-out-listed": proof.leftOutListed,
  "left-out-keep-their-trust": trust.leftOutKeepTheirTrust,
  "hub-kept-serving": continuity.hubKeptServing,
  "dps-kept-accepting": continuity.dpsKeptAccepting,
  "canaries-first": conduct.canariesFirst,
  "earlier-roll-gave-way": conduct.earlierRollGaveWay,
  "nothing-while-paused": conduct.nothingWhilePaused,
  "import-job-ran": conduct.importJobRan,
  "dps-wrote-nothing": conduct.dpsWroteNothing,
  "groups-never-dangle": trust.groupsNeverDangle,
  "old-trust-gone": trust.oldTrustGone,
  "old-trust-kept-until-expiry": trust.oldTrustKeptUntilExpiry,
  "no-entry-left-behind": trust.noEntryLeftBehind,
  "dps-refuses-retired-key": containment.dpsRefusesRetiredKey,
  "hub-refuses-retired-key": containment.hubRefusesRetiredKey,
  "bystanders-untouched": continuity.bystandersUntouched,
  "no-device-acts-twice": conduct.noDeviceActsTwice,
  "one-alert-one-roll": conduct.oneAlertOneRoll,
  "dry-run-writes-nothing": conduct.rehearsalWritesNothing,
  "plan-told-it": conduct.planToldIt,
  "epilogue-came-true": conduct.epilogueCameTrue,
  "ends-as-due": proof.endsAsDue,
  "secrets-stay-out": conduct.secretsStayOut,
} satisfies Record<string, Judge>;

export type ClaimName = keyof typeof judges;

/** All of them, in the order they are told. */
export const claimNames = Object.keys(judges) as ClaimName[];

/**
 * Judges a run by what the services, the devices and the thief saw, never by what the product says of itself: its
 * statements only set the moments from which something must be true.
 */
export function judge(evidence: Evidence, names: readonly ClaimName[]): Claim[] {
  return claimNames
    .filter((name) => names.includes(name))
    .map((name) => {
      const { complaint, sentence } = judges[name](evidence);
      return { name, holds: complaint === undefined, sentence: complaint ?? sentence };
    });
}
