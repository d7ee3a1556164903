import { sign } from "node:crypto";
import { factsOf } from "./credential";
import type { DeviceCredential } from "./credential";
import type { DeviceMessage } from "./transport";

export interface RollReportInput {
  readonly rollId: string;
  readonly attemptId: string;
  /** Echoed from the method call. */
  readonly nonce: string;
  readonly deviceId: string;
  readonly phase: "registered" | "connected" | "failed";
  readonly error?: string;
  /** The key and leaf of the session that carries the report. */
  readonly credential: DeviceCredential;
}

/** What the signature of a report covers, UTF-8. */
export function signedText(report: Pick<RollReportInput, "rollId" | "attemptId" | "nonce" | "deviceId">): string {
  return [report.rollId, report.attemptId, report.nonce, report.deviceId].join("|");
}

/** The message `rollReport`; its signature is ECDSA P-256 with SHA-256 (DER, base64) by the leaf's key. */
export function rollReport(input: RollReportInput): DeviceMessage {
  const { chainPem, privateKeyPem } = input.credential;
  const { sha256Thumbprint, notAfter } = factsOf(input.credential);
  return {
    properties: { messageType: "rollReport" },
    contentType: "application/json",
    body: JSON.stringify({
      rollId: input.rollId,
      attemptId: input.attemptId,
      nonce: input.nonce,
      phase: input.phase,
      chainPem,
      sha256Thumbprint,
      notAfter: notAfter.toISOString(),
      signature: sign("sha256", Buffer.from(signedText(input)), privateKeyPem).toString("base64"),
      ...(input.error === undefined ? {} : { error: input.error }),
    }),
  };
}

/** The message `heartbeat`: an empty body, the certificate in the properties. */
export function heartbeat(credential: DeviceCredential): DeviceMessage {
  const { sha256Thumbprint, notAfter } = factsOf(credential);
  return {
    properties: {
      messageType: "heartbeat",
      certThumbprint: sha256Thumbprint,
      certNotAfter: notAfter.toISOString(),
    },
  };
}
