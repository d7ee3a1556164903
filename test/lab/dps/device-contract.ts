import { issueLeaf, selfSignedLeaf } from "../../../lab/pki/certificates";
import { at, enrollmentOf, groupOf, rejection } from "../../support/lab-dps";
import { putEnrollment, putGroup, type TargetInTests } from "../../support/lab-dps-contract";
import { deviceAuthorities } from "../../support/lab-dps-pki";

/** What every device may rely on, and what its registration leaves behind for the service. */
export function deviceContract(target: TargetInTests): void {
  const service = () => target().service;

  describe.each(["mqtt", "https"] as const)("a device over %s", (transport) => {
    test("is assigned by its individual enrollment, and the record shows it", async () => {
      const id = target().id(`one-${transport}`);
      const leaf = selfSignedLeaf({ commonName: id });
      await putEnrollment(target(), enrollmentOf(id, leaf.certificatePem));
      const result = await target().register(transport, id, leaf);
      expect(result).toMatchObject({ registrationId: id, status: "assigned", substatus: "initialAssignment" });
      const { responseBody } = await service().getDeviceRegistrationState(id);
      expect(responseBody).toMatchObject({ registrationId: id, status: "assigned", deviceId: id });
      expect(responseBody.assignedHub).toBe(result["assignedHub"]);
      // Base64 of the quoted etag, unlike that of the enrollment.
      expect(Buffer.from(String(at(responseBody, "etag")), "base64").toString()).toMatch(/^".+"$/);
      expect(JSON.stringify(responseBody)).not.toContain(leaf.sha256Thumbprint);
    });

    test("is assigned by its group until an individual entry denies it", async () => {
      const [id, groupId] = [target().id(`denied-${transport}`), target().id(`fleet-${transport}`)];
      const { root, intermediate } = deviceAuthorities("Contract");
      await target().trust(root, target().id(`fleet-${transport}`));
      await putGroup(target(), groupOf(groupId, intermediate.certificatePem));
      const leaf = issueLeaf({ commonName: id, issuer: intermediate });
      await expect(target().register(transport, id, leaf)).resolves.toMatchObject({ status: "assigned" });
      // No certificate of the device is needed: the registration id alone matches.
      await putEnrollment(target(), {
        registrationId: id,
        attestation: { type: "symmetricKey" },
        provisioningStatus: "disabled",
      });
      const error = await rejection(target().register(transport, id, leaf));
      expect([error.name, error.message]).toEqual(["SyntaxError", "status is disabled"]);
      const { responseBody } = await service().getDeviceRegistrationState(id);
      expect(responseBody.status).toBe("disabled");
    });

    test("is refused when nothing in its chain is a verified CA", async () => {
      const id = target().id(`stranger-${transport}`);
      const leaf = issueLeaf({ commonName: id, issuer: deviceAuthorities("Stranger").intermediate });
      const error = await rejection(target().register(transport, id, leaf));
      expect(error.name).toBe("UnauthorizedError");
      const body: unknown = transport === "mqtt" ? error["result"] : JSON.parse(String(error["responseBody"]));
      expect(body).toMatchObject({ errorCode: 401002, message: "CA certificate not found." });
    });

    test("is refused under another name than its certificate's", async () => {
      const id = target().id(`other-${transport}`);
      const leaf = selfSignedLeaf({ commonName: target().id("somebody") });
      await putEnrollment(target(), enrollmentOf(id, leaf.certificatePem));
      const error = await rejection(target().register(transport, id, leaf));
      expect(error.message).toMatch(transport === "mqtt" ? /Not authorized/ : /Unauthorized|Invalid certificate/i);
    });
  });

  test("registrations of a group are listed, outlive the group and can be deleted", async () => {
    const authority = deviceAuthorities("Listed");
    await target().trust(authority.root, target().id("listed-root"));
    const groupId = target().id("listed");
    await putGroup(target(), groupOf(groupId, authority.root.certificatePem));
    const ids = [1, 2, 3].map((n) => target().id(`listed-${n}`));
    for (const id of ids) await target().register("https", id, issueLeaf({ commonName: id, issuer: authority.root }));
    const query = service().createEnrollmentGroupDeviceRegistrationStateQuery({ query: "SELECT *" }, groupId, 2);
    const seen: string[] = [];
    while (query.hasMoreResults) {
      const { responseBody } = await query.next(query.continuationToken);
      const page: unknown = responseBody;
      if (Array.isArray(page)) seen.push(...page.map((item) => String(at(item, "registrationId"))));
    }
    expect(seen.sort()).toEqual(ids);
    await service().deleteEnrollmentGroup(groupId);
    const [first = "", second = ""] = ids;
    const record = (await service().getDeviceRegistrationState(first)).responseBody;
    const stale = await rejection(service().deleteDeviceRegistrationState(first, "IjAi"));
    expect(at(stale, "response", "statusCode")).toBe(412);
    await service().deleteDeviceRegistrationState(first, String(at(record, "etag")));
    expect(at(await rejection(service().getDeviceRegistrationState(first)), "response", "statusCode")).toBe(404);
    expect((await service().getDeviceRegistrationState(second)).responseBody.status).toBe("assigned");
    for (const id of ids.slice(1)) await service().deleteDeviceRegistrationState(id);
  });

  test("the device API over HTTPS: 202 with a place and a pause, 200 at the end, 401 without a certificate", async () => {
    const id = target().id("wire");
    const leaf = selfSignedLeaf({ commonName: id });
    await putEnrollment(target(), enrollmentOf(id, leaf.certificatePem));
    const accepted = await target().deviceCall("PUT", `${id}/register`, { registrationId: id }, leaf);
    expect(accepted.status).toBe(202);
    expect(accepted.headers["retry-after"]).toBeDefined();
    expect(at(accepted.json, "status")).toBe("assigning");
    expect(at(accepted.json, "operationId")).toMatch(/^\d+\.[0-9a-f]+\./);
    const operation = `${id}/operations/${String(at(accepted.json, "operationId"))}`;
    let polled = await target().deviceCall("GET", operation, {}, leaf);
    while (polled.status === 202) {
      expect(polled.json).toMatchObject({ status: "assigning" });
      await new Promise((resolve) => setTimeout(resolve, 1_000 * Number(polled.headers["retry-after"] ?? 2)));
      polled = await target().deviceCall("GET", operation, {}, leaf);
    }
    expect(polled.json).toMatchObject({ status: "assigned", registrationState: { registrationId: id, x509: {} } });
    const found = await target().deviceCall("POST", id, { registrationId: id }, leaf);
    expect(found).toMatchObject({ status: 200, json: { registrationId: id, status: "assigned" } });
    const nobody = await target().deviceCall("PUT", `${id}/register`, { registrationId: id });
    expect(nobody).toMatchObject({ status: 401, json: { errorCode: 401002 } });
  });
}
