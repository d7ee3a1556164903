import { CertificatePolicy, DEFAULT_POLICY } from "../domain/certificate/policy";
import { readJson } from "./variables";

/** What to do about an unreadable `ROLLCALL_CERTIFICATE_POLICY`. */
export const POLICY_FORM =
  'leave it out, or give a JSON object with any of minRsaBits, curves, hashes, minRemainingHours, maxLeafDays, testAuthorities, such as {"maxLeafDays": 365, "testAuthorities": ["Lab Root"]}';

/** What the JSON object says, over the defaults; undefined for anything else. */
export function readPolicy(text: string): CertificatePolicy | undefined {
  const given = CertificatePolicy.partial().safeParse(readJson(text));
  if (!given.success) return undefined;
  return CertificatePolicy.safeParse({ ...DEFAULT_POLICY, ...given.data }).data;
}
