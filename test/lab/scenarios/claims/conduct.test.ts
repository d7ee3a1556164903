import type { Command, Evidence, Order } from "../../../../lab/scenarios/evidence";
import { claimOf, good, pump } from "./evidence";

const order = (registrationId: string, at: number, kind: Order["kind"] = "reprovision"): Order => ({
  registrationId,
  kind,
  rollId: "r",
  at,
});

describe("canaries", () => {
  const provenAt = 3_000;
  const stated = new Map(["a", "b", "c"].map((id) => [id, { registrationId: id, state: "proven", provenAt }] as const));
  const claim = (orders: readonly Order[], more: Partial<Evidence> = {}) =>
    claimOf("canaries-first", { canary: 1, stated, orders, ...more });

  test("are proven before anybody else is told", () => {
    expect(claim([order("a", 2_000), order("b", 3_100), order("c", 3_200)]).holds).toBe(true);
  });

  test("another one told a moment before turns it red", () => {
    expect(claim([order("a", 2_000), order("b", 2_999), order("c", 3_200)])).toMatchObject({
      holds: false,
      sentence: "b was told to move before the 1 canaries were proven.",
    });
  });

  test("who were never proven hold up everybody", () => {
    const never = new Map([["a", { registrationId: "a", state: "failed" }]]);
    expect(claim([order("a", 2_000), order("b", 3_100)], { stated: never }).holds).toBe(false);
  });

  test("alone are no second wave; asking for a report is no order to move", () => {
    expect(claim([order("a", 2_000)]).holds).toBe(false);
    expect(claim([order("a", 2_000), order("b", 2_500, "report"), order("b", 3_100)]).holds).toBe(true);
  });
});

describe("a pause", () => {
  const commands: Command[] = [
    { name: "pause", at: 2_000, status: 202 },
    { name: "resume", at: 8_000, status: 202 },
  ];
  const claim = (...at: readonly number[]) =>
    claimOf("nothing-while-paused", { commands, orders: at.map((each) => order("a", each)) });

  test("holds everybody back, except for what was under way", () => {
    expect(claim(1_000, 2_200, 8_100).holds).toBe(true);
  });

  test("somebody told in the middle of it turns it red", () => {
    expect(claim(1_000, 6_000, 8_100)).toMatchObject({ holds: false });
  });

  test("shows nothing when nobody was left to tell, when it was refused, and when it was short", () => {
    expect(claim(1_000).holds).toBe(false);
    const refused = commands.map((command) => ({ ...command, status: 409 }));
    expect(claimOf("nothing-while-paused", { commands: refused, orders: [order("a", 8_100)] }).holds).toBe(false);
    const short = commands.map((command) => ({ ...command, at: command.name === "resume" ? 2_100 : 2_000 }));
    expect(claimOf("nothing-while-paused", { commands: short, orders: [order("a", 8_100)] }).holds).toBe(false);
  });
});

test("an earlier roll gives way: it tells nobody anything once the later one is contained", () => {
  const claim = (at: number, more: Partial<Evidence> = {}) =>
    claimOf("earlier-roll-gave-way", { earlierRollId: "r", orders: [order("a", at)], ...more }).holds;
  expect(claim(1_900)).toBe(true);
  expect(claim(2_100)).toBe(false);
  expect(claim(1_900, { roll: { phase: "containing" } })).toBe(false);
  expect(claim(1_900, { earlierRollId: undefined })).toBe(false);
  expect(claim(1_900, { orders: [] })).toBe(false);
});

test("a dry run must have been made, and must have written nothing", () => {
  const rehearsal = { rollId: "r", writes: [] };
  const writes = [{ at: 1, operation: "dps.enrollment.put", subject: "pump-001" }];
  expect(claimOf("dry-run-writes-nothing", { rehearsal }).holds).toBe(true);
  expect(claimOf("dry-run-writes-nothing", {}).holds).toBe(false);
  expect(claimOf("dry-run-writes-nothing", { rehearsal: { ...rehearsal, writes } }).sentence).toBe(
    "The dry run wrote dps.enrollment.put of pump-001.",
  );
});

