import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { QuotaMeter } from "../../../bench/roll/quota-meter";
import { achieved } from "../../../bench/roll/report";
import { startStorageCounter } from "../../../bench/roll/storage-counter";
import type { QuotaListener } from "../../../lab/quotas/quota-use";
import { realClock } from "../../../lab/clock";
import { DpsQuotas } from "../../../lab/dps/quotas";
import { defaultSwitches } from "../../../lab/dps/switches";
import { HubQuotas } from "../../../lab/iot-hub/quotas";

describe("the quota meter", () => {
  const lab = () => {
    const switches = defaultSwitches();
    Object.assign(switches.quotas, { enabled: true, operationsPerMinute: 3, registrationsPerMinute: 1 });
    const dps = new DpsQuotas(realClock, switches);
    const hub = new HubQuotas(realClock, { enabled: true, tier: "S1", units: 1 });
    const door = (quotas: { onUse: QuotaListener }) => ({
      watchQuotas: (listener: QuotaListener) => {
        quotas.onUse = listener;
      },
    });
    // Only the doors are used.
    const meter = new QuotaMeter({ dps: door(dps), hubs: [door(hub)] });
    return { dps, hub, meter };
  };

  test("tells calls of the app from those of devices, and uses from refusals", () => {
    const { dps, hub, meter } = lab();
    meter.start();
    dps.operation(3);
    expect(() => dps.operation(1)).toThrow();
    dps.registration();
    expect(() => dps.registration()).toThrow();
    expect(() => dps.registration()).toThrow();
    hub.take("methodKilobytes", 8, false);
    expect(meter.totals()).toEqual(
      new Map([
        ["operations", 3],
        ["registrations", 1],
        ["methods", 2],
      ]),
    );
    expect(meter.throttledCalls).toBe(1);
    expect(meter.throttledDevices).toBe(2);
    expect(meter.uses("operations")).toHaveLength(3);
  });

  test("starts anew", () => {
    const { dps, meter } = lab();
    meter.start();
    dps.operation(1);
    meter.start();
    expect(meter.totals().size).toBe(0);
  });
});

test("what is achieved is a share of the limit", () => {
  const limit = { seconds: 10, devicesPerSecond: 10, binding: "registry" } as const;
  expect(achieved({ flow: 9.5, limit })).toBeCloseTo(0.95);
  expect(achieved({ flow: undefined, limit })).toBeUndefined();
});

describe("the storage counter", () => {
  let storage: Server | undefined;
  afterEach(() => new Promise((closed) => storage?.close(closed) ?? closed(undefined)));

  test("passes requests on as they are and counts them by kind and subject", async () => {
    const seen: string[] = [];
    storage = createServer((request, response) => {
      const body: Buffer[] = [];
      request.on("data", (chunk: Buffer) => body.push(chunk));
      request.on("end", () => {
        seen.push(`${request.method} ${request.url} ${Buffer.concat(body).toString()}`);
        response.writeHead(201, { "x-answer": "yes" }).end("done");
      });
    });
    await new Promise<void>((ready) => storage?.listen(0, "127.0.0.1", ready));
    const endpoint = `http://127.0.0.1:${(storage.address() as AddressInfo).port}/devstoreaccount1`;
    const counter = await startStorageCounter({
      connectionString: `AccountName=devstoreaccount1;BlobEndpoint=${endpoint}`,
      ...{ blobEndpoint: endpoint, queueEndpoint: `${endpoint}/q`, tableEndpoint: `${endpoint}/t` },
    });
    try {
      const own = counter.connectionString.split("BlobEndpoint=")[1] ?? "";
      expect(own).not.toBe(endpoint);
      const put = await fetch(`${own}/box/rolls/20260101T000000000Z-00000001/plan.json?x=1`, {
        method: "PUT",
        body: "text",
      });
      expect([put.status, put.headers.get("x-answer"), await put.text()]).toEqual([201, "yes", "done"]);
      await (await fetch(`${own}/box/rolls/20260102T000000000Z-00000002/plan.json`)).text();
      expect(seen).toEqual([
        "PUT /devstoreaccount1/box/rolls/20260101T000000000Z-00000001/plan.json?x=1 text",
        "GET /devstoreaccount1/box/rolls/20260102T000000000Z-00000002/plan.json ",
      ]);
      expect(counter.counts()).toEqual({ table: 0, blob: 2, queue: 0 });
      expect([...counter.details()]).toEqual([
        ["blob PUT box/rolls/*/plan.json", 1],
        ["blob GET box/rolls/*/plan.json", 1],
      ]);
    } finally {
      await counter.stop();
    }
  });
});
