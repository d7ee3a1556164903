import { x509Authentication } from "../../../lab/iot-hub/identity";
import { startHarness, until, type HubHarness } from "../iot-hub/harness";

/** Rows of lab/iot-hub/fidelity.md that no test beside the hub's other tests covers; lab/FIDELITY.md names these. */
let lab: HubHarness;

beforeAll(async () => {
  lab = await startHarness();
});

afterAll(() => lab.stop());

test("a delete that names no version of the identity is done whatever version there is", async () => {
  lab.provision("gone");
  lab.hub.store.seed("gone", { authentication: x509Authentication("F".repeat(64)) });
  expect((await lab.raw("DELETE", "/devices/gone", undefined, { "if-match": '"stale"' })).status).toBe(412);
  expect((await lab.raw("DELETE", "/devices/gone")).status).toBe(204);
  expect((await lab.raw("GET", "/devices/gone")).status).toBe(404);
});

test("the result of a bulk write has an empty list of warnings", async () => {
  const devices = [{ id: "many", importMode: "create", authentication: { type: "sas" } }];
  expect(await lab.raw("POST", "/devices", devices)).toMatchObject({
    status: 200,
    body: { isSuccessful: true, errors: [], warnings: [] },
  });
});

test("the eleventh method that waits for one device is refused with 403800, and one more has room after an answer", async () => {
  const device = await lab.mqtt("busy", lab.provision("busy"));
  const asked: string[] = [];
  device.on("message", (topic) => asked.push(/rid=(\w+)/.exec(topic)?.[1] ?? ""));
  await device.subscribeAsync("$iothub/methods/POST/#");
  const call = () => lab.raw("POST", "/twins/busy/methods", { methodName: "m" });
  const waiting = Array.from({ length: 10 }, call);
  await until(() => asked.length === 10);
  const refused = await call();
  expect(refused.status).toBe(403);
  expect(JSON.stringify(refused.body)).toContain("403800");
  await device.publishAsync(`$iothub/methods/res/200/?$rid=${asked[0]!}`, "1");
  await Promise.race(waiting);
  const another = call();
  await until(() => asked.length === 11);
  for (const rid of asked.slice(1)) await device.publishAsync(`$iothub/methods/res/200/?$rid=${rid}`, "1");
  expect(new Set((await Promise.all([...waiting, another])).map(({ status }) => status))).toEqual(new Set([200]));
});
