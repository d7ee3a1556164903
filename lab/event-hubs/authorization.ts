import { createHmac, timingSafeEqual } from "node:crypto";

/** The shared access policy of the lab's Event Hubs namespace. */
export interface SharedAccessPolicy {
  readonly name: string;
  /** Used as text, as Event Hubs does (IoT Hub and DPS decode base64 first). */
  readonly key: string;
}

/**
 * Whether a token of `$cbs` put-token is good. SAS tokens are checked as Microsoft documents them
 * (authenticate-shared-access-signature): HMAC-SHA256 over `{encoded resource}\n{expiry}`. A `jwt` is taken as it is:
 * the lab has no token authority.
 */
export function tokenAccepted(token: string, type: string, policy: SharedAccessPolicy, nowMs: number): boolean {
  if (type === "jwt") return token !== "";
  const match = /^SharedAccessSignature (.+)$/.exec(token);
  const fields = new URLSearchParams((match?.[1] ?? "").replaceAll("+", "%2B"));
  const expiry = fields.get("se") ?? "";
  if (fields.get("skn") !== policy.name || !(Number(expiry) * 1_000 > nowMs)) return false;
  const resource = encodeURIComponent(fields.get("sr") ?? "");
  const expected = createHmac("sha256", policy.key).update(`${resource}\n${expiry}`).digest();
  const presented = Buffer.from(fields.get("sig") ?? "", "base64");
  return presented.length === expected.length && timingSafeEqual(presented, expected);
}
