import { addMs, instant, type Instant } from "../instant";
import { expiringLeaves } from "../inventory/expiring";
import type { Expiry } from "../inventory/inventory";
import type { DeviceRecord } from "../inventory/records";
import { ruleFor, type ExpiryRule } from "./rule";

const DAY = 86_400_000;

/** How near its end a certificate is, by the rule that looks after it. */
export type Standing = "fine" | "warned" | "due" | "critical" | "expired";

export interface Judged {
  readonly standing: Standing;
  /** When its roll begins. */
  readonly rollAt: Instant;
}

/**
 * Judges a certificate. Where a rule spreads its rolls, each certificate has a time of its own within the spread, the same
 * at every look (as ACME renewal information does it, RFC 9773), so that a fleet made in one day is not rolled in one.
 */
export function judgeExpiry(rule: ExpiryRule, { id, notAfter }: Pick<Expiry, "id" | "notAfter">, now: Instant): Judged {
  const before = (days: number): number => notAfter - days * DAY;
  const rollAt = addMs(instant(Math.max(0, before(rule.rollBeforeDays))), rule.spreadDays * DAY * share(id));
  const standing = ((): Standing => {
    if (notAfter <= now) return "expired";
    if (before(rule.criticalBeforeDays) <= now) return "critical";
    if (rollAt <= now) return "due";
    return before(rule.warnBeforeDays) <= now ? "warned" : "fine";
  })();
  return { standing, rollAt };
}

/** Where in a spread an id stands, from 0 up to but without 1; the same for ever (FNV-1a over UTF-16 code units). */
export function share(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i += 1) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193) >>> 0;
  // FNV leaves the last characters in the low bits; numbered devices differ only there.
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b) >>> 0;
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** Leaves of a device that some rule has to be kept for: what is in use. A slot that the device has left behind is not. */
export function leavesInUse(device: DeviceRecord, before: Instant): Expiry[] {
  const held = device.identities.flatMap(({ primaryThumbprint, secondaryThumbprint }) => [
    primaryThumbprint,
    secondaryThumbprint,
  ]);
  const isKnown = held.some((thumbprint) => thumbprint !== undefined && /^[0-9A-F]{64}$/.test(thumbprint));
  return expiringLeaves(device, before).filter(({ sha256Thumbprint }) => !isKnown || held.includes(sha256Thumbprint));
}

/** The latest end that any rule has to look at. */
export function horizon(rules: readonly ExpiryRule[], now: Instant): Instant {
  return addMs(now, Math.max(0, ...rules.map(({ warnBeforeDays }) => warnBeforeDays)) * DAY);
}

/** What some rule says about a certificate; undefined where none looks after it or it is fine. */
export function findDue(
  rules: readonly ExpiryRule[],
  expiry: Expiry,
  now: Instant,
): (Judged & { readonly rule: ExpiryRule }) | undefined {
  const rule = ruleFor(rules, expiry.level, expiry.id);
  if (rule === undefined) return undefined;
  const judged = judgeExpiry(rule, expiry, now);
  return judged.standing === "fine" ? undefined : { rule, ...judged };
}
