import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { httpNoticeSender } from "../../../shared/adapters/notices/http-sender";
import { readNoticeTargets } from "../../../shared/config/notice-variables";
import { control, newControl } from "../../../shared/domain/roll/control";
import { createFindNotices } from "../../../shared/use-cases/notices/find-notices";
import { createSendNotices } from "../../../shared/use-cases/notices/send-notices";
import { rollId } from "../../support/builders";
import { MemoryOutbox } from "../../support/memory-outbox";
import { Bed } from "../steps/bed";

interface Delivery {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Whoever is told: keeps what comes, and answers as it is told to. */
class Sink {
  readonly deliveries: Delivery[] = [];
  status = 200;
  private constructor(private readonly server: Server) {}

  static async start(): Promise<Sink> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        sink.deliveries.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
        response.writeHead(sink.status).end();
      });
    });
    const sink = new Sink(server);
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    return sink;
  }
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }
  get told(): string[] {
    return this.deliveries.map(({ body }) => [JSON.parse(body)].flat()[0] as { type: string }).map(({ type }) => type);
  }
  stop(): Promise<void> {
    return new Promise((done) => void this.server.close(() => done()));
  }
}

const SECRET = "a secret of the receiver";
let sink: Sink;
beforeEach(async () => {
  sink = await Sink.start();
});
afterEach(() => sink.stop());

class Office extends Bed {
  readonly outbox = new MemoryOutbox();
  readonly look: () => Promise<number>;
  constructor(kind: "webhook" | "event-grid" = "webhook") {
    super();
    const { clock, rolls, control, outbox } = this;
    const target = kind === "webhook" ? { kind, url: sink.url, secret: SECRET } : { kind, url: sink.url, key: SECRET };
    const find = createFindNotices({ clock, rolls, control, outbox });
    const send = createSendNotices({ clock, outbox, noticeSender: httpNoticeSender([target], clock, 5_000) });
    this.look = async () => {
      await find();
      return send();
    };
  }
}

test("a webhook gets each end of a roll once, signed as alerts are", async () => {
  const office = new Office();
  await office.open(office.device("pump-1"));
  await office.look();
  expect(sink.told).toEqual([]);
  await office.contain();
  await office.steps.closeRoll({ rollId });
  await office.look();
  await office.look();
  expect(sink.told.sort()).toEqual(["rollcall.finished", "rollcall.stragglers"]);
  const { headers, body } = sink.deliveries[0]!;
  const hmac = createHmac("sha256", SECRET)
    .update(`${String(headers["x-roll-timestamp"])}.${body}`)
    .digest("hex");
  expect(headers["x-roll-signature"]).toBe(`sha256=${hmac}`);
  expect(JSON.parse(body)).toMatchObject({ specversion: "1.0", id: `finished|${rollId}`, subject: `rolls/${rollId}` });
});

test("a receiver that is away is told later, under the same id, and the roll never waits", async () => {
  const office = new Office();
  await office.open(office.device("pump-1"));
  await office.contain();
  await office.steps.closeRoll({ rollId });
  sink.status = 503;
  expect(await office.look()).toBe(0);
  expect(await office.look()).toBe(0);
  const tried = sink.deliveries.length;
  sink.status = 200;
  office.clock.pass(30_000);
  expect(await office.look()).toBe(2);
  const ids = sink.deliveries.map(({ body }) => (JSON.parse(body) as { id: string }).id);
  expect(ids.slice(tried).sort()).toEqual([...new Set(ids)].sort());
});

test("an Event Grid topic gets a batch of CloudEvents with its key", async () => {
  const office = new Office("event-grid");
  await office.open(office.device("pump-1"));
  await office.rolls.update(rollId, (roll) => ({ ...roll, phase: "awaiting-approval" }));
  await office.look();
  expect(sink.told).toEqual(["rollcall.approval-needed"]);
  expect(sink.deliveries[0]?.headers).toMatchObject({
    "aeg-sas-key": SECRET,
    "content-type": expect.stringContaining("cloudevents-batch+json") as string,
  });
});

test("a brake is told, a person's own pause is not", async () => {
  const office = new Office();
  await office.open(office.device("pump-1"));
  await office.control.create(newControl(rollId, { windows: [], freezes: [] }));
  const say = (verb: "pause" | "resume" | "brake") =>
    office.control.change(rollId, (now) =>
      control(
        now,
        { verb, commandId: `${verb}-1`, by: "x", at: office.clock.now() },
        { phase: "rolling", finished: false },
      ),
    );
  await say("pause");
  await office.look();
  expect(sink.told).toEqual([]);
  await say("resume");
  await say("brake");
  await office.look();
  expect(sink.told).toEqual(["rollcall.brake-pulled"]);
});

test("containment that broke is told, each time anew", async () => {
  const office = new Office();
  const device = office.device("pump-1");
  await office.open(device);
  await office.contain();
  for (let times = 1; times <= 2; times += 1) {
    office.azure.addIdentity({ deviceId: device.deviceId, primaryThumbprint: device.old.sha256Thumbprint });
    await office.steps.recheckContained(office.at);
    await office.look();
    await office.look();
    expect(sink.told).toEqual(Array.from({ length: times }, () => "rollcall.containment-broken"));
    await office.contain();
  }
});

test.each<[string, boolean]>([
  ['[{"kind":"webhook","url":"https://x.example/a","secret":"0123456789abcdef"}]', true],
  ['[{"kind":"webhook","url":"http://127.0.0.1:1/a","secret":"0123456789abcdef"}]', true],
  ['[{"kind":"webhook","url":"http://x.example/a","secret":"0123456789abcdef"}]', false],
  ['[{"kind":"webhook","url":"file:///etc/passwd","secret":"0123456789abcdef"}]', false],
  ['[{"kind":"webhook","url":"https://x.example/a","secret":"short"}]', false],
  ['[{"kind":"mail","url":"https://x.example/a"}]', false],
  ["{}", false],
  ["x", false],
])("the setting %s is read: %s", (text, read) => {
  expect(readNoticeTargets(text) !== undefined).toBe(read);
});
