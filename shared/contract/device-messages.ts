import { z } from "zod";
import { AttemptId, RollId, Sha256Thumbprint } from "../domain/ids";

/** Application property that tells a device's messages apart. */
export const MESSAGE_TYPE = "messageType";

/** A heartbeat's application properties; its body may be empty. Whatever else is in there is the device's business. */
export const HeartbeatProperties = z.object({
  certThumbprint: Sha256Thumbprint.optional().catch(undefined),
  certNotAfter: z.string().optional().catch(undefined),
});

const Attempt = z.object({
  rollId: RollId,
  attemptId: AttemptId,
  /** Given back in the report, under its signature. */
  nonce: z.string().max(200),
});

/** The direct methods that a device knows, by name, and what each carries. */
export const deviceMethods = {
  /** Say over the present session which leaf it runs on. */
  report: Attempt,
  /** Register with DPS again, connect, report. */
  reprovision: Attempt.extend({
    /** For people who read the device's log. In a breach it says nothing that a thief could use. */
    reason: z.string().max(200),
    /** ISO 8601, UTC. Whoever has not been assigned by then reports `failed`. */
    deadline: z.iso.datetime(),
    /** The device waits a random time up to this many seconds before it registers. */
    spreadSeconds: z.int().nonnegative(),
    /** The leaf to install and its intermediates; absent: the device has, or gets, its own. */
    chainPem: z.string().max(32_000).optional(),
  }),
  /** Make a key beside the one in use, and answer with a certificate request for it. */
  prepareCertificate: Attempt.omit({ nonce: true }),
  /** Forget the old key. */
  commit: z.object({ rollId: RollId }),
};
export type DeviceMethod = keyof typeof deviceMethods;
export type DeviceOrder<M extends DeviceMethod> = z.output<(typeof deviceMethods)[M]>;

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
