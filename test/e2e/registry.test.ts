import { startRollLab, type RollLab } from "../support/roll-lab";

// Over real HTTP against the app in its host, with the lab behind it. Needs `dist/`.

let lab: RollLab;
let url: string;
beforeAll(async () => {
  lab = await startRollLab({ devices: 1, breached: 1 });
  ({ url } = await lab.startHost());
});
afterAll(() => lab.stop());

const A = "A".repeat(64);
const B = "B".repeat(64);

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/api/registry/${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const answer = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
  return { status: response.status, body: answer, headers: response.headers };
}
const pathOf = (deviceId: string): string => `devices/${encodeURIComponent(deviceId)}`;

test("a device is created, read, changed, disabled, enabled and deleted by the official SDK, each time by its ETag", async () => {
  const id = "Pump+1:a_b";
  const made = await ask("POST", "devices", { deviceId: id, primaryThumbprint: A, metadata: { site: "hall 3" } });
  expect(made).toMatchObject({
    status: 201,
    body: { deviceId: id, secondaryThumbprint: A, data: { metadata: { site: "hall 3" } } },
  });
  expect(made.headers.get("location")).toContain(`/api/registry/${pathOf(id)}`);
  expect(await ask("POST", "devices", { deviceId: id, primaryThumbprint: B })).toMatchObject({
    status: 409,
    body: { code: "device-exists" },
  });
  const read = await ask("GET", pathOf(id));
  expect(read.body).toEqual(made.body);
  const etag = read.headers.get("etag") ?? "";
  expect(await ask("PATCH", pathOf(id), { secondaryThumbprint: B })).toMatchObject({
    status: 428,
    body: { code: "etag-needed" },
  });
  const disabled = await ask("POST", `${pathOf(id)}/disable`, { reason: "reported stolen" }, { "if-match": etag });
  expect(disabled).toMatchObject({ status: 200, body: { status: "disabled", statusReason: "reported stolen" } });
  expect(await ask("POST", `${pathOf(id)}/enable`, {}, { "if-match": etag })).toMatchObject({
    status: 412,
    body: { code: "etag-changed" },
  });
  const now = disabled.headers.get("etag") ?? "";
  const changed = await ask("PATCH", pathOf(id), { secondaryThumbprint: B, status: "enabled" }, { "if-match": now });
  expect(changed).toMatchObject({
    status: 200,
    body: { status: "enabled", primaryThumbprint: A, secondaryThumbprint: B },
  });
  expect(lab.services.hub.hostName).toBe(changed.body["hub"]);
  const last = changed.headers.get("etag") ?? "";
  expect(await ask("DELETE", pathOf(id), undefined, { "if-match": now })).toMatchObject({ status: 412 });
  expect((await ask("DELETE", pathOf(id), undefined, { "if-match": last })).status).toBe(204);
  expect(await ask("GET", pathOf(id))).toMatchObject({ status: 404, body: { code: "unknown-device" } });
});

test("devices are imported by the hundred and listed", async () => {
  const devices = Array.from({ length: 230 }, (_, i) => ({ deviceId: `bulk-${i}`, primaryThumbprint: A }));
  expect(await ask("POST", "import", { devices })).toMatchObject({
    status: 200,
    body: { created: 230, existing: [], notTried: [] },
  });
  expect(await ask("POST", "import", { devices })).toMatchObject({ status: 200, body: { created: 0, notTried: [] } });
  const listed = await ask("GET", "devices");
  expect(listed).toMatchObject({ status: 200, body: { complete: true } });
  expect((listed.body["devices"] as unknown[]).length).toBeGreaterThanOrEqual(230);
});

test("a throttled hub is answered with 503 and Retry-After", async () => {
  const undo = lab.services.faults.add({ operation: "hub.registry.*", effect: { kind: "status", status: 429 } });
  const answer = await ask("GET", "devices/bulk-1");
  undo();
  expect(answer).toMatchObject({ status: 503, body: { code: "service-throttled" } });
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
});

test.each<[string, string, string, unknown, Record<string, string>, number, string]>([
  ["a hub that is not ours", "GET", "devices?hub=evil.example.com", undefined, {}, 404, "unknown-hub"],
  ["a hub name with a line break", "GET", "devices?hub=a%0d%0ab", undefined, {}, 404, "unknown-hub"],
  ["a device id of 129 characters", "GET", `devices/${"a".repeat(129)}`, undefined, {}, 400, "invalid-device-id"],
  ["a device id with a quote and a space", "GET", "devices/x%22%20y", undefined, {}, 400, "invalid-device-id"],
  [
    "an If-Match of several",
    "DELETE",
    "devices/bulk-1",
    undefined,
    { "if-match": '"a", "b"' },
    400,
    "invalid-if-match",
  ],
  ["an If-Match of a star", "DELETE", "devices/bulk-1", undefined, { "if-match": "*" }, 400, "invalid-if-match"],
  ["no JSON", "POST", "devices", "{", {}, 400, "malformed-json"],
  ["a list for an object", "POST", "devices", [], {}, 400, "invalid-device"],
  [
    "an unknown field",
    "POST",
    "devices",
    { deviceId: "x", primaryThumbprint: A, admin: true },
    {},
    400,
    "invalid-device",
  ],
  ["no reason", "POST", "devices/bulk-1/disable", {}, { "if-match": '"a"' }, 400, "invalid-device"],
  [
    "ten thousand devices",
    "POST",
    "import",
    { devices: Array.from({ length: 10_000 }, (_, i) => ({ deviceId: `x${i}`, primaryThumbprint: A })) },
    {},
    413,
    "payload-too-large",
  ],
])("%s: %s %s is refused, and nothing is written", async (_name, method, path, body, headers, status, code) => {
  const writes = (): number => lab.services.faults.calls.get("hub.registry.bulk") ?? 0;
  const before = writes();
  expect(await ask(method, path, body, headers)).toMatchObject({ status, body: { code } });
  expect(writes()).toBe(before);
});

// Last: from here on a roll writes too.
test("a device that an open roll has is left to it", async () => {
  const [victim] = lab.devices.victims;
  const id = victim!.registrationId;
  await lab.devices.fleet.connected();
  await lab.product()!.postAlert(lab.alert("IR-registry"));
  // The roll claims its devices with its first activity.
  for (const end = Date.now() + 30_000; ;) {
    const read = await ask("GET", pathOf(id));
    const change = await ask(
      "PATCH",
      pathOf(id),
      { primaryThumbprint: B },
      { "if-match": read.headers.get("etag") ?? "" },
    );
    if (change.status === 409) {
      expect(change.body).toMatchObject({ code: "claimed-by-roll" });
      break;
    }
    expect([200, 412]).toContain(change.status);
    if (Date.now() > end) throw new Error("the roll never claimed the device");
  }
});
