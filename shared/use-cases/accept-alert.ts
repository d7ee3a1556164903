import { BreachAlert, MAX_ALERT_AGE_SECONDS, MAX_ALERT_BYTES } from "../contract/alert";
import type { RollId } from "../domain/ids";
import { addMs, formatInstant, parseInstant, type Instant } from "../domain/instant";
import { problem, type Problem } from "../domain/outcome";
import type { RollRequest, RollTiming } from "../domain/roll/request";
import type { CertificateReader } from "../ports/certificates";
import type { Clock, Waiter } from "../ports/clock";
import type { Enrollments } from "../ports/enrollments";
import type { AlertSignatures, RollStarter } from "../ports/starter";
import { findUnknown } from "./find-unknown";
import { toTarget } from "../steps/ordered-device";
import { findStarted, startRoll, type StartAnswer, type StartName, type StartRollDeps } from "./start-roll";

export interface AcceptAlertDeps extends StartRollDeps {
  readonly clock: Clock;
  readonly waiter: Waiter;
  readonly certificates: CertificateReader;
  readonly signatures: AlertSignatures;
  readonly enrollments: Enrollments;
  readonly timing: Omit<RollTiming, "deadline"> & { readonly deadlineMs: number };
}

export interface SignedAlert {
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  readonly body: Uint8Array;
}

export type AlertAnswer =
  | Problem
  | { readonly outcome: "accepted"; readonly rollId: RollId; readonly unknown: readonly string[] }
  /** The same alert again: the roll it started. */
  | { readonly outcome: "known"; readonly rollId: RollId };

/**
 * Turns a signed alert into one roll, started once. Nothing here ever writes to DPS or a hub.
 *
 * Problems: `payload-too-large`, `signature-missing`, `signature-invalid`, `timestamp-invalid`, `timestamp-stale`,
 * `malformed-json`, `invalid-alert`, `duplicate-device`, `unknown-device`, `alert-id-reused`.
 */
export function createAcceptAlert(
  deps: AcceptAlertDeps,
): (alert: SignedAlert, starter: RollStarter) => Promise<AlertAnswer> {
  return async (signed, starter) => {
    const now = deps.clock.now();
    const refused = authenticate(deps, signed, now);
    if (refused !== undefined) return refused;
    const alert = parse(signed.body);
    if ("outcome" in alert) return alert;

    const name: StartName = {
      source: alert.source ?? "webhook",
      id: alert.id,
      body: new TextDecoder().decode(signed.body),
    };
    const earlier = await findStarted(deps, name);
    if (earlier !== undefined) return withUnknown(earlier, []);

    const unknown = await findUnknown(
      deps,
      alert.scope.devices.map(({ registrationId }) => registrationId),
    );
    if (unknown.length === alert.scope.devices.length)
      return problem(
        404,
        "unknown-device",
        `DPS has no individual enrollment for ${list(unknown)}; check the registration ids`,
      );
    const request = toRequest(deps, alert, name.source, now, new Set(unknown));
    return withUnknown(await startRoll(deps, starter, name, request), unknown);
  };
}

function withUnknown(answer: StartAnswer, unknown: readonly string[]): AlertAnswer {
  return answer.outcome === "accepted" ? { ...answer, unknown } : answer;
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

function parse(body: Uint8Array): BreachAlert | Problem {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return problem(400, "malformed-json", "the body is not JSON in UTF-8");
  }
  const parsed = BreachAlert.safeParse(json);
  if (!parsed.success) {
    const issues = parsed.error.issues.slice(0, 20).map(({ path, message }) => ({ path: path.join("."), message }));
    return problem(400, "invalid-alert", "the alert does not have the documented shape; see issues", issues);
  }
  const ids = parsed.data.scope.devices.map((device) => device.registrationId.toLowerCase());
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  return twice === undefined
    ? parsed.data
    : problem(
        400,
        "duplicate-device",
        `"${twice}" is listed twice (ids are compared without case); list each device once`,
      );
}

function toRequest(
  { certificates, timing: { deadlineMs, ...timing } }: AcceptAlertDeps,
  alert: BreachAlert,
  source: string,
  now: Instant,
  unknown: ReadonlySet<string>,
): RollRequest {
  const detectedAt = alert.detectedAt === undefined ? undefined : parseInstant(alert.detectedAt);
  const targets = alert.scope.devices.map((device) => toTarget(certificates, device));
  return {
    playbook: "individual-breach",
    source,
    alertId: alert.id,
    reason: certificates.readChain(alert.reason).outcome === "private-key" ? REMOVED : alert.reason,
    requestedAt: now,
    ...(detectedAt === undefined ? {} : { detectedAt }),
    targets: targets.filter((target) => !unknown.has(target.registrationId)),
    timing: { ...timing, deadline: addMs(now, deadlineMs) },
  };
}

const REMOVED = "(removed: the text held a private key)";

function list(ids: readonly string[]): string {
  return ids.length <= 5 ? ids.join(", ") : `${ids.slice(0, 5).join(", ")} and ${ids.length - 5} more`;
}
