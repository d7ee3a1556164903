import { readDefenderAlert } from "../../contract/alerts/defender";
import { readCloudEvent, readGridEvent, validationCodeOf } from "../../contract/alerts/events";
import type { ReadAlert } from "../../contract/alerts/finding";
import { readMonitorAlert } from "../../contract/alerts/monitor";
import type { DeviceFacts } from "../../domain/device-facts";
import type { RollId } from "../../domain/ids";
import { problem, type Problem } from "../../domain/outcome";
import type { RollStarter } from "../../ports/starter";
import { acceptFinding, type AcceptFindingDeps } from "./accept-finding";

/** The forms in which others send alerts. `export`: a stream of everything that Defender for Cloud finds. */
export type AlertShape = "eventgrid" | "cloudevents" | "monitor" | "defender" | "sentinel" | "export";

/** What became of one alert of a delivery. */
export interface DeliveryResult {
  readonly id?: string;
  readonly outcome: "accepted" | "known" | "merged" | "recorded" | "refused";
  readonly rollId?: RollId;
  /** Of a refusal, as docs/errors.md has it. */
  readonly code?: string;
  readonly detail?: string;
  readonly issues?: Problem["issues"];
}

export type DeliveryAnswer =
  | Problem
  /** Event Grid asks whether the subscription is wanted. */
  | { readonly outcome: "handshake"; readonly validationCode: string }
  | { readonly outcome: "read"; readonly results: readonly DeliveryResult[] };

/** The largest delivery that is read, in bytes: what Event Grid sends at most. */
export const MAX_DELIVERY_BYTES = 1_024 * 1_024;
const MOST_ALERTS = 1_000;

const READERS: Readonly<Record<AlertShape, (json: unknown) => ReadAlert>> = {
  eventgrid: readGridEvent,
  cloudevents: readCloudEvent,
  monitor: readMonitorAlert,
  defender: (json) => readDefenderAlert(json, "defender", true),
  sentinel: (json) => readDefenderAlert(json, "sentinel", true),
  export: (json) => readDefenderAlert(json, "defender", false),
};

export interface AcceptDeliveryDeps extends AcceptFindingDeps {
  /** Takes in what hubs tell of their devices, where Event Grid brings it; default: nobody. */
  readonly hubFacts?: (told: readonly DeviceFacts[]) => Promise<unknown>;
}

/**
 * Reads a delivery of one alert or many. Each stands alone: one that cannot be read takes no other with it. Delivered again,
 * as every one of these senders may, it starts nothing anew. Throws `RollError` for outages, so that it is.
 *
 * Problems: `payload-too-large`, `malformed-json`, `too-many-alerts`, and `invalid-alert` where none can be read.
 */
export function createAcceptDelivery(
  deps: AcceptDeliveryDeps,
): (shape: AlertShape, body: Uint8Array, starter: RollStarter) => Promise<DeliveryAnswer> {
  return async (shape, body, starter) => {
    const read = readItems(body);
    if ("outcome" in read) return read;
    const validationCode = shape === "eventgrid" ? validationCodeOf(read.items) : undefined;
    if (validationCode !== undefined) return { outcome: "handshake", validationCode };
    const all = read.items.map((item) => READERS[shape](item));
    const told = all.flatMap((one) => (one.kind === "hub-told" && one.told.kind === "facts" ? [one.told.facts] : []));
    if (told.length > 0) await deps.hubFacts?.(told);
    const results: DeliveryResult[] = [];
    for (const one of all) results.push(await accept(deps, one, starter));
    const [first] = results;
    return results.length > 0 && results.every(({ code }) => code === "invalid-alert")
      ? problem(400, "invalid-alert", "nothing in the body has the documented shape; see issues", first?.issues)
      : { outcome: "read", results };
  };
}

async function accept(deps: AcceptFindingDeps, read: ReadAlert, starter: RollStarter): Promise<DeliveryResult> {
  switch (read.kind) {
    case "unreadable":
      return { outcome: "refused", code: "invalid-alert", issues: read.issues };
    case "nothing": {
      const { source, id, type, why } = read;
      await deps.alertLog.note({ at: deps.clock.now(), source, id, type, outcome: "recorded", detail: why });
      return { id, outcome: "recorded", detail: why };
    }
    case "hub-told": {
      const { id, told } = read;
      if (told.kind !== "poison") return { id, outcome: "recorded", detail: "it tells of a device of a hub" };
      return { id, outcome: "refused", code: "invalid-alert", issues: [{ path: "data", message: told.reason }] };
    }
    case "finding": {
      const { finding } = read;
      const { id } = finding;
      // Foreign senders word the same alert anew as it goes on; what it is about stays.
      const answer = await acceptFinding(deps, finding, JSON.stringify(finding.scope), starter);
      if (answer.outcome === "problem") return { id, outcome: "refused", code: answer.code, detail: answer.detail };
      if (answer.outcome === "recorded") return { id, outcome: "recorded", detail: answer.why };
      return { id, outcome: answer.outcome, rollId: answer.rollId };
    }
    default:
      return read satisfies never;
  }
}

function readItems(body: Uint8Array): { readonly items: readonly unknown[] } | Problem {
  if (body.byteLength > MAX_DELIVERY_BYTES)
    return problem(413, "payload-too-large", `at most ${MAX_DELIVERY_BYTES} bytes are read; send fewer alerts at once`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return problem(400, "malformed-json", "the body is not JSON in UTF-8");
  }
  const items: readonly unknown[] = Array.isArray(json) ? json : (pageOf(json) ?? [json]);
  return items.length <= MOST_ALERTS
    ? { items }
    : problem(400, "too-many-alerts", `at most ${MOST_ALERTS} alerts are read at once; send them in parts`);
}

/** Lists of Azure Resource Manager come as `{"value": […]}`. */
function pageOf(json: unknown): readonly unknown[] | undefined {
  const isPage = typeof json === "object" && json !== null && "value" in json && Array.isArray(json.value);
  return isPage ? (json.value as readonly unknown[]) : undefined;
}
