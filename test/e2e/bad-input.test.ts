import fc from "fast-check";
import { createHmac } from "node:crypto";
import {
  createIntermediate,
  createRoot,
  generateKeyPair,
  issueLeaf,
  type CertificateAuthority,
} from "../../lab/pki/certificates";
import { rollUntil, startRollLab, type RollLab } from "../support/roll-lab";

// Over real HTTP against the app in its host. Needs `dist/`.

let lab: RollLab;
let url: string;
beforeAll(async () => {
  lab = await startRollLab({ devices: 9, breached: 9 });
  await lab.devices.fleet.connected();
  ({ url } = await lab.startHost());
});
afterAll(() => lab.stop());

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const sign = (body: string | Buffer, at: number): string =>
  `sha256=${createHmac("sha256", lab.secret).update(`${at}.`).update(body).digest("hex")}`;

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: Record<string, unknown>;
}

async function post(body: string | Buffer, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${url}/api/alerts/webhook`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : new Uint8Array(body),
  });
  const type = response.headers.get("content-type");
  return { status: response.status, type, body: (await response.json()) as Record<string, unknown> };
}

const signed = (body: string | Buffer, at = nowSeconds()): Promise<Answer> =>
  post(body, { "x-roll-timestamp": String(at), "x-roll-signature": sign(body, at) });

const alert = (id: string, devices: unknown[], more: object = {}): string =>
  JSON.stringify({
    version: "1",
    id,
    type: "breach",
    severity: "critical",
    reason: "test",
    scope: { kind: "devices", devices },
    ...more,
  });

const WRITES =
  /^(dps\.(enrollment|group|registration)\.(put|delete|bulk)|hub\.(registry\.(put|delete|bulk)|twin\.patch|method))/;
const writes = (): number =>
  [...lab.services.faults.calls].reduce((sum, [operation, n]) => (WRITES.test(operation) ? sum + n : sum), 0);

const valid = (): string => alert("never", [{ registrationId: "pump-001" }]);
test.each<{ name: string; send: () => Promise<Answer>; status: number; code: string }>([
  { name: "no signature", send: () => post(valid(), {}), status: 401, code: "signature-missing" },
  {
    name: "a signature under another secret",
    send: () =>
      post(valid(), { "x-roll-timestamp": String(nowSeconds()), "x-roll-signature": `sha256=${"0".repeat(64)}` }),
    status: 401,
    code: "signature-invalid",
  },
  {
    name: "a signature over another body",
    send: () => {
      const at = nowSeconds();
      return post(valid(), { "x-roll-timestamp": String(at), "x-roll-signature": sign(`${valid()} `, at) });
    },
    status: 401,
    code: "signature-invalid",
  },
  { name: "a time 301 s ago", send: () => signed(valid(), nowSeconds() - 301), status: 401, code: "timestamp-stale" },
  { name: "a time 400 s ahead", send: () => signed(valid(), nowSeconds() + 400), status: 401, code: "timestamp-stale" },
  {
    name: "a time that is no number",
    send: () => post(valid(), { "x-roll-timestamp": "now", "x-roll-signature": sign(valid(), 1) }),
    status: 401,
    code: "timestamp-invalid",
  },
  {
    name: "a body over 256 KB",
    send: () => signed(alert("big", [{ registrationId: "pump-001" }], { reason: "x".repeat(256 * 1024) })),
    status: 413,
    code: "payload-too-large",
  },
  { name: "no JSON", send: () => signed("{"), status: 400, code: "malformed-json" },
  {
    name: "bytes that are no UTF-8",
    send: () => signed(Buffer.from([0xff, 0xfe, 0x7b])),
    status: 400,
    code: "malformed-json",
  },
  { name: "an empty body", send: () => signed(""), status: 400, code: "malformed-json" },
  {
    name: "an unknown field",
    send: () => signed(alert("a", [{ registrationId: "pump-001" }], { force: true })),
    status: 400,
    code: "invalid-alert",
  },
  { name: "no devices", send: () => signed(alert("a", [])), status: 400, code: "invalid-alert" },
  {
    name: "a registration id with a path in it",
    send: () => signed(alert("a", [{ registrationId: "../x" }])),
    status: 400,
    code: "invalid-alert",
  },
  {
    name: "the same device twice, in other case",
    send: () => signed(alert("a", [{ registrationId: "pump-001" }, { registrationId: "PUMP-001" }])),
    status: 400,
    code: "duplicate-device",
  },
  {
    name: "a device that DPS does not know",
    send: () => signed(alert("a", [{ registrationId: "ghost-1" }])),
    status: 404,
    code: "unknown-device",
  },
])("$name: $status $code, and nothing is written to DPS or the hub", async ({ send, status, code }) => {
  const before = writes();
  const answer = await send();
  expect({ status: answer.status, code: answer.body["code"] }).toEqual({ status, code });
  expect(answer.type).toContain("application/problem+json");
  expect(String(answer.body["detail"]).length).toBeGreaterThan(20);
  expect(writes()).toBe(before);
  expect(await (await fetch(`${url}/api/rolls`)).json()).toEqual({ rolls: [] });
});

test("a signed alert with anything changed in it starts nothing that it did not say, and nothing of the host breaks", async () => {
  const whole = JSON.parse(alert("fuzz", [{ registrationId: "ghost-1" }])) as Record<string, unknown>;
  const value = fc.oneof(
    fc.jsonValue(),
    fc.string({ unit: "binary" }),
    fc.constantFrom("../x", "pump-001\r\nx: y", "\u0000"),
  );
  const field = fc.constantFrom(...Object.keys(whole), "__proto__", "constructor", "extra");
  const deviceField = fc.constantFrom("registrationId", "compromised", "replacement", "tag", "__proto__");
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(field, value, { maxKeys: 2 }),
      fc.dictionary(deviceField, value),
      async (top, device) => {
        const scope = { kind: "devices", devices: [{ registrationId: "ghost-1", ...device }] };
        const answer = await signed(JSON.stringify({ ...whole, scope, ...top }));
        expect(answer.type).toContain("application/problem+json");
        expect([400, 404]).toContain(answer.status);
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
  expect(await (await fetch(`${url}/api/rolls`)).json()).toEqual({ rolls: [] });
});

test.each([
  "rolls/..%2F..%2Fadmin",
  "rolls/%00",
  "rolls/x%0d%0aset-cookie:%20a=b",
  "rolls/20260101T000000000Z-00000000%27%20or%201%20eq%201",
  "rolls/x/devices?after=%0d%0ax",
  "devices/%2e%2e%2f%2e%2e",
  `devices/${"x".repeat(2_000)}`,
  "registry/devices/x%0d%0ay?hub=evil.example.com",
  "registry/devices/valve?hub=169.254.169.254",
  "inventory/..%2Ftrust",
  "deny-entries?after=enrollment%7C%27",
])("the path %.60s leads nowhere", async (path) => {
  const before = writes();
  const response = await fetch(`${url}/api/${path}`);
  // Where a path fits no endpoint the host answers by itself, without a body.
  expect(["application/problem+json", null]).toContain(response.headers.get("content-type"));
  expect(response.headers.get("set-cookie")).toBeNull();
  expect([400, 404]).toContain(response.status);
  expect(writes()).toBe(before);
});

test("the handshake of CloudEvents names who may send, and repeats nothing that is no host name", async () => {
  const shake = (origin?: string): Promise<Response> =>
    fetch(`${url}/api/alerts/cloudevents`, {
      method: "OPTIONS",
      ...(origin === undefined ? {} : { headers: { "webhook-request-origin": origin } }),
    });
  const good = await shake("eventgrid.azure.net");
  expect(good.status).toBe(200);
  expect(good.headers.get("webhook-allowed-origin")).toBe("eventgrid.azure.net");
  for (const odd of [undefined, "*", "a b", "<script>", "x".repeat(300), "evil.example, eventgrid.azure.net"]) {
    const refused = await shake(odd);
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([400, "origin-missing"]);
    expect(refused.headers.get("webhook-allowed-origin")).toBeNull();
  }
});

test("bad replacements are refused by code, and every device is contained all the same", async () => {
  const { issuer } = lab.services;
  const victims = lab.devices.victims;
  const at = (index: number): (typeof victims)[number] => victims[index]!;
  const foreign = (): CertificateAuthority =>
    createIntermediate({ commonName: "elsewhere", issuer: createRoot({ commonName: "somebody else's root" }) });
  const day = 86_400_000;
  const cases: { code: string | undefined; chainPem: string; certificatePem?: string }[] = [
    { code: "common-name-differs", chainPem: issueLeaf({ commonName: "pump-999", issuer }).chainPem },
    { code: "same-key", chainPem: at(1).active.chainPem },
    {
      code: "expired",
      chainPem: issueLeaf({
        commonName: at(2).registrationId,
        issuer,
        notBefore: new Date(Date.now() - 9 * day),
        notAfter: new Date(Date.now() - day),
      }).chainPem,
    },
    {
      code: "chain-not-anchored",
      chainPem: issueLeaf({ commonName: at(3).registrationId, issuer: foreign() }).chainPem,
    },
    { code: "private-key-in-input", chainPem: at(4).standby.chainPem + at(4).standby.privateKeyPem },
    { code: "certificate-unreadable", chainPem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" },
    {
      code: "not-yet-valid",
      chainPem: issueLeaf({ commonName: at(6).registrationId, issuer, notBefore: new Date(Date.now() + day) }).chainPem,
    },
    {
      code: "same-key",
      chainPem: sameKeyAgain(at(7).registrationId),
      certificatePem: sameKeyAgain(at(7).registrationId),
    },
    { code: undefined, chainPem: at(8).standby.chainPem },
  ];
  const devices = cases.map(({ chainPem, certificatePem }, index) => ({
    registrationId: at(index).registrationId,
    compromised: { slots: ["primary"], ...(certificatePem === undefined ? {} : { certificatePem }) },
    replacement: { chainPem },
  }));
  const answer = await signed(alert("IR-bad", devices));
  expect(answer.status).toBe(202);
  const { rollId } = answer.body as { rollId: string };
  const { roll } = await rollUntil(lab, rollId, ({ phase }) => phase === "finished", 60_000);
  expect(roll.outcome).toBe("partial");
  const page = (await (await fetch(`${url}/api/rolls/${rollId}/devices`)).json()) as {
    devices: {
      registrationId: string;
      state: string;
      containedAt?: string;
      refusal?: { outcome: string; code: string };
    }[];
  };
  const found = new Map(page.devices.map((device) => [device.registrationId, device]));
  for (const [index, { code }] of cases.entries()) {
    const device = found.get(at(index).registrationId);
    expect(device?.refusal?.code).toBe(code);
    if (code !== undefined) expect(device?.refusal?.outcome).toBe("replacement-refused");
    expect(device?.containedAt).toBeDefined();
    expect(device?.state).toBe(code === undefined ? "proven" : "contained");
    // What DPS and the hub say themselves.
    const identity = lab.services.hub.store.device(at(index).deviceId)?.identity;
    expect(identity).toBeDefined();
    expect(JSON.stringify(identity)).not.toContain(at(index).oldThumbprint);
  }

  // The compromised key again under a new certificate: one key pair, two leaves.
  function sameKeyAgain(commonName: string): string {
    keyPair ??= generateKeyPair();
    return issueLeaf({ commonName, issuer, keyPair }).chainPem;
  }
});
let keyPair: ReturnType<typeof generateKeyPair> | undefined;
