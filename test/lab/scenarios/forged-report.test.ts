import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startAttacker } from "../../../lab/fleet/attacker";
import type { DeviceMessage } from "../../../lab/fleet/transport";
import { spawnHost } from "../../../lab/functions-host/host";
import { breachAlert, startBreachFleet } from "../../../lab/scenarios/breach-fleet";
import type { StatedDevice } from "../../../lab/scenarios/evidence";
import type { IotHub } from "../../../lab/iot-hub/server";
import { labHubHostName, startLabServices } from "../../../lab/scenarios/lab-services";
import { productAt } from "../../../lab/scenarios/product";

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

const secret = randomBytes(24).toString("hex");

const startAll = async () => {
  const folder = await mkdtemp(join(tmpdir(), "forged-"));
  cleanup.push(() => rm(folder, { recursive: true, force: true }));
  const services = await startLabServices({
    folder,
    dpsSwitches: { retryAfterSeconds: 0.2 },
  });
  cleanup.push(() => services.stop());
  const host = await spawnHost({
    appDir: resolve("."),
    port: 0,
    storeFile: join(folder, "host.db"),
    settings: services.settings(secret),
  });
  cleanup.push(() => host.stop());
  const devices = startBreachFleet(services, { total: 3, breached: 3, timing: { heartbeatMs: 300 } });
  cleanup.push(() => devices.fleet.stop());
  await devices.fleet.connected();
  return { services, devices, product: productAt(host.url, secret) };
};

/** The hub forgets to cut this one device's session, whatever becomes of its identity. */
const letSessionSurvive = ({ sessions }: IotHub, deviceId: string): void => {
  const drop = sessions.drop.bind(sessions);
  jest.spyOn(sessions, "drop").mockImplementation((session, reason) => {
    if (session.deviceId !== deviceId || reason.startsWith("400027")) drop(session, reason);
  });
};

const eventually = async <T>(find: () => T | undefined | Promise<T | undefined>): Promise<T> => {
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
};

test("garbage and forged reports over a surviving session prove nobody wrongly and cost nobody's proof", async () => {
  const { services, devices, product } = await startAll();
  const robbed = devices.victims[2];
  if (robbed === undefined) throw new Error("no third victim");
  const { registrationId } = robbed;
  devices.fleet.device(registrationId).goOffline();
  letSessionSurvive(services.hub, registrationId);
  const attacker = startAttacker({
    dial: services.dial,
    idScope: services.dps.idScope,
    keys: [{ registrationId, hubHostName: labHubHostName, credential: robbed.active, hold: true }],
  });
  cleanup.push(() => attacker.stop());
  await attacker.holding();

  const { rollId } = await product.postAlert(breachAlert("IR-forged", devices.victims, new Date()));
  if (rollId === undefined) throw new Error("the alert was refused");
  const states = async (): Promise<Map<string, StatedDevice>> =>
    new Map((await product.devices(rollId)).map((device) => [device.registrationId, device]));
  // Everything goes over the session that was opened with the stolen key, and claims the new one.
  const report = { messageType: "rollReport" };
  const lies: DeviceMessage[] = [
    { properties: report },
    { properties: report, body: "this is not JSON" },
    { properties: report, body: JSON.stringify({ rollId }) },
    { properties: { messageType: "heartbeat", certThumbprint: robbed.newThumbprint } },
  ];
  const lie = async (): Promise<void> => {
    for (const message of lies) await attacker.send(registrationId, message);
    const orders = attacker.methods(registrationId).map(({ payload }) => payload as Record<string, string>);
    for (const { attemptId = "1", nonce = "n" } of [{ attemptId: "1", nonce: "n" }, ...orders]) {
      const forged = { registrationId, rollId, attemptId, nonce, newChainPem: robbed.standby.chainPem };
      await attacker.forgeReport(forged);
    }
  };
  const others = devices.victims.slice(0, 2);
  await eventually(async () => {
    await lie();
    const stated = await states();
    return others.every((device) => stated.get(device.registrationId)?.provenAt !== undefined) ? true : undefined;
  });
  for (let round = 0; round < 10; round += 1) {
    await lie();
    expect((await states()).get(registrationId)?.provenAt).toBeUndefined();
    await new Promise((done) => setTimeout(done, 150));
  }
  expect(attacker.report()).toMatchObject([{ holding: true }]);
});
