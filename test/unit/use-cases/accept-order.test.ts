import fc from "fast-check";
import { MAX_ORDER_BYTES } from "../../../shared/contract/roll-order";
import { RollError } from "../../../shared/domain/roll-error";
import type { Problem } from "../../../shared/domain/outcome";
import type { EnrollmentGroup } from "../../../shared/ports/enrollment-groups";
import { Door } from "./door";

const devices = (...ids: readonly string[]): object => ({
  kind: "devices",
  devices: ids.map((registrationId) => ({ registrationId })),
});

function anOrder(changes: object = {}): Record<string, unknown> {
  return { version: "1", playbook: "individual-expiry", reason: "due", scope: devices("pump-1"), ...changes };
}

const group = (changes: object = {}): object => ({ kind: "group", groupId: "line-7", authority: "root", ...changes });

const aGroup = { groupId: "line-7" } as unknown as EnrollmentGroup;

async function refusal(door: Door, body: string | Uint8Array, key?: string): Promise<Problem> {
  const answer = await door.order(body, key === undefined ? {} : { key });
  if (answer.outcome !== "problem") throw new Error(`was ${answer.outcome}`);
  return answer;
}

async function expectUntouched(door: Door): Promise<void> {
  expect(await door.rolls.listOpen()).toEqual([]);
  expect(await door.rolls.list({ limit: 10 })).toEqual([]);
  expect(door.starter.started).toEqual([]);
}

const PRIVATE =
  "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n";

