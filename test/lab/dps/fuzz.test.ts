import fc from "fast-check";
import { generate, type Packet } from "mqtt-packet";
import { connect as tcpConnect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { Matcher } from "../../../lab/dps/matching";
import { readCertificate, certificateInfo } from "../../../lab/dps/certificate-info";
import { issueLeaf, selfSignedLeaf } from "../../../lab/pki/certificates";
import { at, enrollmentOf, groupOf, startTestDps, type TestDps } from "../../support/lab-dps";
import { sasFor, type RawResponse } from "../../support/lab-dps-clients";
import { deviceAuthorities } from "../../support/lab-dps-pki";

// Bounded and seeded: the same inputs at every run.
const bounds = (numRuns: number) => ({ numRuns, seed: 20260101 });

let lab: TestDps;
const leaf = selfSignedLeaf({ commonName: "dev" });
const { root, intermediate } = deviceAuthorities("Fuzz");
const issued = issueLeaf({ commonName: "issued", issuer: intermediate });

beforeAll(async () => {
  lab = await startTestDps();
  lab.dps.store.addVerifiedCa(root.certificatePem, "root");
  lab.dps.store.seedGroup(groupOf("group", intermediate.certificatePem));
  lab.dps.store.seedEnrollment(enrollmentOf("dev", leaf.certificatePem));
});
afterEach(async () => {
  // Alive, and still right.
  expect((await lab.call("GET", "/enrollments/dev")).status).toBe(200);
  await expect(lab.mqtt("dev", leaf)).resolves.toMatchObject({ status: "assigned" });
});
afterAll(() => lab.stop());

/** Bytes with some replaced, cut or doubled. */
const mutations = fc.array(
  fc.record({ at: fc.nat(), kind: fc.constantFrom("flip", "cut", "double", "insert"), byte: fc.nat(255) }),
  { minLength: 1, maxLength: 4 },
);
function mutate(bytes: Buffer, changes: { at: number; kind: string; byte: number }[]): Buffer {
  return changes.reduce((current, change) => {
    const place = current.length === 0 ? 0 : change.at % current.length;
    const [before, after] = [current.subarray(0, place), current.subarray(place)];
    switch (change.kind) {
      case "flip":
        return Buffer.concat([before, Buffer.from([change.byte]), after.subarray(1)]);
      case "cut":
        return before;
      case "double":
        return Buffer.concat([before, after, after]);
      default:
        return Buffer.concat([before, Buffer.from([change.byte]), after]);
    }
  }, bytes);
}

/** Sends bytes once connected and hangs up a moment later, whatever comes back. */
function throwAt(socket: Socket, ready: "connect" | "secureConnect", ...parts: Buffer[]): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.on("data", () => undefined);
    socket.once(ready, () => {
      for (const part of parts) socket.write(part);
      setTimeout(() => socket.destroy(), 20);
    });
  });
}

const tls = (port: number) =>
  tlsConnect({
    host: "127.0.0.1",
    port,
    ca: lab.loopback.caPem,
    servername: "global.azure-devices-provisioning.net",
    cert: leaf.chainPem,
    key: leaf.privateKeyPem,
  });

/** How often an operation was reached so far: inputs that all bounce off the surface would prove little. */
const reached = (operation: string) => lab.dps.faults.calls.get(operation) ?? 0;

test("neither listener minds bytes that are no TLS, or a client that leaves at once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, mqtt) => {
      const port = mqtt ? lab.dps.mqttPort : lab.dps.servicePort;
      await throwAt(tcpConnect(port, "127.0.0.1"), "connect", Buffer.from(bytes));
    }),
    bounds(40),
  );
});

test("the MQTT listener does not mind random or mutated packets", async () => {
  const before = reached("dps.device.connect");
  const packets: Packet[] = [
    {
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clean: true,
      clientId: "dev",
      keepalive: 180,
      username: "0ne00000001/registrations/dev/api-version=2019-03-31",
    },
    { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "$dps/registrations/res/#", qos: 1 }] },
    {
      cmd: "publish",
      topic: "$dps/registrations/PUT/iotdps-register/?$rid=1",
      payload: '{"registrationId":"dev"}',
      qos: 1,
      dup: false,
      retain: false,
      messageId: 2,
    },
    { cmd: "unsubscribe", messageId: 3, unsubscriptions: ["$dps/registrations/res/#"] },
  ];
  const [connect = Buffer.alloc(0), ...rest] = packets.map((packet) => generate(packet));
  await fc.assert(
    fc.asyncProperty(fc.boolean(), mutations, fc.uint8Array({ maxLength: 100 }), async (connected, changes, noise) => {
      // Half of them get past CONNECT, so that what comes after is reached as well.
      const parts = connected
        ? [connect, mutate(Buffer.concat(rest), changes), Buffer.from(noise)]
        : [mutate(Buffer.concat([connect, ...rest]), changes), Buffer.from(noise)];
      await throwAt(tls(lab.dps.mqttPort), "secureConnect", ...parts);
    }),
    bounds(60),
  );
  expect(reached("dps.device.connect") - before).toBeGreaterThan(20);
});

