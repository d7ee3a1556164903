import type { DeviceId, HubHostName, Sha256Thumbprint } from "../ids";
import { withWarning, type DeviceRow, type GuessedHold, type HubRecord } from "../roll/device-row";
import type { Identity } from "./allow-set";

/**
 * The name that the hub's device most likely has while DPS does not answer for the registration record: the entry's own
 * name for it as far as the entry could be read, else the registration id.
 */
export function likelyName(row: DeviceRow, byDefault: DeviceId): DeviceId {
  return row.deviceId ?? row.nameInEntry ?? byDefault;
}

/**
 * The row under this guessed name. What was noted of the hubs belongs to the name it was noted under: under another one
 * nothing is known yet, except what was held under it before.
 */
export function guessName(row: DeviceRow, name: DeviceId): DeviceRow {
  if (row.guess === name) return row;
  const known = (row.guessed ?? []).filter(({ deviceId }) => deviceId === name);
  const hubs = Object.fromEntries(
    known.map(({ hub, round, status }): [HubHostName, HubRecord] => [
      hub,
      { round, statusBefore: status, lastWrite: "none", absent: false },
    ]),
  );
  return { ...row, guess: name, hubs };
}

/** The row under its true name; identities that were held under another one stay on it until they are restored. */
export function nameDevice(row: DeviceRow, name: DeviceId): DeviceRow {
  const { guess: _guess, guessed, ...named } = row.guess === undefined ? row : guessName(row, name);
  const wrong = (guessed ?? []).filter(({ deviceId }) => deviceId !== name);
  return { ...named, deviceId: name, ...(wrong.length === 0 ? {} : { guessed: wrong }) };
}

/** True while another device's identity may still be held because of a wrong guess. */
export function owesRestore(row: DeviceRow): boolean {
  return row.deviceId !== undefined && (row.guessed ?? []).length > 0;
}

/**
 * Notes what stands in an identity that is about to be held under a guessed name. The status that was noted first is kept,
 * and where our own sentinels stand already, what was noted before them.
 */
export function rememberBefore(
  row: DeviceRow,
  hold: { readonly deviceId: DeviceId; readonly hub: HubHostName; readonly round: number },
  identity: Identity,
  sentinels: readonly Sha256Thumbprint[],
): DeviceRow {
  const others = (row.guessed ?? []).filter((line) => !isOf(line, hold));
  const known = (row.guessed ?? []).find((line) => isOf(line, hold));
  const { primaryThumbprint: primary, secondaryThumbprint: secondary } = identity;
  const [firstIsOurs, secondIsOurs] = [isOurs(primary, sentinels), isOurs(secondary, sentinels)];
  const line: GuessedHold = {
    ...hold,
    // What somebody wrote over our sentinels leaves the status that we gave it.
    status: known?.status ?? identity.status,
    primaryThumbprint: firstIsOurs ? known?.primaryThumbprint : primary,
    secondaryThumbprint: secondIsOurs ? known?.secondaryThumbprint : secondary,
  };
  return { ...row, guessed: [...others, line] };
}

/** Drops the note: restored, or nothing of ours stands there. The last one takes the list with it. */
export function forgetGuess(row: DeviceRow, hold: Pick<GuessedHold, "deviceId" | "hub">): DeviceRow {
  const { guessed, ...rest } = row;
  const left = (guessed ?? []).filter((line) => !isOf(line, hold));
  return left.length === 0 ? rest : { ...rest, guessed: left };
}

export function withGuessWarning(row: DeviceRow): DeviceRow {
  return withWarning(row, "held-by-guess");
}

export type RestoreDecision =
  | { readonly kind: "nothing" }
  | {
      readonly kind: "write";
      readonly status: "enabled" | "disabled";
      readonly primaryThumbprint: string | undefined;
      readonly secondaryThumbprint: string | undefined;
    };

/**
 * Gives a wrongly held identity back: where our sentinels stand, what stood there before; what somebody else wrote since
 * (a registration of that device, an operator) stays. A compromised leaf is never put back: its sentinel stays.
 */
export function decideRestore(
  identity: Identity | undefined,
  before: GuessedHold,
  sentinels: readonly Sha256Thumbprint[],
  bad: readonly Sha256Thumbprint[],
): RestoreDecision {
  if (identity?.authentication !== "selfSigned") return { kind: "nothing" };
  const restored = (held: string | undefined, was: string | undefined): string | undefined =>
    !isOurs(held, sentinels) || bad.some((thumbprint) => thumbprint === was) ? held : was;
  const primaryThumbprint = restored(identity.primaryThumbprint, before.primaryThumbprint);
  const secondaryThumbprint = restored(identity.secondaryThumbprint, before.secondaryThumbprint);
  const status = identity.status === "disabled" ? before.status : "enabled";
  const same =
    status === identity.status &&
    primaryThumbprint === identity.primaryThumbprint &&
    secondaryThumbprint === identity.secondaryThumbprint;
  return same ? { kind: "nothing" } : { kind: "write", status, primaryThumbprint, secondaryThumbprint };
}

function isOurs(held: string | undefined, sentinels: readonly Sha256Thumbprint[]): boolean {
  return sentinels.some((sentinel) => sentinel === held);
}

function isOf(line: GuessedHold, { deviceId, hub }: Pick<GuessedHold, "deviceId" | "hub">): boolean {
  return line.deviceId === deviceId && line.hub === hub;
}
