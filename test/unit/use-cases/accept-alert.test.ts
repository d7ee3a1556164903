import type { Problem } from "../../../shared/domain/outcome";
import type { RollId } from "../../../shared/domain/ids";
import type { SignedAlert } from "../../../shared/use-cases/accept-alert";
import { anAlert, Door, SECRET } from "./door";

async function refusal(door: Door, alert: SignedAlert): Promise<Problem> {
  const answer = await door.accept(alert);
  if (answer.outcome !== "problem") throw new Error(`was ${answer.outcome}`);
  return answer;
}

async function accepted(door: Door, alert: object): Promise<RollId> {
  const answer = await door.post(alert);
  if (answer.outcome !== "accepted") throw new Error(`was ${JSON.stringify(answer)}`);
  return answer.rollId;
}

/** What an alert that was refused must leave behind: nothing. */
async function expectUntouched(door: Door): Promise<void> {
  expect(await door.rolls.listOpen()).toEqual([]);
  expect(await door.rolls.list({ limit: 10 })).toEqual([]);
  expect(door.starter.started).toEqual([]);
  for (const write of ["dps.enrollment.put", "hub.registry.bulk", "hub.method.invoke"])
    expect(door.azure.faults.calls.get(write)).toBeUndefined();
}

const json = JSON.stringify(anAlert());

describe("an alert", () => {
  it.each<[number, string, (door: Door) => SignedAlert]>([
    [413, "payload-too-large", (door) => door.signed(" ".repeat(256 * 1024 + 1))],
    [401, "signature-missing", (door) => ({ ...door.signed(json), signature: undefined })],
    [401, "signature-missing", (door) => ({ ...door.signed(json), timestamp: undefined })],
    [401, "timestamp-invalid", (door) => ({ ...door.signed(json), timestamp: "yesterday" })],
    [401, "timestamp-invalid", (door) => ({ ...door.signed(json), timestamp: "-1" })],
    [401, "signature-invalid", (door) => door.signed(json, { secret: "another secret!!" })],
    [401, "signature-invalid", (door) => ({ ...door.signed(json), signature: "sha256=00" })],
    [
      401,
      "signature-invalid",
      (door) => ({ ...door.signed(json), signature: (door.signed(json).signature ?? "").slice(7) }),
    ],
    [
      401,
      "signature-invalid",
      (door) => ({ ...door.signed(json), timestamp: String(Number(door.signed(json).timestamp) + 1) }),
    ],
    [401, "signature-invalid", (door) => ({ ...door.signed(json), body: new TextEncoder().encode(`${json} `) })],
    [401, "timestamp-stale", (door) => door.signed(json, { ageSeconds: 301 })],
    [401, "timestamp-stale", (door) => door.signed(json, { ageSeconds: -301 })],
    [400, "malformed-json", (door) => door.signed("{")],
    [400, "malformed-json", (door) => door.signed("")],
    [400, "malformed-json", (door) => door.signed(Uint8Array.of(0x22, 0xff, 0x22))],
    [400, "invalid-alert", (door) => door.signed("[]")],
    [400, "invalid-alert", (door) => door.signed(JSON.stringify(anAlert({ version: "2" })))],
    [400, "invalid-alert", (door) => door.signed(JSON.stringify(anAlert({ type: "expiry" })))],
    [400, "invalid-alert", (door) => door.signed(JSON.stringify(anAlert({ unexpected: 1 })))],
    [400, "invalid-alert", (door) => door.signed(JSON.stringify(anAlert({}, [])))],
    [400, "invalid-alert", (door) => door.signed(JSON.stringify(anAlert({}, [{ registrationId: "no spaces" }])))],
    [
      400,
      "invalid-alert",
      (door) => door.signed(JSON.stringify(anAlert({}, [{ registrationId: "pump-1", compromised: { slots: [] } }]))),
    ],
    [
      400,
      "duplicate-device",
      (door) => door.signed(JSON.stringify(anAlert({}, [{ registrationId: "pump-1" }, { registrationId: "PUMP-1" }]))),
    ],
    [
      404,
      "unknown-device",
      (door) =>
        door.signed(JSON.stringify(anAlert({}, [{ registrationId: "nobody-1" }, { registrationId: "nobody-2" }]))),
    ],
  ])("is refused with %i %s, says what to do, and touches nothing", async (status, code, make) => {
    const door = new Door();
    const problem = await refusal(door, make(door));
    expect(problem).toMatchObject({ status, code });
    expect(problem.detail.length).toBeGreaterThan(20);
    await expectUntouched(door);
  });

  it.each([300, -300])("signed %i seconds ago is not stale", async (ageSeconds) => {
    const door = new Door();
    expect((await door.accept(door.signed(json, { ageSeconds }))).outcome).toBe("accepted");
  });

  it.each([SECRET, "fedcba9876543210"])("may be signed with either active secret", async (secret) => {
    const door = new Door();
    expect((await door.accept(door.signed(json, { secret }))).outcome).toBe("accepted");
  });

  it("may be as long as the limit", async () => {
    const door = new Door();
    expect((await refusal(door, door.signed(" ".repeat(256 * 1024)))).code).toBe("malformed-json");
  });

  it("that has the wrong shape is answered with the places, never the values", async () => {
    const door = new Door();
    const problem = await refusal(door, door.signed(JSON.stringify(anAlert({ severity: "topsecret", id: 7 }))));
    expect(problem.issues?.map(({ path }) => path)).toEqual(expect.arrayContaining(["severity", "id"]));
    expect(JSON.stringify(problem)).not.toContain("topsecret");
  });
});

