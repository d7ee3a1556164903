import { Proposal } from "../../../shared/domain/expiry/proposal";
import { DEFAULT_EXPIRY_RULES } from "../../../shared/domain/expiry/rule";
import { DEFAULT_POLICIES } from "../../../shared/domain/policy/policies";
import type { EnrollmentGroup } from "../../../shared/ports/enrollment-groups";
import { createStartProposal } from "../../../shared/use-cases/expiry/start-proposal";
import type { OrderAnswer } from "../../../shared/use-cases/accept-order";
import { MemoryProposalStore } from "../../support/memory-intake";
import { t0 } from "../../support/builders";
import { Door, operator } from "./door";

const KEY = "A".repeat(64);

class Desk {
  readonly door = new Door();
  readonly proposals = new MemoryProposalStore();
  private readonly place;

  constructor() {
    this.door.groups = () =>
      Promise.resolve({ outcome: "found", group: { groupId: "line-7" } as unknown as EnrollmentGroup });
    this.place = createStartProposal({
      proposals: this.proposals,
      policies: this.door.policies,
      acceptOrder: ({ body, idempotencyKey, by }) =>
        this.door.order(body, { by, ...(idempotencyKey === undefined ? {} : { key: idempotencyKey }) }),
    });
  }

  async propose(changes: object = {}): Promise<this> {
    const expiry = { level: "leaf", at: "enrollment", id: "pump-1", sha256Thumbprint: "AB".repeat(32), notAfter: t0 };
    await this.proposals.note([
      Proposal.parse({
        ...{ key: KEY, policyVersion: 0, rule: "leaf", notedAt: t0, state: "proposed" },
        ...{ expiry, registrationId: "pump-1", ...changes },
      }),
    ]);
    return this;
  }

  start(body: object | string = "", key = KEY): Promise<OrderAnswer> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.place({ key, body: new TextEncoder().encode(text), by: operator }, this.door.starter);
  }
}

const ca = (level: "root" | "intermediate", changes: object = {}): object => ({
  registrationId: undefined,
  groupId: "line-7",
  expiry: { level, at: "group", id: "line-7", slot: "primary", sha256Thumbprint: "AB".repeat(32), notAfter: t0 },
  ...changes,
});

describe("starting what a policy proposed", () => {
  it("places its order once, in the name of whoever asks", async () => {
    const desk = await new Desk().propose();
    const first = await desk.start();
    if (first.outcome !== "accepted") throw new Error(first.outcome);
    expect(await desk.start()).toEqual({ outcome: "known", rollId: first.rollId });
    expect(desk.door.starter.started).toEqual([first.rollId]);
    expect(await desk.door.blobs.getRequest(first.rollId)).toMatchObject({
      ...{ playbook: "individual-expiry", requestedBy: "Ada", replacement: "csr" },
      targets: [{ registrationId: "pump-1" }],
    });
    expect(await desk.proposals.get(KEY)).toMatchObject({ state: "started", rollId: first.rollId });
  });

  it("starts it once also when it was not noted that it had started", async () => {
    const desk = await new Desk().propose();
    const both = await Promise.all([desk.start(), desk.start()]);
    await desk.proposals.update([KEY], ({ rollId: _, ...stored }) => ({ ...stored, state: "proposed" }));
    const again = await desk.start();
    const ids = [...both, again].map((answer) => ("rollId" in answer ? answer.rollId : answer.code));
    expect(new Set(ids).size).toBe(1);
    expect(new Set(desk.door.starter.started).size).toBe(1);
  });

  it("goes by the rule that proposed it", async () => {
    const desk = new Desk();
    const [leaf] = DEFAULT_EXPIRY_RULES;
    const rule = { ...leaf!, approval: "required" as const, replacement: { kind: "blob" as const } };
    await desk.door.policies.set({ version: 1, policies: { ...DEFAULT_POLICIES.policies, expiry: [rule] } });
    await desk.propose({ policyVersion: 1 });
    const answer = await desk.start();
    if (answer.outcome !== "accepted") throw new Error(answer.outcome);
    expect(await desk.door.blobs.getRequest(answer.rollId)).toMatchObject({
      approval: "required",
      replacement: "blob",
    });
  });

  it("rolls one leaf of a group, and a group's CA with the successor that the person brings", async () => {
    const member = await new Desk().propose({ groupId: "line-7", expiry: { ...leafAt("device"), id: "pump-1" } });
    const first = await member.start();
    if (first.outcome !== "accepted") throw new Error(first.outcome);
    expect(await member.door.blobs.getRequest(first.rollId)).toMatchObject({
      ...{ playbook: "group-expiry", group: { groupId: "line-7", authority: "leaf" } },
      ...{ targets: [{ registrationId: "pump-1" }], replacement: "device-managed" },
    });

    const root = await new Desk().propose(ca("root"));
    const second = await root.start({ successor: { name: "root-2027" } });
    if (second.outcome !== "accepted") throw new Error(second.outcome);
    expect(await root.door.blobs.getRequest(second.rollId)).toMatchObject({
      group: { groupId: "line-7", authority: "root", successor: { name: "root-2027" } },
    });
  });

  it.each<[string, object, string | object, number, string]>([
    ["a CA without a successor", ca("root"), "", 422, "successor-needed"],
    ["a CA of no group", ca("root", { groupId: undefined }), "", 422, "proposal-needs-order"],
    ["a leaf with a successor", {}, { successor: { name: "x" } }, 422, "scope-does-not-fit"],
    ["a leaf without an entry", { registrationId: undefined }, "", 422, "proposal-needs-order"],
    ["what its rule is starting", { state: "starting" }, "", 409, "proposal-starting"],
    ["another field", {}, { dryRun: true }, 400, "invalid-order"],
    ["no JSON", {}, "{", 400, "malformed-json"],
    ["a private key", ca("root"), { successor: { chainPem: PRIVATE() } }, 400, "private-key-in-input"],
    ["a device that left DPS", { registrationId: "pump-9" }, "", 404, "unknown-device"],
  ])("refuses %s, and starts nothing", async (_what, changes, body, status, code) => {
    const desk = await new Desk().propose(changes);
    expect(await desk.start(body)).toMatchObject({ outcome: "problem", status, code });
    expect(desk.door.starter.started).toEqual([]);
    expect(await desk.proposals.get(KEY)).not.toHaveProperty("rollId");
  });

  it.each(["", "B".repeat(64), "a".repeat(64), `${KEY}0`, "../rolls", "' or 1 eq 1"])(
    "knows no proposal of the key %j",
    async (key) => {
      expect(await (await new Desk().propose()).start("", key)).toMatchObject({
        status: 404,
        code: "unknown-proposal",
      });
    },
  );
});

function leafAt(at: string): object {
  return { level: "leaf", at, sha256Thumbprint: "AB".repeat(32), notAfter: t0 };
}

function PRIVATE(): string {
  return "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n";
}
