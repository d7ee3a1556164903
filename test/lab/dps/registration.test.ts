import { issueLeaf, selfSignedLeaf } from "../../../lab/pki/certificates";
import { at, enrollmentOf, groupOf, rejection, startTestDps, type TestDps } from "../../support/lab-dps";
import { deviceAuthorities } from "../../support/lab-dps-pki";

let lab: TestDps;
const { root, intermediate } = deviceAuthorities("Fleet");

beforeAll(async () => {
  lab = await startTestDps();
  lab.dps.store.addVerifiedCa(root.certificatePem, "fleet-root");
});
afterAll(() => lab.stop());

describe.each(["mqtt", "https"] as const)("a device with the official SDK over %s", (transport) => {
  const register = (id: string, leaf: { chainPem: string; privateKeyPem: string }) => lab[transport](id, leaf);

  test("is assigned by its individual enrollment and the hub gets the SHA-256 of its leaf", async () => {
    const id = `one-${transport}`;
    const leaf = selfSignedLeaf({ commonName: id });
    lab.dps.store.seedEnrollment(enrollmentOf(id, leaf.certificatePem));
    const result = await register(id, leaf);
    expect(result).toMatchObject({ status: "assigned", assignedHub: lab.hub.hostName, deviceId: id });
    expect(lab.hub.identities.get(id)?.sha256Thumbprint).toBe(leaf.sha256Thumbprint);
  });

  test("is refused with another leaf than its enrollment holds", async () => {
    const id = `two-${transport}`;
    const held = selfSignedLeaf({ commonName: id });
    lab.dps.store.seedEnrollment(enrollmentOf(id, held.certificatePem));
    const error = await rejection(register(id, selfSignedLeaf({ commonName: id })));
    if (transport === "mqtt") expect(error.message).toBe("Connection refused: Not authorized");
    else expect(error.name).toBe("UnauthorizedError");
    expect(lab.hub.has(id)).toBe(false);
  });

  test("is assigned by the group of its issuer", async () => {
    const id = `three-${transport}`;
    lab.dps.store.seedGroup(groupOf("fleet", intermediate.certificatePem));
    const result = await register(id, issueLeaf({ commonName: id, issuer: intermediate }));
    expect(at(result, "status")).toBe("assigned");
    expect(lab.dps.store.registrations.get(id)?.enrollmentGroupId).toBe("fleet");
  });
});
