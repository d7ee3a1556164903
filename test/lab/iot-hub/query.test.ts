import { x509Authentication } from "../../../lab/iot-hub/identity";
import { startHarness, type HubHarness } from "./harness";

let lab: HubHarness;

beforeAll(async () => {
  lab = await startHarness();
  for (let i = 0; i < 250; i += 1) {
    const id = `pump-${String(i).padStart(3, "0")}`;
    const thumbprint = (i % 2 === 0 ? "A" : "B").repeat(64);
    lab.hub.store.seed(id, {
      authentication: x509Authentication(thumbprint),
      status: i < 5 ? "disabled" : "enabled",
    });
    const record = lab.hub.store.get(id);
    const change = {
      tags: { site: i < 100 ? "north" : "south", floor: i % 3 },
      desired: { temp: { max: i } },
      ...(i < 10 ? { reported: { leaf: "old" } } : {}),
    };
    lab.hub.store.writeTwin(lab.hub.store.draftTwin(record, change, "merge"), change, "updateTwin", "service");
  }
});

afterAll(async () => {
  await lab.stop();
});

async function ids(condition: string): Promise<string[]> {
  const query = lab.registry.createQuery(`SELECT * FROM devices WHERE ${condition}`, 100);
  const found: string[] = [];
  while (query.hasMoreResults) {
    const { result } = await query.nextAsTwin();
    found.push(...result.map((twin) => twin.deviceId));
  }
  return found;
}

async function rows(query: string) {
  return lab.raw("POST", "/devices/query", { query });
}

