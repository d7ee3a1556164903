import type { ClaimName } from "./judge";

/** What every roll owes. */
const always = [
  "bystanders-untouched",
  "no-device-acts-twice",
  "one-alert-one-roll",
  "ends-as-due",
  "secrets-stay-out",
] as const;

/** What a roll after a breach owes: the stolen keys are worth nothing, and the devices come back. */
export const breachClaims = [
  "every-device-contained",
  "dps-refuses-old-key",
  "hub-refuses-old-key",
  "old-sessions-dropped",
  "every-device-proven",
  "new-key-connects",
  ...always,
] as const satisfies readonly ClaimName[];

/** What a roll before an expiry owes: nobody notices it, and in the end the old certificates are worth nothing. */
export const expiryClaims = [
  "every-device-proven",
  "new-key-connects",
  "hub-kept-serving",
  "dps-kept-accepting",
  "old-trust-gone",
  "dps-refuses-retired-key",
  "hub-refuses-retired-key",
  ...always,
] as const satisfies readonly ClaimName[];