describe("a plan", () => {
  const plan = { devices: 1, irreversible: ["delete the CA certificate fleet-root"] };
  const deleted = [{ at: 1, operation: "dps.ca.delete", subject: "fleet-root" }];

  test("names all devices and what cannot be undone", () => {
    expect(claimOf("plan-told-it", { plan, writes: deleted }).holds).toBe(true);
  });

  test.each([
    ["is missing", { plan: undefined }],
    ["is about other devices", { plan, rolled: [pump, pump] }],
    ["is silent about a deletion", { plan: { ...plan, irreversible: [] }, writes: deleted }],
  ])("that %s turns it red", (_how, evidence) => {
    expect(claimOf("plan-told-it", evidence).holds).toBe(false);
  });
});

describe("ghosts", () => {
  const ghosts = [{ registrationId: "ghost-1", deviceId: "ghost-1", thumbprint: "MINTED" }];
  const knocks = (accepted: boolean, at = 2_500): Evidence["knocks"] =>
    (["dps", "hub"] as const).map((door) => ({ door, at, subject: "ghost-1", thumbprint: "MINTED", accepted }));

  test("are refused at both doors once the roll is contained", () => {
    expect(claimOf("ghosts-shut-out", { ghosts, knocks: [...knocks(true, 1_500), ...knocks(false)] }).holds).toBe(true);
  });

  test.each([
    ["let in", { ghosts, knocks: knocks(true) }],
    ["not tried", { ghosts, knocks: knocks(false, 1_500) }],
    ["not there", { ghosts: [] }],
    ["of a roll that was never contained", { ghosts, knocks: knocks(false), roll: { phase: "containing" } }],
  ])("%s: red", (_how, evidence) => {
    expect(claimOf("ghosts-shut-out", evidence).holds).toBe(false);
  });
});

test("who minted a name of his own must be listed as rogue", () => {
  const ghosts = [{ registrationId: "ghost-1", deviceId: "ghost-1", thumbprint: "MINTED" }];
  const stated = (state: string) => new Map([["ghost-1", { registrationId: "ghost-1", state }]]);
  const claim = (evidence: Partial<Evidence>) => claimOf("ghosts-listed", evidence).holds;
  expect(claim({ ghosts, stated: stated("rogue") })).toBe(true);
  expect(claim({ ghosts, stated: stated("contained") })).toBe(false);
  expect(claim({ ghosts })).toBe(false);
  expect(claim({})).toBe(false);
});

test("an import job, and not single writes, does for a large fleet", () => {
  const write = (operation: string) => ({ at: 2_000, operation, subject: "lab-hub" });
  const claim = (...operations: string[]) => claimOf("import-job-ran", { writes: operations.map(write) }).holds;
  expect(claim("hub.job.create")).toBe(true);
  expect(claim("hub.registry.bulk")).toBe(false);
  expect(claim("hub.job.create", "hub.registry.bulk")).toBe(false); // one device, one single call
});

test("a roll that has nothing to change in DPS writes nothing there", () => {
  const write = (operation: string) => ({ at: 2_000, operation, subject: "fleet" });
  expect(claimOf("dps-wrote-nothing", { writes: [write("hub.twin.patch")] }).holds).toBe(true);
  expect(claimOf("dps-wrote-nothing", { writes: [write("dps.group.put")] }).holds).toBe(false);
});

test("an epilogue must have been played, and come true", () => {
  const sentence = "The devices are back.";
  expect(claimOf("epilogue-came-true", { epilogue: { sentence } })).toMatchObject({ holds: true, sentence });
  expect(claimOf("epilogue-came-true", { epilogue: { sentence, complaint: "They are not." } }).holds).toBe(false);
  expect(claimOf("epilogue-came-true", {}).holds).toBe(false);
});

test("old keys that are tried after the end of an expiry roll open nothing", () => {
  const { knocks } = good;
  const late = (accepted: boolean) => [
    ...knocks,
    ...(["dps", "hub"] as const).map((door) => ({
      door,
      at: 6_000,
      subject: "pump-001",
      thumbprint: "OLD",
      accepted,
    })),
  ];
  for (const name of ["dps-refuses-retired-key", "hub-refuses-retired-key"] as const) {
    expect(claimOf(name, { knocks: late(false) }).holds).toBe(true);
    expect(claimOf(name, { knocks: late(true) }).holds).toBe(false);
    expect(claimOf(name, { knocks }).holds).toBe(false);
    const nobody = good.rolled.map((device) => ({ ...device, leftOut: "refuses" }));
    expect(claimOf(name, { knocks: late(false), rolled: nobody }).holds).toBe(false);
  }
});
