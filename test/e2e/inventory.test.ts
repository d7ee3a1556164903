import fc from "fast-check";
import { startRollLab, type RollLab } from "../support/roll-lab";

// Over real HTTP against the app in its host, with the lab behind it. Needs `dist/`.

let lab: RollLab;
let url: string;
beforeAll(async () => {
  lab = await startRollLab({ devices: 6, breached: 2 });
  await lab.devices.fleet.connected();
  ({ url } = await lab.startHost());
});
afterAll(() => lab.stop());

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function ask(path: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(`${url}/api/${path}`, init);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function until(path: string, done: (answer: Answer) => boolean): Promise<Answer> {
  for (const end = Date.now() + 60_000; ;) {
    const answer = await ask(path);
    if (done(answer)) return answer;
    if (Date.now() > end) throw new Error(`${path} stays ${JSON.stringify(answer)}`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

test("before the first inventory every question says how to take one", async () => {
  for (const path of ["inventory/expiring", "inventory/lints", "blast-radius?ca=x"])
    expect(await ask(path)).toMatchObject({ status: 404, body: { code: "no-inventory" } });
  expect(await ask("inventory")).toEqual({ status: 200, body: { inventories: [] } });
});

test("an inventory is taken on demand, once at a time, and answers what expires, what is odd, what a leak touches", async () => {
  const begun = await Promise.all([
    ask("inventory/refresh", { method: "POST" }),
    ask("inventory/refresh", { method: "POST" }),
  ]);
  expect(begun.map(({ status }) => status).sort()).toEqual([200, 202]);
  const [first, second] = begun.map(({ body }) => body["inventoryId"]);
  expect(first).toBe(second);
  const { body } = await until(`inventory/${String(first)}`, ({ body }) => body["state"] === "finished");
  expect(body).toMatchObject({
    counts: { enrollments: 6, devices: 6, identities: [{ enabled: 6, source: "export" }] },
  });
  expect(await ask("inventory")).toMatchObject({ body: { inventories: [{ inventoryId: first, state: "finished" }] } });

  const far = await ask("inventory/expiring?before=2999-01-01T00:00:00Z");
  expect(far).toMatchObject({ status: 200, body: { inventoryId: first, leavesOfUnknownEnd: 0 } });
  const counts = far.body["counts"] as Record<string, number>;
  expect(counts["leaf"]).toBeGreaterThanOrEqual(6);
  expect((counts["root"] ?? 0) + (counts["intermediate"] ?? 0)).toBeGreaterThanOrEqual(1);

  // Page by page, each certificate once, soonest first.
  const seen: string[] = [];
  for (let next: string | undefined = ""; next !== undefined;) {
    const after: string = next === "" ? "" : `&after=${next}`;
    const page: Answer = await ask(`inventory/expiring?before=2999-01-01T00:00:00Z&limit=2${after}`);
    seen.push(...(page.body["certificates"] as { notAfter: string }[]).map(({ notAfter }) => notAfter));
    next = page.body["next"] as string | undefined;
  }
  expect(seen).toHaveLength(Object.values(counts).reduce((sum, count) => sum + count, 0));
  expect(seen).toEqual([...seen].sort());

  const victim = lab.devices.victims[0]!;
  const radius = await ask(`blast-radius?device=${victim.registrationId.toUpperCase()}`);
  expect(radius).toMatchObject({
    status: 200,
    body: { devices: { certain: 1, possible: 0 }, struck: [{ registrationId: victim.registrationId }] },
  });
  const leafs = far.body["certificates"] as { level: string; sha256Thumbprint: string; id: string }[];
  const leaf = leafs.find(({ level, id }) => level === "leaf" && id === victim.registrationId)!;
  expect(await ask(`blast-radius?thumbprint=${leaf.sha256Thumbprint.toLowerCase()}`)).toMatchObject({
    body: { target: { kind: "leaf" }, devices: { certain: 1 } },
  });
  // The devices' leaves are below an intermediate that DPS does not have: whether they are below this root, only they know.
  const ca = leafs.find(({ level }) => level !== "leaf")!;
  expect(await ask(`blast-radius?ca=${ca.id}&limit=2`)).toMatchObject({
    body: {
      target: { kind: "ca", id: ca.id },
      devices: { certain: 0, possible: 6 },
      struck: [{}, {}],
      next: `${String(first)}.2`,
    },
  });
  expect(await ask("inventory/lints")).toMatchObject({ status: 200, body: { inventoryId: first } });
  expect(await ask("blast-radius?device=ghost")).toMatchObject({ status: 404, body: { code: "unknown-device" } });
  expect(await ask("blast-radius?ca=ghost")).toMatchObject({ status: 404, body: { code: "unknown-authority" } });
});

const bad: [string, string][] = [
  ["an unknown parameter", "inventory/expiring?until=2030"],
  ["a date that is none", "inventory/expiring?before=tomorrow"],
  ["a level that is none", "inventory/expiring?level=twig"],
  ["a limit of nought", "inventory/expiring?limit=0"],
  ["a limit over a thousand", "inventory/lints?limit=1001"],
  ["a limit that is no number", "inventory/lints?limit=1e3"],
  ["a cursor that is none", "inventory/lints?after=../../x"],
  ["a lint that is none", "inventory/lints?lint=everything"],
  ["a severity that is none", "inventory/lints?severity=fatal"],
  ["nothing to ask for", "blast-radius"],
  ["two things to ask for", "blast-radius?ca=a&device=b"],
  ["a thumbprint with a path in it", "blast-radius?thumbprint=..%2F..%2Fetc"],
  ["a thumbprint of 63 digits", `blast-radius?thumbprint=${"A".repeat(63)}`],
  ["a CA name with a filter in it", `blast-radius?ca=${encodeURIComponent("x' or 1 eq 1")}`],
  ["a device name of 129 characters", `blast-radius?device=${"a".repeat(129)}`],
  ["a device name with a line break", "blast-radius?device=a%0Ab"],
];
test.each(bad)("%s: 400 invalid-query, and what is wrong where, without the value", async (_name, path) => {
  const { status, body } = await ask(path);
  expect({ status, code: body["code"] }).toEqual({ status: 400, code: "invalid-query" });
  expect((body["issues"] as unknown[]).length).toBeGreaterThan(0);
});

test.each([
  ["an inventory with a filter in its name", "inventory/x%27%20or%201%20eq%201"],
  ["one that is not there", "inventory/20200101T000000000Z-00000000"],
])("%s: 404 unknown-inventory", async (_name, path) => {
  expect(await ask(path)).toMatchObject({ status: 404, body: { code: "unknown-inventory" } });
});

test("no query makes the host answer anything but 200, 400 or 404", async () => {
  const names = fc.constantFrom(
    "before",
    "level",
    "limit",
    "after",
    "lint",
    "severity",
    "thumbprint",
    "ca",
    "device",
    "x",
  );
  const query = fc.array(
    fc.tuple(names, fc.oneof(fc.string({ maxLength: 80 }), fc.constantFrom("", "1", "leaf", "A".repeat(64)))),
    {
      maxLength: 4,
    },
  );
  const path = fc.constantFrom("inventory/expiring", "inventory/lints", "blast-radius");
  await fc.assert(
    fc.asyncProperty(path, query, async (where, pairs) => {
      const search = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
      const { status } = await ask(`${where}?${search}`);
      expect([200, 400, 404]).toContain(status);
    }),
    { numRuns: 60 },
  );
});
