import { sign } from "node:crypto";
import type { LabCertificate } from "../../../lab/pki/certificates";
import { signedText } from "../../../shared/contract/device-messages";
import { AttemptId } from "../../../shared/domain/ids";
import { addMs, formatInstant } from "../../../shared/domain/instant";
import type { StreamEvent } from "../../../shared/ports/event-stream";
import { nonce, rollId, t0 } from "../../support/builders";

/** A heartbeat with an empty body, as the n-th event of its partition. */
export function anEvent(n: number, changes: Partial<StreamEvent> = {}): StreamEvent {
  return {
    body: new Uint8Array(),
    properties: { messageType: "heartbeat" },
    systemProperties: systemOf(n),
    partition: "0",
    sequenceNumber: n,
    offset: String(n * 100),
    enqueuedAt: addMs(t0, n),
    ...changes,
  };
}

/** What IoT Hub says about a message. */
export function systemOf(n: number, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    "iothub-connection-device-id": "pump-1",
    "iothub-connection-auth-method": '{"scope":"device","type":"x509Certificate","issuer":"external"}',
    "iothub-connection-auth-generation-id": "638000000000000000",
    "iothub-enqueuedtime": formatInstant(addMs(t0, n)),
    "iothub-message-source": "Telemetry",
    ...changes,
  };
}

/** The body of a report over `leaf`, signed by the key of `signer` for `deviceId`. */
export function reportBody(
  leaf: LabCertificate,
  o: { signer?: LabCertificate; deviceId?: string; changes?: object } = {},
): Uint8Array {
  const said = { rollId, attemptId: AttemptId.parse("a1"), nonce };
  const text = signedText(said, o.deviceId ?? "pump-1");
  const signature = sign("sha256", Buffer.from(text), (o.signer ?? leaf).privateKeyPem).toString("base64");
  const { chainPem, sha256Thumbprint } = leaf;
  const body = { ...said, phase: "connected", chainPem, sha256Thumbprint, signature, ...o.changes };
  return new TextEncoder().encode(JSON.stringify(body));
}
