import { BreachAlert, MAX_ALERT_AGE_SECONDS, MAX_ALERT_BYTES } from "../contract/alert";
import type { Finding } from "../contract/alerts/finding";
import { formatInstant, type Instant } from "../domain/instant";
import { problem, type Problem } from "../domain/outcome";
import type { AlertSignatures, RollStarter } from "../ports/starter";
import { acceptFinding, type AcceptFindingDeps, type FindingAnswer } from "./alerts/accept-finding";
import { readJsonBody } from "./json-body";

export interface AcceptAlertDeps extends AcceptFindingDeps {
  readonly signatures: AlertSignatures;
}

export interface SignedAlert {
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  readonly body: Uint8Array;
}

export type AlertAnswer = FindingAnswer;

/**
 * Turns a signed alert into one roll, started once. Nothing here ever writes to DPS or a hub.
 *
 * Problems: `payload-too-large`, `signature-missing`, `signature-invalid`, `timestamp-invalid`, `timestamp-stale`,
 * `malformed-json`, `invalid-alert`, `duplicate-device`, and those of {@link acceptFinding}.
 */
export function createAcceptAlert(
  deps: AcceptAlertDeps,
): (alert: SignedAlert, starter: RollStarter) => Promise<AlertAnswer> {
  return async (signed, starter) => {
    const refused = authenticate(deps, signed, deps.clock.now());
    if (refused !== undefined) return refused;
    const read = readJsonBody(signed.body, MAX_ALERT_BYTES, BreachAlert, "invalid-alert");
    if (read.outcome === "problem") return read;
    return duplicate(read.value) ?? acceptFinding(deps, toFinding(read.value), read.text, starter);
  };
}

/** Who signs an alert has chosen to send it. */
function toFinding({ source = "webhook", id, type, severity, reason, detectedAt, scope }: BreachAlert): Finding {
  return { source, id, type, severity, selected: true, reason, detectedAt, resources: [], scope };
}

function duplicate({ scope }: BreachAlert): Problem | undefined {
  if (scope.kind === "certificate") return undefined;
  const ids = (scope.devices ?? []).map((device) => device.registrationId.toLowerCase());
  const seen = new Set<string>();
  const twice = ids.find((id) => seen.size === seen.add(id).size);
  return twice === undefined
    ? undefined
    : problem(
        400,
        "duplicate-device",
        `"${twice}" is listed twice (ids are compared without case); list each device once`,
      );
}

function authenticate(
  deps: AcceptAlertDeps,
  { timestamp, signature, body }: SignedAlert,
  now: Instant,
): Problem | undefined {
  if (body.byteLength > MAX_ALERT_BYTES)
    return problem(
      413,
      "payload-too-large",
      `the body has ${body.byteLength} bytes, at most ${MAX_ALERT_BYTES} are read; split the alert`,
    );
  if (timestamp === undefined || signature === undefined)
    return problem(
      401,
      "signature-missing",
      "send x-roll-timestamp (Unix seconds) and x-roll-signature (sha256=<hex HMAC of timestamp.body>)",
    );
  if (!/^\d{1,12}$/.test(timestamp)) return problem(401, "timestamp-invalid", "x-roll-timestamp must be Unix seconds");
  if (!deps.signatures.verify(timestamp, body, signature))
    return problem(401, "signature-invalid", "x-roll-signature does not fit timestamp, body and any active secret");
  if (Math.abs(now / 1000 - Number(timestamp)) > MAX_ALERT_AGE_SECONDS)
    return problem(
      401,
      "timestamp-stale",
      `the alert was signed more than ${MAX_ALERT_AGE_SECONDS} s from now (${formatInstant(now)}); check the sender's clock and sign anew`,
    );
  return undefined;
}
