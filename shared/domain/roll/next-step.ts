import { deviceState, type DeviceState } from "./device-state";
import type { DeviceRow } from "./device-row";

/** What is left to do for a device, by its state, as a sentence for the person who looks after it. */
const STEPS: Readonly<Record<DeviceState, string>> = {
  "awaiting-approval": "look at the roll and approve it, if its devices are to be cut off: until then they are exposed",
  planned: "nothing: its turn has not come yet",
  "csr-received": "nothing: the issuer has its request",
  issued: "nothing: its new leaf goes into the entry next",
  staged: "nothing: the roll goes on with it by itself",
  "contained-unconfirmed": "treat it as exposed: look at the hub identity and the entry, somebody else writes to them",
  contained: "give it a new certificate: name one in a new roll, or visit the device",
  "await-self-heal": "switch it on and see that it reaches DPS; if it holds no second leaf it needs a visit",
  dispatched: "wait for its report; is it connected?",
  reported: "see which rule of the proof is missing",
  proven: "nothing",
  retired: "nothing",
  unreachable: "bring it online; it is tried again by itself, or at once by retry",
  regressed: "look why it went back to its old leaf, then retry",
  rogue: "nobody knows it: find out who registered it before anything else",
  failed: "mend what the detail says, then retry, or skip it",
  skipped: "nothing in this roll; the detail says who has it or why it was left",
  superseded: "nothing here: the other roll looks after it",
};

export function nextStep(row: DeviceRow): string {
  const step = STEPS[deviceState(row)];
  if (!hasResidue(row)) return step;
  const modules = "rotate or delete its modules: their credentials are their own";
  return step === "nothing" ? modules : `${step}; ${modules}`;
}

/** Devices that still need something: not done, and nobody else's; also those that left residual access behind. */
export function isStraggler(row: DeviceRow): boolean {
  return !DONE.includes(deviceState(row)) || hasResidue(row);
}

/** It has modules with credentials that may still open something. */
export function hasResidue({ modules }: DeviceRow): boolean {
  return modules !== undefined && modules.leftInAll > 0;
}

export const DONE: readonly DeviceState[] = ["proven", "retired", "skipped", "superseded"];
