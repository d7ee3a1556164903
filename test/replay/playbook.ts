import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OrchestrationHandler } from "durable-functions";
import { z } from "zod";
import { admitFleet } from "../../orchestrations/admit-fleet";
import { catchUp } from "../../orchestrations/catch-up";
import { closeFleet } from "../../orchestrations/close-fleet";
import { containAndProve } from "../../orchestrations/contain-and-prove";
import { containBatch } from "../../orchestrations/contain-batch";
import { containFleet } from "../../orchestrations/contain-fleet";
import { containLane } from "../../orchestrations/contain-lane";
import { containOthers } from "../../orchestrations/contain-others";
import { containInBulk } from "../../orchestrations/contain-in-bulk";
import { groupBreach } from "../../orchestrations/group-breach";
import { groupExpiry } from "../../orchestrations/group-expiry";
import { individualBreach } from "../../orchestrations/individual-breach";
import { individualExpiry } from "../../orchestrations/individual-expiry";
import { liftDue } from "../../orchestrations/lift-due";
import { keepEvidence } from "../../orchestrations/keep-evidence";
import { openOthers } from "../../orchestrations/open-others";
import { openFleet } from "../../orchestrations/open-fleet";
import { planRoll } from "../../orchestrations/plan-roll";
import { rehearseRoll } from "../../orchestrations/rehearse-roll";
import { planFleet } from "../../orchestrations/plan-fleet";
import { purgeFinished } from "../../orchestrations/purge-finished";
import { refreshInventory } from "../../orchestrations/refresh-inventory";
import { reprovisionBatch } from "../../orchestrations/reprovision-batch";
import { reprovisionFleet } from "../../orchestrations/reprovision-fleet";
import { reprovisionWave } from "../../orchestrations/reprovision-wave";
import { retireDue } from "../../orchestrations/retire-due";
import { retireFleet } from "../../orchestrations/retire-fleet";
import { proveRootOwnership } from "../../orchestrations/prove-root-ownership";
import { proveFleet } from "../../orchestrations/prove-fleet";
import { restoreGroup } from "../../orchestrations/restore-group";
import { retireAuthorityDue } from "../../orchestrations/retire-authority-due";
import { retireAuthority } from "../../orchestrations/retire-authority";
import { recheckClosed } from "../../orchestrations/recheck-closed";
import { rollAuthority } from "../../orchestrations/roll-authority";
import { treatResidue } from "../../orchestrations/treat-residue";
import { waitUntil } from "../../orchestrations/wait-until";
import { rollId } from "../support/builders";
import { Execution, run, VERSION, type Action, type Run } from "../support/replay";

export const START = Date.UTC(2026, 0, 1);

export const orchestrators: Readonly<Record<string, OrchestrationHandler>> = {
  individualBreach,
  groupBreach,
  containInBulk,
  restoreGroup,
  groupExpiry,
  liftDue,
  openFleet,
  planRoll,
  rehearseRoll,
  containFleet,
  containLane,
  containAndProve,
  admitFleet,
  containBatch,
  proveFleet,
  closeFleet,
  keepEvidence,
  proveRootOwnership,
  retireAuthority,
  rollAuthority,
  individualExpiry,
  planFleet,
  reprovisionFleet,
  reprovisionWave,
  reprovisionBatch,
  retireFleet,
  retireDue,
  waitUntil,
  purgeFinished,
  refreshInventory,
  catchUp,
  recheckClosed,
  treatResidue,
  containOthers,
  openOthers,
  retireAuthorityDue,
};

/** What scripts look at in an input. */
export interface Given {
  readonly batch?: number | undefined;
  readonly wave?: number | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly all?: boolean | undefined;
  readonly forgiven?: number | undefined;
  readonly until?: Readonly<Record<string, unknown>> | undefined;
}

/** An answer, or how an activity answers given its input, how often it was called before, and the time. */
type Script = object | ((input: Given, nth: number, now: number) => unknown);

const ActivityInput = z.object({
  rollId: z.literal(rollId).optional(),
  batch: z.int().optional(),
  wave: z.int().optional(),
  from: z.int().optional(),
  to: z.int().optional(),
  all: z.boolean().optional(),
  forgiven: z.int().optional(),
  until: z.record(z.string(), z.unknown()).optional(),
});

const pace = { pollMs: 10_000, recheckMs: 300_000, watchMs: 60_000, deadline: START + 3_600_000 };

export const PLAN_HASH = "A".repeat(64);

