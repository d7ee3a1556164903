import { EventHubProducerClient } from "@azure/event-hubs";
import { rollUntil, startRollLab, type RollLab } from "../support/roll-lab";
import { exported, gridEvent, validation } from "../unit/use-cases/alert-samples";

// Alerts without an HTTP endpoint of the app's own: over AMQP from an event hub, and over the Functions host's webhook for
// Event Grid. Needs `dist/`.

const ALERTS_HUB = "alerts";

let lab: RollLab;
let url: string;
beforeAll(async () => {
  lab = await startRollLab({
    devices: 3,
    breached: 3,
    settings: ({ events }) => ({
      ROLLCALL_ALERTS: events.connectionString(ALERTS_HUB),
      ROLLCALL_ALERTS_HUB: ALERTS_HUB,
      ROLLCALL_GRID_ALERTS: "true",
    }),
  });
  await lab.devices.fleet.connected();
  lab.services.events.define({ name: ALERTS_HUB, partitions: 2 });
  ({ url } = await lab.startHost());
});
afterAll(() => lab.stop());

interface Logged {
  readonly id: string;
  readonly outcome: string;
  readonly rollId?: string;
}

/** Waits until this alert came so often; what became of it, newest first. */
async function became(id: string, times: number): Promise<readonly Logged[]> {
  for (const end = Date.now() + 45_000; ;) {
    const { alerts } = (await (await fetch(`${url}/api/alerts`)).json()) as { alerts: Logged[] };
    const found = alerts.filter((alert) => alert.id === id);
    if (found.length >= times) return found;
    if (Date.now() > end) throw new Error(`${id} came ${found.length} times: ${JSON.stringify(alerts)}`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

function victim(n: number): string {
  return lab.devices.victims[n]?.registrationId ?? "none";
}

async function expectContained(rollId: string | undefined, device: string): Promise<void> {
  const { devices } = await rollUntil(lab, rollId ?? "none", ({ phase }) => phase === "finished");
  expect(devices).toMatchObject([{ registrationId: device, containedAt: expect.any(Number) as number }]);
}

/** About a device of this lab, whatever hub the sample names. */
function fromDefender(id: string, device: string): object {
  return exported({
    systemAlertId: id,
    resourceIdentifiers: [],
    entities: [{ type: "iotdevice", DeviceId: device }],
    extendedProperties: { DeviceId: device },
  });
}

test("what Defender exports to an event hub starts a roll, once, and what is no alert stops nothing behind it", async () => {
  const producer = new EventHubProducerClient(lab.services.events.connectionString(ALERTS_HUB));
  try {
    const good = fromDefender("d-1", victim(0));
    await producer.sendBatch([{ body: "no JSON at all" }, { body: [good, { no: "alert" }] }], { partitionId: "0" });
    await producer.sendBatch([{ body: good }], { partitionId: "1" });
    const all = await became("d-1", 2);
    expect(all.map(({ outcome }) => outcome).sort()).toEqual(["known", "started"]);
    expect(new Set(all.map(({ rollId }) => rollId)).size).toBe(1);
    await expectContained(all[0]?.rollId, victim(0));
  } finally {
    await producer.close();
  }
});

async function grid(events: unknown, kind = "Notification"): Promise<Response> {
  return fetch(`${url}/runtime/webhooks/eventgrid?functionName=gridAlerts`, {
    method: "POST",
    headers: { "content-type": "application/json", "aeg-event-type": kind },
    body: JSON.stringify(events),
  });
}

test("Event Grid's subscription is confirmed, and its events start a roll in either schema, once", async () => {
  const confirmed = await grid([validation], "SubscriptionValidation");
  expect(await confirmed.json()).toEqual({ validationResponse: "0000AAAA-0000" });

  const event = gridEvent({ id: "g-7", subject: `enrollments/${victim(1)}`, data: { severity: "high" } });
  expect((await grid([event, gridEvent({ id: "g-8", subject: "enrollments/nobody" })])).status).toBe(202);
  expect((await grid([event])).status).toBe(202);
  const all = await became("g-7", 2);
  expect(all.map(({ outcome }) => outcome).sort()).toEqual(["known", "started"]);
  await expectContained(all[0]?.rollId, victim(1));
  expect(await became("g-8", 1)).toMatchObject([{ outcome: "refused" }]);

  const { topic: source, eventType: type, eventTime: time, subject: _, ...rest } = event as Record<string, string>;
  const cloud = { ...rest, id: "g-9", specversion: "1.0", source, type, time, subject: `enrollments/${victim(2)}` };
  expect((await grid(cloud)).status).toBe(202);
  const [first] = await became("g-9", 1);
  expect(first?.outcome).toBe("started");
  await expectContained(first?.rollId, victim(2));
});

test("nothing that Event Grid may deliver makes the trigger fail, so that it need not come again", async () => {
  const before = (await (await fetch(`${url}/api/rolls`)).json()) as { rolls: unknown[] };
  for (const odd of [null, 7, "text", [], [null], [[]], [{}], [{ specversion: "1.0" }], [gridEvent({ data: null })]])
    expect((await grid(odd)).status).toBe(202);
  const after = (await (await fetch(`${url}/api/rolls`)).json()) as { rolls: unknown[] };
  expect(after.rolls).toHaveLength(before.rolls.length);
});