describe("a good alert", () => {
  it("starts one roll over its devices, with the request frozen", async () => {
    const door = new Door();
    const leaf = door.leaf("pump-1");
    const rollId = await accepted(
      door,
      anAlert({ detectedAt: "2025-12-31T23:00:00+01:00" }, [
        { registrationId: "Pump-1", replacement: { chainPem: leaf.chainPem } },
        {
          registrationId: "pump-2",
          compromised: { slots: ["secondary"], certificatePem: door.leaf("pump-2").certificatePem },
        },
      ]),
    );
    expect(door.starter.started).toEqual([rollId]);
    expect(await door.rolls.get(rollId)).toMatchObject({
      phase: "requested",
      devices: 2,
      batches: 1,
      source: "soc",
      alertId: "alert-1",
    });
    expect(await door.rolls.listOpen()).toMatchObject([{ rollId }]);
    const request = await door.blobs.getRequest(rollId);
    expect(request).toMatchObject({
      detectedAt: Date.UTC(2025, 11, 31, 22),
      targets: [
        { registrationId: "pump-1", compromisedSlots: ["primary", "secondary"], replacement: { kind: "inline" } },
        { registrationId: "pump-2", compromisedSlots: ["secondary"], replacement: { kind: "none" } },
      ],
      timing: { deadline: door.clock.now() + 60_000 },
    });
    expect(door.azure.faults.calls.get("dps.enrollment.put")).toBeUndefined();
  });

  it("that names some unknown devices starts for the others and lists them", async () => {
    const door = new Door();
    const answer = await door.post(anAlert({}, [{ registrationId: "nobody" }, { registrationId: "pump-2" }]));
    expect(answer).toMatchObject({ outcome: "accepted", unknown: ["nobody"] });
    const rollId = (answer as { rollId: RollId }).rollId;
    expect((await door.blobs.getRequest(rollId)).targets.map((target) => target.registrationId)).toEqual(["pump-2"]);
  });

  it.each(["fails", "is too slow"])("starts for all of its devices while DPS %s", async (how) => {
    const door = new Door();
    if (how === "fails")
      door.azure.faults.add({ operation: "dps.enrollment.get", effect: { kind: "status", status: 503 } });
    else {
      door.azure.faults.add({ operation: "dps.enrollment.get", effect: { kind: "latency", ms: 50 } });
      door.patience = Promise.resolve();
    }
    const rollId = await accepted(door, anAlert({}, [{ registrationId: "nobody" }, { registrationId: "pump-2" }]));
    expect((await door.blobs.getRequest(rollId)).targets).toHaveLength(2);
  });

  it("keeps no private key, wherever the sender put one", async () => {
    const door = new Door();
    const leaf = door.leaf("pump-1");
    const bare = leaf.privateKeyPem.replace(/-----[^-]+-----/g, "").trim();
    const keys = leaf.privateKeyPem.replace(/-----[^-]+-----|\s/g, "");
    const rollId = await accepted(
      door,
      anAlert({ reason: `see ${leaf.privateKeyPem}` }, [
        { registrationId: "pump-1", replacement: { chainPem: leaf.privateKeyPem + leaf.chainPem } },
        {
          registrationId: "pump-2",
          compromised: { certificatePem: leaf.certificatePem + leaf.privateKeyPem },
          replacement: { chainPem: `${bare}\n${leaf.chainPem}` },
        },
      ]),
    );
    const kept = JSON.stringify([await door.blobs.getRequest(rollId), await door.rolls.get(rollId)]);
    expect(kept).not.toContain("PRIVATE");
    expect(kept.replaceAll("\\n", "")).not.toContain(keys.slice(40, 100));
    expect((await door.blobs.getRequest(rollId)).targets[0]?.replacement).toEqual({
      kind: "discarded",
      code: "private-key-in-input",
    });
  });

  it("keeps nothing of a replacement that it cannot read", async () => {
    const door = new Door();
    const key = door
      .leaf("pump-1")
      .privateKeyPem.replace(/-----[^-]+-----/g, "")
      .trim();
    const rollId = await accepted(door, anAlert({}, [{ registrationId: "pump-1", replacement: { chainPem: key } }]));
    const [target] = (await door.blobs.getRequest(rollId)).targets;
    expect(target?.replacement).toMatchObject({ kind: "discarded", code: "certificate-unreadable" });
    expect(JSON.stringify(target)).not.toContain(key.slice(0, 40));
  });
});