describe("a query over twins", () => {
  it.each<[string, number]>([
    ["deviceId IN ['pump-001', 'pump-200', 'nobody']", 2],
    ["deviceId NIN ['pump-001']", 249],
    ["tags.site = 'north'", 100],
    ["tags.site != 'north' AND status = 'enabled'", 150],
    ["tags.site <> 'north'", 150],
    ["properties.desired.temp.max >= 248", 2],
    ["properties.desired.temp.max < 3 OR properties.desired.temp.max = 249", 4],
    ["NOT tags.site = 'north'", 150],
    ["is_defined(properties.reported.leaf)", 10],
    ["properties.reported.leaf = 'old'", 10],
    ["properties.reported.leaf != 'old'", 0],
    ["NOT properties.reported.leaf = 'old'", 0],
    [`x509Thumbprint.primaryThumbprint = '${"A".repeat(64)}'`, 125],
    ["status = 'disabled'", 5],
    ["properties.desired.temp.max % 100 = 0", 3],
    ["(tags.floor = 0 OR tags.floor = 1) AND tags.site = 'north'", 67],
    ["authenticationType = 'selfSigned' AND connectionState = 'Disconnected'", 250],
    ["devices.tags['site'] = 'north'", 100],
    ["tags.site = null", 0],
    ["deviceId = 'it''s'", 0],
  ])("%s finds %i devices, over as many pages as it takes", async (condition, count) => {
    expect(await ids(condition)).toHaveLength(count);
  });

  it("projects fields under their names in lower camel case, or their alias", async () => {
    const { body } = await rows("SELECT DeviceId, tags.site AS where FROM devices WHERE deviceId = 'pump-007'");
    expect(body).toEqual([{ deviceId: "pump-007", where: "north" }]);
  });

  it("counts and summarizes, by group", async () => {
    const { body } = await rows(
      "SELECT tags.site, COUNT() AS n, MAX(properties.desired.temp.max) AS top FROM devices GROUP BY tags.site",
    );
    expect(body).toEqual([
      { site: "north", n: 100, top: 99 },
      { site: "south", n: 150, top: 249 },
    ]);
    expect((await rows("SELECT COUNT() AS total FROM devices WHERE tags.site = 'nowhere'")).body).toEqual([
      { total: 0 },
    ]);
    const averages = await rows("SELECT AVG(tags.floor) AS a, SUM(tags.floor) AS s, MIN(tags.floor) AS m FROM devices");
    expect(averages.body).toEqual([{ a: 249 / 250, s: 249, m: 0 }]);
  });

  it("honours TOP across pages", async () => {
    const query = lab.registry.createQuery("SELECT TOP 120 * FROM devices WHERE tags.site = 'south'", 50);
    const sizes: number[] = [];
    while (query.hasMoreResults) sizes.push((await query.nextAsTwin()).result.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(120);
  });

  it("names the kind of its items and gives a continuation only when more may follow", async () => {
    const first = await lab.raw(
      "POST",
      "/devices/query",
      { query: "SELECT * FROM devices" },
      { "x-ms-max-item-count": "1000" },
    );
    expect(first.body).toHaveLength(100);
    expect(first.headers).toMatchObject({ "x-ms-item-type": "twin" });
    expect(first.headers["x-ms-continuation"]).toBeDefined();
    const one = await rows("SELECT deviceId FROM devices WHERE deviceId = 'pump-001'");
    expect(one.headers).toMatchObject({ "x-ms-item-type": "raw" });
    expect(one.headers).not.toHaveProperty("x-ms-continuation");
  });

  it("may begin with an empty page that has a continuation, by switch", async () => {
    lab.hub.switches.emptyQueryPages = true;
    const first = await rows("SELECT * FROM devices WHERE deviceId = 'pump-001'");
    expect(first.body).toEqual([]);
    expect(await ids("deviceId = 'pump-001'")).toEqual(["pump-001"]);
    lab.hub.switches.emptyQueryPages = false;
  });

  it.each<[string, string]>([
    ["nothing", ""],
    ["an unknown collection", "SELECT * FROM fridges"],
    ["a function of message routes", "SELECT * FROM devices WHERE length(deviceId) > 3"],
    ["an unfinished condition", "SELECT * FROM devices WHERE deviceId ="],
    ["words after the end", "SELECT * FROM devices WHERE status = 'enabled' please"],
    ["a character of no language", "SELECT * FROM devices WHERE status = §"],
    ["a projection of jobs", "SELECT deviceId FROM devices.jobs"],
    ["more than 8192 characters", `SELECT * FROM devices WHERE deviceId = '${"x".repeat(8_192)}'`],
  ])("refuses %s with 400", async (_name, query) => {
    expect(await rows(query)).toMatchObject({ status: 400, headers: { "iothub-errorcode": "ArgumentInvalid" } });
  });

  it("refuses a continuation that is not its own", async () => {
    const answer = await lab.raw(
      "POST",
      "/devices/query",
      { query: "SELECT * FROM devices" },
      { "x-ms-continuation": "bm8=" },
    );
    expect(answer.status).toBe(400);
  });

  it("sees modules apart from devices", async () => {
    lab.hub.store.seed("pump-001", { authentication: x509Authentication("C".repeat(64)) }, "m1");
    const { body } = await rows("SELECT * FROM devices.modules WHERE deviceId = 'pump-001'");
    expect(body).toMatchObject([{ deviceId: "pump-001", moduleId: "m1" }]);
    expect(await ids("deviceId = 'pump-001'")).toHaveLength(1);
  });
});

describe("the query index", () => {
  it("lags behind writes by as much as the switch says, while reads are true at once", async () => {
    let now = Date.now();
    const clock = {
      now: () => now,
      after: (ms: number, action: () => void) => {
        const timer = setTimeout(action, ms);
        return () => clearTimeout(timer);
      },
    };
    const slow = await startHarness({ clock, switches: { queryLagMs: 60_000 } });
    const find = async () => (await slow.raw("POST", "/devices/query", { query: "SELECT * FROM devices" })).body;
    slow.hub.store.seed("late", { authentication: x509Authentication("A".repeat(64)) });
    expect(await find()).toEqual([]);
    expect((await slow.raw("GET", "/devices/late")).status).toBe(200);
    now += 60_000;
    expect(await find()).toMatchObject([{ deviceId: "late" }]);
    slow.hub.store.delete("late", undefined, "service");
    expect(await find()).toHaveLength(1);
    now += 60_000;
    expect(await find()).toEqual([]);
    await slow.stop();
  });
});