test("the HTTPS listener does not mind random or mutated requests on the wire", async () => {
  const before = reached("dps.enrollment.put");
  const body = JSON.stringify(enrollmentOf("wire", leaf.certificatePem));
  const request = Buffer.from(
    `PUT /enrollments/wire?api-version=2021-10-01 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
      `Authorization: ${sasFor(lab.dps.connectionString)}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await fc.assert(
    fc.asyncProperty(mutations, async (changes) => {
      await throwAt(tls(lab.dps.servicePort), "secureConnect", mutate(request, changes));
    }),
    bounds(60),
  );
  expect(reached("dps.enrollment.put") - before).toBeGreaterThan(3);
});

test("no path, query or header is answered with a 500", async () => {
  const word = fc.oneof(
    fc.constantFrom("enrollments", "enrollmentGroups", "registrations", "query", "attestationmechanism", "register"),
    fc.constantFrom("operations", "subscriptions", "0ne00000001", "dev", "group", "__proto__", "constructor"),
    fc.string({ maxLength: 12 }).map(encodeURIComponent),
  );
  const headerValue = fc.oneof(
    fc.constantFrom("*", '""', "0", "-1", "e30="),
    fc.string({ maxLength: 20 }).map(encodeURIComponent),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("GET", "PUT", "POST", "DELETE", "PATCH"),
      fc.array(word, { maxLength: 6 }),
      headerValue,
      fc.oneof(fc.jsonValue(), fc.constant({ query: "SELECT *" })),
      async (method, words, value, body) => {
        const answer = await lab.call(method, `/${words.join("/")}`, method === "GET" ? undefined : body, {
          "if-match": value,
          "x-ms-continuation": value,
        });
        expectReasonable(answer);
      },
    ),
    bounds(150),
  );
  lab.dps.store.seedEnrollment(enrollmentOf("dev", leaf.certificatePem));
});

test("no enrollment body is answered with a 500", async () => {
  const plausible = fc.oneof(
    { maxDepth: 3 },
    fc.jsonValue(),
    fc.constantFrom<unknown>(null, "", "x509", "symmetricKey", "disabled", leaf.certificatePem, "AAAA", "MIIB", -1),
  );
  const slot = fc.oneof(fc.record({ certificate: plausible }), fc.record({ info: plausible }), plausible);
  const body = fc.record(
    {
      registrationId: fc.oneof(fc.constant("fuzzed"), plausible),
      attestation: fc.oneof(
        plausible,
        fc.record({
          type: fc.constantFrom("x509", "symmetricKey", "tpm", "none"),
          x509: fc.record(
            { clientCertificates: fc.record({ primary: slot, secondary: slot }), caReferences: plausible },
            { requiredKeys: [] },
          ),
        }),
      ),
      initialTwin: plausible,
      iotHubs: plausible,
      allocationPolicy: plausible,
    },
    { requiredKeys: ["registrationId", "attestation"] },
  );
  await fc.assert(
    fc.asyncProperty(body, async (value) => {
      expectReasonable(await lab.call("PUT", "/enrollments/fuzzed", value, { "if-match": "*" }));
      expectReasonable(await lab.call("POST", "/enrollments", { mode: "create", enrollments: [value] }));
    }),
    bounds(100),
  );
});

test("no mutated certificate is taken for another, or breaks the reading or matching", () => {
  const matcher = new Matcher(lab.dps.store, lab.dps.switches);
  fc.assert(
    fc.property(mutations, mutations, fc.constantFrom("leaf", "issuer", "both"), (first, second, which) => {
      const presented = [
        which === "issuer" ? issued.der : mutate(issued.der, first),
        which === "leaf" ? intermediate.der : mutate(intermediate.der, second),
      ];
      const unchanged = presented[0]?.equals(issued.der) && presented[1]?.equals(intermediate.der);
      const read = readCertificate(presented[0] ?? Buffer.alloc(0));
      if (read) certificateInfo(read);
      const verdict = matcher.judge("issued", presented, Date.now());
      // Bytes after the certificate are not part of it.
      const same = read?.sha256Thumbprint === issued.sha256Thumbprint;
      if (!unchanged && !same) expect(verdict.kind).toBe("refused");
    }),
    bounds(400),
  );
});

function expectReasonable(answer: RawResponse): void {
  if (answer.status >= 500) throw new Error(`answered ${answer.status}: ${answer.text}`);
  if (answer.status >= 400) expect(at(answer.json, "errorCode") ?? at(answer.json, "error")).toBeDefined();
}
