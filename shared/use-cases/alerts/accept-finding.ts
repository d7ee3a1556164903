import type { Finding } from "../../contract/alerts/finding";
import { decideAlert } from "../../domain/alert/policy";
import type { AlertRecord } from "../../domain/alert/log";
import type { RollId } from "../../domain/ids";
import { isProblem, problem, type Problem } from "../../domain/outcome";
import type { RollRequest } from "../../domain/roll/request";
import { RollError } from "../../domain/roll-error";
import type { AlertLog } from "../../ports/alert-log";
import type { Clock } from "../../ports/clock";
import type { PolicyStore } from "../../ports/policies";
import type { RollStarter } from "../../ports/starter";
import { findStarted, startKey, startRoll, type StartName, type StartRollDeps } from "../start-roll";
import { findRunning, type FindRunningDeps } from "./find-running";
import { resolveScope, type ResolveScopeDeps } from "./resolve-scope";
import { toRequest, type ToRequestDeps } from "./to-request";

export interface AcceptFindingDeps extends StartRollDeps, ResolveScopeDeps, FindRunningDeps, ToRequestDeps {
  readonly clock: Clock;
  readonly policies: Pick<PolicyStore, "current">;
  readonly alertLog: AlertLog;
  /** Names of the DPS instance and the hubs that are rolled here, without their domains. */
  readonly ours: { readonly dps: string; readonly hubs: readonly string[] };
}

export type FindingAnswer =
  | Problem
  | { readonly outcome: "accepted"; readonly rollId: RollId; readonly unknown: readonly string[] }
  /** The same alert again: the roll it started, or that covers it. */
  | { readonly outcome: "known"; readonly rollId: RollId }
  /** A running roll cuts off all that the alert names. */
  | { readonly outcome: "merged"; readonly rollId: RollId }
  /** Kept, and nothing is started. */
  | { readonly outcome: "recorded"; readonly why: string };

/**
 * Turns an alert, whatever its source, into one roll, started once; or notes why not. Nothing here writes to DPS or a hub.
 * Problems: `out-of-scope`, `unknown-device`, `unknown-group`, `unknown-certificate`, `alert-id-reused`.
 */
export async function acceptFinding(
  deps: AcceptFindingDeps,
  finding: Finding,
  body: string,
  starter: RollStarter,
): Promise<FindingAnswer> {
  const answer = await decide(deps, finding, body, starter);
  await note(deps, finding, answer);
  return answer;
}

async function decide(
  deps: AcceptFindingDeps,
  finding: Finding,
  body: string,
  starter: RollStarter,
): Promise<FindingAnswer> {
  const { scope } = finding;
  const name: StartName = { source: finding.source, id: finding.id, body };
  const [earlier, { policies }] = await Promise.all([findStarted(deps, name), deps.policies.current()]);
  if (earlier !== undefined) return earlier.outcome === "accepted" ? { ...earlier, unknown: [] } : earlier;
  if (isElsewhere(finding, deps.ours))
    return problem(422, "out-of-scope", "the alert is about another DPS or IoT Hub than those that are rolled here");
  if (scope.kind === "none") return { outcome: "recorded", why: "it names no device, group or certificate" };
  const first = decideAlert(policies.alerts, { ...finding, level: scope.kind === "group" ? scope.authority : "leaf" });
  if (first.kind === "record") return { outcome: "recorded", why: first.why };

  const resolved = await resolveScope(deps, scope);
  if (isProblem(resolved)) return resolved;
  if (scope.kind === "certificate" && resolved.scope.kind === "group") {
    const second = decideAlert(policies.alerts, { ...finding, level: resolved.scope.authority });
    if (second.kind === "record") return { outcome: "recorded", why: second.why };
  }
  const request = toRequest(deps, finding, resolved, deps.clock.now());
  const running = await findRunning(deps, request);
  if (running !== undefined) return merge(deps, name, running, request);
  const started = await startRoll(deps, starter, name, request);
  return started.outcome === "accepted" ? { ...started, unknown: resolved.unknown } : started;
}

/** Claims the alert for the running roll, so that it starts nothing once that has ended. */
async function merge(
  { claims, entropy }: AcceptFindingDeps,
  name: StartName,
  rollId: RollId,
  { requestedAt: at }: RollRequest,
): Promise<FindingAnswer> {
  const key = startKey(entropy, name.source, name.id);
  const claim = await claims.claimStart({ key, rollId, bodySha256: entropy.sha256(name.body), at });
  return claim.outcome === "claimed" ? { outcome: "merged", rollId } : { outcome: "known", rollId: claim.claim.rollId };
}

/** True for an alert that names hubs or DPS instances, and none of ours. */
function isElsewhere({ resources }: Finding, { dps, hubs }: AcceptFindingDeps["ours"]): boolean {
  const named = resources.flatMap((text): boolean[] => {
    const [, kind, id] = /microsoft\.devices\/(iothubs|provisioningservices)\/([^/]+)/i.exec(text) ?? [];
    if (id !== undefined)
      return [(kind?.toLowerCase() === "iothubs" ? hubs : [dps]).some((own) => own.toLowerCase() === id.toLowerCase())];
    const [, host] = /^([a-z0-9-]+)\.azure-devices(?:-provisioning)?\.net$/i.exec(text) ?? [];
    return host === undefined ? [] : [[dps, ...hubs].some((own) => own.toLowerCase() === host.toLowerCase())];
  });
  return named.length > 0 && !named.includes(true);
}

/** The record follows the start: it must not delay it, and that it cannot be written must not undo it. */
async function note(deps: AcceptFindingDeps, finding: Finding, answer: FindingAnswer): Promise<void> {
  const { source, id, type, severity } = finding;
  const about = { at: deps.clock.now(), source, id, type, severity };
  try {
    await deps.alertLog.note({ ...about, ...cameOf(answer) });
  } catch (error) {
    if (!(error instanceof RollError)) throw error;
  }
}

function cameOf(answer: FindingAnswer): Pick<AlertRecord, "outcome" | "rollId" | "detail"> {
  switch (answer.outcome) {
    case "problem":
      return { outcome: "refused", detail: answer.code };
    case "accepted":
      return { outcome: "started", rollId: answer.rollId };
    case "recorded":
      return { outcome: "recorded", detail: answer.why.slice(0, 500) };
    case "known":
    case "merged":
      return { outcome: answer.outcome, rollId: answer.rollId };
    default:
      return answer satisfies never;
  }
}
