import { createHmac } from "node:crypto";
import { z } from "zod";
import type { PlanTold, StatedDevice } from "./evidence";

/** Rollcall as an operator and an alert source see it: HTTP and nothing else. */
export interface Product {
  /** Signs and posts an alert. The body is sent byte for byte as given. */
  postAlert(body: string): Promise<AlertAnswer>;
  /** Posts an order as an operator; the same key again is the same order. */
  postOrder(body: string, idempotencyKey: string): Promise<AlertAnswer>;
  /** Tells a roll something; answers the HTTP status and what the answer says. Never rejects for a refusal. */
  command(rollId: string, name: string, body?: object): Promise<{ readonly status: number; readonly text: string }>;
  /** What keeps devices out, as operators see it. */
  denials(): Promise<readonly Denial[]>;
  /** As the approver: takes away what keeps a device out. Answers the HTTP status. */
  lift(denial: Denial, body: object): Promise<number>;
  /** The plan as it is told; undefined while there is none. */
  plan(rollId: string): Promise<PlanTold | undefined>;
  roll(rollId: string): Promise<RollStatus>;
  devices(rollId: string): Promise<StatedDevice[]>;
  /** Orchestration turns since the host was started. */
  hostTurns(): Promise<number>;
  /** For people: where the roll can be looked at. */
  statusUrl(rollId: string): string;
}

export interface AlertAnswer {
  readonly status: number;
  readonly rollId?: string;
  /** What the answer says when it is a refusal. */
  readonly problem?: string;
}

export type RollStatus = z.infer<typeof rollStatus>;

const rollStatus = z.looseObject({
  rollId: z.string(),
  playbook: z.string(),
  phase: z.string(),
  outcome: z.string().optional(),
  counts: z.record(z.string(), z.number()),
  exposure: z.object({ p50Ms: z.number(), p95Ms: z.number(), maxMs: z.number() }).optional(),
  requestedAt: z.string(),
  containedAt: z.string().optional(),
  finishedAt: z.string().optional(),
});
const devicesPage = z.object({
  devices: z.array(
    z.looseObject({
      registrationId: z.string(),
      state: z.string(),
      detail: z.string().optional(),
      containedAt: z.string().optional(),
      provenAt: z.string().optional(),
    }),
  ),
  next: z.string().optional(),
});
/** An entry in DPS that a roll made to keep a device out. */
export type Denial = z.infer<typeof denial>;
const denial = z.looseObject({
  id: z.string(),
  target: z.string(),
  reason: z.string(),
  removeAfter: z.string().optional(),
  lifted: z.looseObject({ by: z.string(), reason: z.string() }).optional(),
});
const denialsPage = z.object({ entries: z.array(denial) });

/** Of a plan, what claims are about; the rest is for people. */
const planView = z.looseObject({
  hash: z.string().optional(),
  planHash: z.string().optional(),
  devices: z.union([z.number(), z.array(z.unknown())]),
  irreversible: z.array(z.unknown()).optional(),
});
const hostStatus = z.looseObject({ turns: z.number() });
const alertAnswer = z.looseObject({
  rollId: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
});

/**
 * `secret` is one of the product's webhook secrets; `token` makes an access token of the person who gives orders, or of the
 * one who approves them (default: none is sent). All calls reject when the product cannot be reached.
 */
export function productAt(url: string, secret: string, token?: (who: "operator" | "approver") => string): Product {
  const authorized = (who: "operator" | "approver" = "operator"): Record<string, string> =>
    token === undefined ? {} : { authorization: `Bearer ${token(who)}` };
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, { headers: authorized() });
    if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  const post = (path: string, body: string, headers: Record<string, string>): Promise<Response> =>
    fetch(`${url}${path}`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
  return {
    postAlert: async (body) => {
      const timestamp = String(Math.floor(Date.now() / 1_000));
      const signature = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
      const headers = { "x-roll-timestamp": timestamp, "x-roll-signature": `sha256=${signature}` };
      return started(await post("/api/alerts/webhook", body, headers));
    },
    postOrder: async (body, idempotencyKey) =>
      started(await post("/api/rolls", body, { ...authorized(), "idempotency-key": idempotencyKey })),
    command: async (rollId, name, body = {}) => {
      const headers = authorized(name === "approve" ? "approver" : "operator");
      const response = await post(`/api/rolls/${rollId}/${name}`, JSON.stringify(body), headers);
      return { status: response.status, text: await response.text() };
    },
    denials: async () => denialsPage.parse(await get("/api/deny-entries")).entries,
    lift: async ({ id }, body) => {
      const [kind = "", target = ""] = id.split("|");
      const path = `/api/deny-entries/${kind}/${encodeURIComponent(target)}/lift`;
      return (await post(path, JSON.stringify(body), authorized("approver"))).status;
    },
    plan: async (rollId) => {
      const response = await fetch(`${url}/api/rolls/${rollId}/plan`, { headers: authorized() });
      if (!response.ok) return undefined;
      const plan = planView.parse(await response.json());
      const hash = plan.planHash ?? plan.hash;
      return {
        devices: typeof plan.devices === "number" ? plan.devices : plan.devices.length,
        irreversible: (plan.irreversible ?? []).map((step) => (typeof step === "string" ? step : JSON.stringify(step))),
        ...(hash === undefined ? {} : { hash }),
      };
    },
    roll: async (rollId) => rollStatus.parse(await get(`/api/rolls/${rollId}`)),
    devices: async (rollId) => {
      const found: StatedDevice[] = [];
      let next: string | undefined = `/api/rolls/${rollId}/devices`;
      while (next !== undefined) {
        const page: z.infer<typeof devicesPage> = devicesPage.parse(await get(next));
        found.push(...page.devices.map(stated));
        next =
          page.next === undefined ? undefined : `/api/rolls/${rollId}/devices?after=${encodeURIComponent(page.next)}`;
      }
      return found;
    },
    hostTurns: async () => hostStatus.parse(await get("/admin/host/status")).turns,
    statusUrl: (rollId) => `${url}/api/rolls/${rollId}`,
  };
}

async function started(response: Response): Promise<AlertAnswer> {
  const text = await response.text();
  const read = alertAnswer.safeParse(parseJson(text));
  const { rollId } = read.success ? read.data : {};
  return {
    status: response.status,
    ...(rollId === undefined ? {} : { rollId }),
    ...(response.ok ? {} : { problem: text }),
  };
}

function stated(device: z.infer<typeof devicesPage>["devices"][number]): StatedDevice {
  const { registrationId, state, detail, containedAt, provenAt } = device;
  return {
    registrationId,
    state,
    ...(detail === undefined ? {} : { detail }),
    ...(containedAt === undefined ? {} : { containedAt: Date.parse(containedAt) }),
    ...(provenAt === undefined ? {} : { provenAt: Date.parse(provenAt) }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
