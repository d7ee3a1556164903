import { allRights, armAudience, authorize, labToken } from "../../../lab/dps/authorization";
import { selfSignedLeaf } from "../../../lab/pki/certificates";
import { enrollmentOf, startTestDps, type TestDps } from "../../support/lab-dps";
import { sasFor, serviceClient } from "../../support/lab-dps-clients";

let lab: TestDps;
beforeAll(async () => {
  lab = await startTestDps();
});
afterAll(() => lab.stop());

const leaf = selfSignedLeaf({ commonName: "dev" });

describe("authorization", () => {
  const get = async (authorization: string | undefined, method = "GET", path = "/enrollments/nobody") => {
    const headers = authorization === undefined ? {} : { authorization };
    return (await lab.raw({ method, path: `${path}?api-version=2021-10-01`, headers })).status;
  };

  test("is refused without a header, with an expired signature, a wrong key, policy or resource", async () => {
    const { connectionString } = lab.dps;
    expect(await get(undefined)).toBe(401);
    expect(await get("SharedAccessSignature")).toBe(401);
    expect(await get(sasFor(connectionString))).toBe(404);
    expect(await get(sasFor(connectionString, 1))).toBe(401);
    expect(await get(sasFor(connectionString.replace(/SharedAccessKey=.*/, "SharedAccessKey=AAAA")))).toBe(401);
    expect(await get(sasFor(connectionString.replace("provisioningserviceowner", "nobody")))).toBe(401);
    expect(await get(sasFor(connectionString.replace("lab-dps", "other-dps")))).toBe(401);
    const answer = await lab.raw({ method: "GET", path: "/enrollments/x?api-version=2021-10-01" });
    expect(answer.json).toMatchObject({ errorCode: 401002, message: "Unauthorized" });
  });

  test("takes the documented signature of a known key, until it expires", () => {
    const policies = [{ name: "o", key: Buffer.alloc(32, "k").toString("base64"), rights: allRights }];
    const header =
      "SharedAccessSignature sr=myhub.azure-devices.net&sig=PQBPYjx%2FCKEb9t%2FIT1hWytHGsIqCkxADI%2F0GotQs2z0%3D&skn=o&se=1795341531";
    const check = (now: number, host = "myhub.azure-devices.net") =>
      authorize(header, "EnrollmentRead", host, policies, now);
    expect(() => check(1_795_341_530_000)).not.toThrow();
    expect(() => check(1_795_341_531_000)).toThrow("Unauthorized");
    expect(() => check(1_795_341_530_000, "other.azure-devices.net")).toThrow("Unauthorized");
  });

  test("a policy reaches as far as its rights", async () => {
    const reader = sasFor(lab.dps.addPolicy("reader", ["EnrollmentRead"]));
    expect(await get(reader)).toBe(404);
    expect(await get(reader, "DELETE")).toBe(401);
    expect(await get(reader, "GET", "/registrations/nobody")).toBe(401);
  });

  test("a bearer token counts for the data plane, until it expires, within its roles", async () => {
    expect(await get(`Bearer ${labToken()}`)).toBe(404);
    expect(await get(`Bearer ${labToken({ audience: armAudience })}`)).toBe(401);
    expect(await get(`Bearer ${labToken({ expiresAt: Date.now() - 1000 })}`)).toBe(401);
    expect(await get(`Bearer ${labToken().slice(0, -3)}AAA`)).toBe(401);
    expect(await get("Bearer a.b.c")).toBe(401);
    const reader = `Bearer ${labToken({ roles: ["Device Provisioning Service Data Reader"] })}`;
    expect(await get(reader)).toBe(404);
    expect(await get(reader, "DELETE")).toBe(401);
  });

  test("the official client works with a token credential", async () => {
    const host = lab.dps.serviceHostName;
    const client = serviceClient({ host, token: () => labToken() }, lab.loopback);
    const id = "token";
    lab.dps.store.seedEnrollment(enrollmentOf(id, leaf.certificatePem));
    expect((await client.getIndividualEnrollment(id)).responseBody.registrationId).toBe(id);
  });
});
