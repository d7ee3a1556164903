import { z } from "zod";
import { AttemptId, RollId, Sha256Thumbprint } from "../domain/ids";

/** Application property that tells a device's messages apart. */
export const MESSAGE_TYPE = "messageType";

/** A heartbeat's application properties; its body may be empty. Whatever else is in there is the device's business. */
export const HeartbeatProperties = z.object({
  certThumbprint: Sha256Thumbprint.optional().catch(undefined),
  certNotAfter: z.string().optional().catch(undefined),
});

/** Body of a `rollReport`: what a device says about one attempt. */
export const RollReport = z.object({
  rollId: RollId,
  attemptId: AttemptId,
  /** The command's nonce, given back. */
  nonce: z.string().max(200),
  phase: z.string().min(1).max(40),
  /** The leaf in use and its intermediates. */
  chainPem: z.string().max(32_000),
  sha256Thumbprint: Sha256Thumbprint,
  notAfter: z.string().optional(),
  /** Base64; made by the leaf's key over `signedText`. Without it the report is a mere claim. */
  signature: z.string().max(4_000).optional(),
  error: z.string().max(4_000).optional(),
});
export type RollReport = z.infer<typeof RollReport>;

/** What a device signs, as UTF-8: nobody without the new key can make it for this attempt. */
export function signedText(report: Pick<RollReport, "rollId" | "attemptId" | "nonce">, deviceId: string): string {
  return `${report.rollId}|${report.attemptId}|${report.nonce}|${deviceId}`;
}