describe("an order", () => {
  it.each<[number, string, string | Uint8Array]>([
    [413, "payload-too-large", " ".repeat(MAX_ORDER_BYTES + 1)],
    [400, "malformed-json", "{"],
    [400, "malformed-json", Uint8Array.of(0x22, 0xff, 0x22)],
    [400, "invalid-order", "[]"],
    [400, "invalid-order", JSON.stringify(anOrder({ version: "2" }))],
    [400, "invalid-order", JSON.stringify(anOrder({ playbook: "everything" }))],
    [400, "invalid-order", JSON.stringify(anOrder({ unexpected: 1 }))],
    [400, "invalid-order", JSON.stringify(anOrder({ deadlineHours: 169 }))],
    [400, "invalid-order", JSON.stringify(anOrder({ deadlineHours: 0 }))],
    [400, "invalid-order", JSON.stringify(anOrder({ scope: devices() }))],
    [400, "invalid-order", JSON.stringify(anOrder({ scope: devices("../etc") }))],
    [400, "invalid-order", JSON.stringify(anOrder({ scope: { kind: "list", blob: "rolls/x/request.json" } }))],
    [400, "invalid-order", JSON.stringify(anOrder({ scope: { kind: "list", blob: "lists/../request.json" } }))],
    [
      400,
      "invalid-order",
      JSON.stringify(anOrder({ scope: devices(...Array.from({ length: 10_000 }, (_, n) => `p-${n}`)) })),
    ],
    [400, "invalid-order", JSON.stringify(anOrder({ waves: { kind: "exponential", base: 0, factor: 2, maximum: 9 } }))],
    [
      400,
      "invalid-window",
      JSON.stringify(anOrder({ windows: [{ cron: "0 22 * * *", timeZone: "Mars/Olympus", durationMinutes: 60 }] })),
    ],
    [400, "duplicate-device", JSON.stringify(anOrder({ scope: devices("pump-1", "PUMP-1") }))],
    [404, "unknown-device", JSON.stringify(anOrder({ scope: devices("pump-8", "pump-9") }))],
    [404, "unknown-list", JSON.stringify(anOrder({ scope: { kind: "list", blob: "lists/nowhere.ndjson" } }))],
    [404, "unknown-group", JSON.stringify(anOrder({ playbook: "group-expiry", scope: group() }))],
    [422, "scope-does-not-fit", JSON.stringify(anOrder({ scope: group() }))],
    [422, "scope-does-not-fit", JSON.stringify(anOrder({ playbook: "group-expiry" }))],
    [422, "scope-does-not-fit", JSON.stringify(anOrder({ containment: "sentinel" }))],
    [
      422,
      "scope-does-not-fit",
      JSON.stringify(anOrder({ playbook: "group-breach", scope: group(), containment: "reprovision" })),
    ],
    [422, "scope-does-not-fit", JSON.stringify(anOrder({ compromisedSince: "2026-01-01T00:00:00Z" }))],
    [
      422,
      "scope-does-not-fit",
      JSON.stringify(anOrder({ playbook: "group-expiry", scope: group({ devices: [{ registrationId: "pump-1" }] }) })),
    ],
    [
      422,
      "scope-does-not-fit",
      JSON.stringify(
        anOrder({ playbook: "group-expiry", scope: group({ authority: "leaf", successor: { name: "ca" } }) }),
      ),
    ],
  ])("is refused with %i %s, and nothing is written", async (status, code, body) => {
    const door = new Door();
    expect(await refusal(door, body)).toMatchObject({ status, code });
    await expectUntouched(door);
  });

  it.each(["", "with space", "a\nb", "k".repeat(201)])("has no use for the key %j", async (key) => {
    const door = new Door();
    expect(await refusal(door, JSON.stringify(anOrder()), key)).toMatchObject({ code: "invalid-idempotency-key" });
    await expectUntouched(door);
  });

  it("starts one roll per key, also when it is sent many times at once", async () => {
    const door = new Door();
    const body = JSON.stringify(anOrder());
    const answers = await Promise.all(Array.from({ length: 8 }, () => door.order(body, { key: "k1" })));
    const ids = new Set(answers.map((answer) => (answer.outcome === "problem" ? "?" : answer.rollId)));
    expect(ids.size).toBe(1);
    expect(new Set(door.starter.started)).toEqual(ids);
    expect(await refusal(door, JSON.stringify(anOrder({ reason: "else" })), "k1")).toMatchObject({
      status: 409,
      code: "alert-id-reused",
    });
    expect(await door.order(body)).toMatchObject({ outcome: "accepted" });
    expect(new Set(door.starter.started).size).toBe(2);
  });

  it("keeps what was asked for, with the person's name, and a control row from the beginning", async () => {
    const door = new Door();
    const freeze = { from: "2026-12-24T00:00:00Z", until: "2026-12-27T00:00:00Z", reason: "holidays" };
    const windows = [{ cron: "0 22 * * FRI", timeZone: "Europe/Berlin", durationMinutes: 240 }];
    const waves = { kind: "canary", canary: { count: 1 }, percents: [50] };
    const answer = await door.order(
      JSON.stringify(
        anOrder({ waves, windows, freezes: [freeze], approval: "required", dispatch: "job", deadlineHours: 0.5 }),
      ),
    );
    if (answer.outcome !== "accepted") throw new Error("was not accepted");
    const request = await door.blobs.getRequest(answer.rollId);
    expect(request).toMatchObject({ requestedBy: "Ada", waves, approval: "required", dispatch: "job" });
    expect(request.timing.deadline - request.requestedAt).toBe(1_800_000);
    const control = await door.control.get(answer.rollId);
    expect(control).toMatchObject({ desired: "running", times: { windows } });
    expect(control?.times.freezes).toEqual([
      { from: Date.parse(freeze.from), until: Date.parse(freeze.until), reason: "holidays" },
    ]);
  });

  it("takes a group whose existence DPS cannot confirm in time", async () => {
    const door = new Door();
    door.groups = () => Promise.reject(new RollError("service-unavailable", "away", true));
    const order = JSON.stringify(anOrder({ playbook: "group-breach", scope: group() }));
    expect(await door.order(order)).toMatchObject({ outcome: "accepted" });
    door.groups = () => new Promise(() => undefined);
    door.patience = Promise.resolve();
    expect(await door.order(order, { key: "other" })).toMatchObject({ outcome: "accepted" });
  });

  it("is refused for expiry if its successor holds a private key; a breach goes on without the successor", async () => {
    const door = new Door();
    door.groups = () => Promise.resolve({ outcome: "found", group: aGroup });
    const scope = group({ successor: { name: "next", chainPem: PRIVATE } });
    expect(await refusal(door, JSON.stringify(anOrder({ playbook: "group-expiry", scope })))).toMatchObject({
      status: 400,
      code: "private-key-in-input",
    });
    const answer = await door.order(JSON.stringify(anOrder({ playbook: "group-breach", scope, reason: PRIVATE })));
    if (answer.outcome !== "accepted") throw new Error("was not accepted");
    const kept = await door.blobs.getRequest(answer.rollId);
    expect(kept.group).toEqual({
      groupId: "line-7",
      authority: "root",
      compromised: { slots: ["primary", "secondary"] },
      successor: { name: "next", discarded: "private-key-in-input" },
    });
    expect(JSON.stringify(kept)).not.toContain("PRIVATE KEY");
  });

  it("never starts anything for arbitrary JSON, and never throws", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          fc
            .record({ version: fc.constant("1"), playbook: fc.string(), reason: fc.string(), scope: fc.object() })
            .map((o) => JSON.stringify(o)),
        ),
        async (body) => {
          const door = new Door();
          expect((await door.order(body)).outcome).toBe("problem");
          await expectUntouched(door);
        },
      ),
      { numRuns: 200 },
    );
  });
});