/** The good case: everything contained and proven at the first look. */
const answers: Readonly<Record<string, Script>> = {
  closeGroup: { outcome: "closed", replaces: true },
  moveInBulk: {},
  liftDeny: { outcome: "lifted" },
  closeReach: { complete: true, groups: 1 },
  gatherTargets: { devices: 3 },
  cutTargets: { devices: 3, batches: 1, waves: 1 },
  openBatches: {},
  admitHeldBack: { admitted: 3 },
  enterPhase: { phase: "containing", pace: { pollMs: 10_000, recheckMs: 300_000, deadline: START + 3_600_000 } },
  closeAtDps: { closed: 3, open: 0 },
  tellToMove: { told: 3 },
  holdAtHub: (_input, _nth, now) => ({ held: 3, pending: 0, readyAt: now + 500 }),
  releaseHold: { released: 3, pending: 0 },
  confirmContained: { contained: 3, exposed: 0, unconfirmed: 0 },
  noteContained: { contained: 3 },
  treatModules: { open: 0 },
  reclaimTrust: { mine: true },
  releaseTrust: {},
  gatherOthers: { devices: 0 },
  cutOthers: { batches: 1 },
  beginExamination: { inventoryId: "20260101T000000000Z-2f0c9a3e", startedAt: START },
  takeInventory: {},
  noteExamination: {},
  holdOthers: {},
  recheckContained: { broken: 0 },
  listWaiting: { batches: [0] },
  proveBatch: { open: 0, proven: 3, broken: 0 },
  countBatches: { batches: 1 },
  reclaimBatch: { mine: 3 },
  releaseBatch: {},
  settleDue: {},
  closeRoll: { outcome: "completed", proven: 3 },
  writeEvidence: { outcome: "written" },
  sealEvidence: { signed: true },
  releaseClaims: {},
  examineBatch: { examined: 3 },
  sumExamined: { devices: 3 },
  freezePlan: { planHash: PLAN_HASH, refused: false, approval: false, dryRun: false, pace },
  readCourse: { batches: 1, waves: 1, pace, csr: false, stage: true, retire: "all-proven" },
  planExpiry: { planned: 3, refused: 0, open: 0 },
  requestCsrs: { issued: 3, open: 0 },
  stageBatch: { staged: 3, open: 0 },
  dispatchBatch: { sent: 3, held: false },
  proveChange: { proven: 3, inFlight: 0 },
  retireBatch: { retired: 3, kept: 0, open: 0, regressed: 0 },
  readWave: { firstBatch: 0, batches: 1, gate: "auto" },
  dueBatches: { batches: [0] },
  weigh: { verdict: "go-on", failed: 0, waiting: 0 },
  brakeRoll: {},
  judgeSuccessor: { outcome: "ready", mustProve: true },
  provePossession: { state: "verified" },
  stageAuthority: { outcome: "done" },
  replaceAuthority: { outcome: "done" },
  surveyRegistrations: { found: 0 },
  dropAuthority: { outcome: "dropped" },
  countLeaning: { found: 0 },
  deleteAuthority: { outcome: "retired" },
  readControl: { state: "met", retries: 0, missing: [] },
};

/** An activity that cannot do its work now. */
export class Unavailable {
  constructor(readonly retryAfterMs?: number) {}
}

/** Runs one of the playbook's orchestrators over scripted activities; `calls` names them in order, with their batch. */
export async function play(
  name: string,
  input: object,
  scripts: Readonly<Record<string, Script>> = {},
  more: Pick<Parameters<typeof run>[0], "observe" | "mostExecutions"> = {},
): Promise<Run & { readonly calls: readonly string[] }> {
  const calls: string[] = [];
  const counts = new Map<string, number>();
  const activities = Object.fromEntries(
    Object.entries({ ...answers, ...scripts }).map(([activity, script]) => [
      activity,
      (given: unknown, now: number): unknown => {
        const known = ActivityInput.parse(given);
        const { batch } = known;
        calls.push(batch === undefined ? activity : `${activity}#${batch}`);
        const nth = counts.get(activity) ?? 0;
        counts.set(activity, nth + 1);
        const value: unknown = typeof script === "function" ? script(known, nth, now) : script;
        if (!(value instanceof Unavailable)) return { outcome: "done", value };
        const { retryAfterMs } = value;
        const wish = retryAfterMs === undefined ? {} : { retryAfterMs };
        return { outcome: "unavailable", code: "service-unavailable", detail: "DPS did not answer", ...wish };
      },
    ]),
  );
  return { ...(await run({ orchestrators, activities, ...more }, name, { rollId, ...input }, START)), calls };
}

const histories = join(__dirname, "../fixtures/histories");

/** A recorded run of one orchestrator, all executions of it. */
export const Golden = z.object({ orchestrator: z.string(), executions: z.array(Execution) });

/** Every history recorded in a folder named by a version: this one and those before it. */
export function goldenFiles(): { readonly name: string; readonly golden: z.infer<typeof Golden> }[] {
  return readdirSync(histories, { recursive: true, encoding: "utf8" })
    .filter((path) => /^\d+\.\d+[/\\].*\.json$/.test(path))
    .sort()
    .map((name) => ({ name, golden: Golden.parse(JSON.parse(readFileSync(join(histories, name), "utf8"))) }));
}

/**
 * Compares what the orchestrator asks for with the record. The worker itself does not notice a renamed activity, and an
 * instance under way would fail with it. `UPDATE_HISTORIES=1` writes the record anew: right
 * only for a version that no instance runs on yet.
 */
export function expectGolden(orchestrator: string, scenario: string, { executions }: Run): void {
  const folder = join(histories, VERSION);
  const file = join(folder, `${orchestrator}-${scenario}.json`);
  if (process.env["UPDATE_HISTORIES"] === "1") {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, `${JSON.stringify({ orchestrator, executions }, null, 2)}\n`);
  }
  if (!existsSync(file)) throw new Error(`${file} is missing; record it with UPDATE_HISTORIES=1`);
  const golden = Golden.parse(JSON.parse(readFileSync(file, "utf8")));
  const actionsOf = (all: readonly Execution[]): Action[][] => all.map(({ actions }) => [...actions]);
  expect(actionsOf(executions)).toEqual(actionsOf(golden.executions));
}
