import type { ProvisioningServiceClient } from "azure-iot-provisioning-service";
import { IotDpsClient } from "@azure/arm-deviceprovisioningservices";
import { connect as tlsConnect } from "node:tls";
import { labToken } from "../../../lab/dps/authorization";
import { issueLeaf, selfSignedLeaf } from "../../../lab/pki/certificates";
import { at, enrollmentOf, groupOf, rejection, startTestDps, type TestDps } from "../../support/lab-dps";
import { runBulk } from "../../support/lab-dps-contract";
import { serviceClient } from "../../support/lab-dps-clients";
import { deviceAuthorities } from "../../support/lab-dps-pki";

let lab: TestDps;
beforeAll(async () => {
  lab = await startTestDps();
});
afterAll(() => lab.stop());

const leaf = selfSignedLeaf({ commonName: "dev" });
type Bulk = Parameters<ProvisioningServiceClient["runBulkEnrollmentOperation"]>[0];

// Each trap is a fact about an official SDK. A test that goes red after an update says that the trap is gone.

test("the promise of a bulk operation never settles, though the operation is done", async () => {
  const operation = { mode: "create", enrollments: [enrollmentOf("bulk", leaf.certificatePem)] };
  let settled = false;
  void lab.service.runBulkEnrollmentOperation(operation as unknown as Bulk).then(() => {
    settled = true;
  });
  while (!lab.dps.store.enrollments.get("bulk")) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(settled).toBe(false);
});

test("the mode of a bulk operation is taken as the typings have it and as the service has it", async () => {
  const made = lab.dps.store.seedEnrollment(enrollmentOf("mode", leaf.certificatePem));
  for (const mode of ["updateIfMatchEtag", "updateIfMatchETag"]) {
    const etag = lab.dps.store.enrollments.get("mode")?.etag;
    const enrollments = [{ ...enrollmentOf("mode", leaf.certificatePem), etag }];
    await expect(runBulk(lab, { mode, enrollments })).resolves.toMatchObject({ isSuccessful: true });
  }
  expect(lab.dps.store.enrollments.get("mode")?.etag).not.toBe(made.etag);
});

test("a query's promise without the token in hand gives page one again", async () => {
  for (const id of ["q1", "q2", "q3"]) lab.dps.store.seedEnrollment(enrollmentOf(id, leaf.certificatePem));
  const query = lab.service.createIndividualEnrollmentQuery({ query: "SELECT *" }, 1);
  const ids = [(await query.next()).responseBody, (await query.next()).responseBody].map((page: unknown) =>
    at(page, 0, "registrationId"),
  );
  expect(ids[1]).toBe(ids[0]);
  expect(query.hasMoreResults).toBe(true);
});

test("a port in the host name is not understood: the agent has to lead to it", async () => {
  const withPort = lab.dps.connectionString.replace(/HostName=[^;]+/, `HostName=127.0.0.1:${lab.dps.servicePort}`);
  const error = await rejection(serviceClient(withPort, undefined).getIndividualEnrollment("x"));
  expect(error["code"]).toBe("ENOTFOUND");
});

test("a token is asked for once and then kept", async () => {
  let asked = 0;
  const token = () => {
    asked += 1;
    return labToken();
  };
  const client = serviceClient({ host: lab.dps.serviceHostName, token }, lab.loopback);
  lab.dps.store.seedEnrollment(enrollmentOf("token", leaf.certificatePem));
  for (let n = 0; n < 3; n += 1) await client.getIndividualEnrollment("token");
  expect(asked).toBe(1);
});

describe("the ARM client", () => {
  test("gives the verification code's dates as strings, all others as dates", async () => {
    const { root } = deviceAuthorities("Dates");
    const { dpsCertificate } = lab.arm;
    const made = await dpsCertificate.createOrUpdate("rg", "lab-dps", "dates", {
      properties: { certificate: new Uint8Array(root.der) },
    });
    expect(made.properties?.created).toBeInstanceOf(Date);
    const generated = await dpsCertificate.generateVerificationCode("dates", made.etag ?? "", "rg", "lab-dps");
    expect(generated.properties?.created).toEqual(expect.any(String));
  });

  test("does not retry 404 and 412", async () => {
    await rejection(lab.arm.dpsCertificate.get("none", "rg", "lab-dps"));
    expect(lab.dps.faults.calls.get("dps.ca.get")).toBe(1);
    await rejection(lab.arm.dpsCertificate.delete("rg", "AAAA", "lab-dps", "dates"));
    expect(lab.dps.faults.calls.get("dps.ca.delete")).toBe(1);
  });

  test("over plain HTTP refuses to send its token", async () => {
    const getToken = () => Promise.resolve({ token: "t", expiresOnTimestamp: Date.now() + 3_600_000 });
    const client = new IotDpsClient({ getToken }, "sub", {
      endpoint: "http://127.0.0.1:1",
      allowInsecureConnection: true,
    });
    const error = await rejection(client.dpsCertificate.list("rg", "lab-dps"));
    expect(error.message).toContain("Bearer token authentication is not permitted");
  });
});

test("a resumed session is not offered: every handshake shows the intermediates", async () => {
  const { root, intermediate } = deviceAuthorities("Tickets");
  lab.dps.store.addVerifiedCa(root.certificatePem, "tickets");
  lab.dps.store.seedGroup(groupOf("tickets", intermediate.certificatePem));
  const device = issueLeaf({ commonName: "tickets", issuer: intermediate });
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const port of [lab.dps.servicePort, lab.dps.mqttPort]) {
      let session: Buffer | undefined;
      const reused: boolean[] = [];
      for (let n = 0; n < 2; n += 1) {
        await new Promise<void>((resolve, reject) => {
          const socket = tlsConnect({
            host: "127.0.0.1",
            port,
            ca: lab.loopback.caPem,
            servername: "global.azure-devices-provisioning.net",
            cert: device.chainPem,
            key: device.privateKeyPem,
            maxVersion,
            ...(session ? { session } : {}),
          });
          socket.on("error", reject);
          socket.on("session", (ticket) => {
            session = ticket;
          });
          socket.once("secureConnect", () => {
            reused.push(socket.isSessionReused());
            setTimeout(() => {
              socket.destroy();
              resolve();
            }, 20);
          });
        });
      }
      expect(reused).toEqual([false, false]);
    }
  }
});