describe("the same alert again", () => {
  it("gets the roll that it started, also long after, and starts nothing", async () => {
    const door = new Door();
    const rollId = await accepted(door, anAlert());
    door.clock.pass(3_600_000);
    expect(await door.post(anAlert())).toEqual({ outcome: "known", rollId });
    expect(door.starter.started).toEqual([rollId]);
  });

  it("delivered many times at once starts one roll", async () => {
    const door = new Door();
    const signed = door.signed(json);
    const deliver = async (n: number): ReturnType<Door["accept"]> => {
      // Each delivery takes place in a millisecond of its own.
      for (let turn = 0; turn < n; turn += 1) await Promise.resolve();
      door.clock.pass(1);
      return door.accept(signed);
    };
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => deliver(n)));
    expect(answers.filter(({ outcome }) => outcome === "accepted")).toHaveLength(1);
    expect(answers.filter(({ outcome }) => outcome === "known")).toHaveLength(7);
    expect(new Set(answers.map((answer) => ("rollId" in answer ? answer.rollId : "?"))).size).toBe(1);
    expect(door.starter.started).toHaveLength(1);
    expect(await door.rolls.listOpen()).toHaveLength(1);
    expect(await door.rolls.list({ limit: 10 })).toHaveLength(1);
  });

  it("under its id with another body is refused", async () => {
    const door = new Door();
    const rollId = await accepted(door, anAlert());
    const problem = await refusal(door, door.signed(JSON.stringify(anAlert({ reason: "another" }))));
    expect(problem).toMatchObject({ status: 409, code: "alert-id-reused" });
    expect(problem.detail).toContain(rollId);
    expect(door.starter.started).toHaveLength(1);
  });

  it("from another source is another alert", async () => {
    const door = new Door();
    const first = await accepted(door, anAlert());
    door.clock.pass(1_000);
    expect(await accepted(door, anAlert({ source: "siem" }))).not.toBe(first);
  });
});

describe("a start that is cut off", () => {
  it("after the claim is made good by the sweeper, once", async () => {
    const door = new Door();
    door.starter.down = true;
    const rollId = await accepted(door, anAlert());
    expect(door.starter.started).toEqual([]);
    door.starter.down = false;
    expect(await door.sweep()).toEqual([]);
    door.clock.pass(60_000);
    expect(await door.sweep()).toEqual([rollId]);
    expect(await door.sweep()).toEqual([]);
    expect(door.starter.started).toEqual([rollId]);
    expect(await door.post(anAlert())).toEqual({ outcome: "known", rollId });
  });

  it("before the claim leaves a trace that the sweeper removes, and the alert can be sent again", async () => {
    const door = new Door();
    const claim = jest.spyOn(door.claims, "claimStart").mockRejectedValueOnce(new Error("killed"));
    await expect(door.post(anAlert())).rejects.toThrow("killed");
    expect(claim).toHaveBeenCalledTimes(1);
    expect(await door.rolls.listOpen()).toHaveLength(1);
    door.clock.pass(60_000);
    expect(await door.sweep()).toEqual([]);
    expect(await door.rolls.listOpen()).toEqual([]);
    const rollId = await accepted(door, anAlert());
    expect(door.starter.started).toEqual([rollId]);
  });
});
