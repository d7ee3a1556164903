import { selfSignedLeaf } from "../../../lab/pki/certificates";
import { at, enrollmentOf, groupOf, referringGroup, rejection } from "../../support/lab-dps";
import { putEnrollment, putGroup, runBulk, type TargetInTests } from "../../support/lab-dps-contract";
import { deviceAuthorities } from "../../support/lab-dps-pki";

/** What every client of the service API may rely on. */
export function enrollmentContract(target: TargetInTests): void {
  const service = () => target().service;

  describe("an individual enrollment", () => {
    test("is given back with info instead of certificates, and null for empty slots", async () => {
      const id = target().id("info");
      const leaf = selfSignedLeaf({ commonName: id });
      await putEnrollment(target(), enrollmentOf(id, leaf.certificatePem));
      const { responseBody } = await service().getIndividualEnrollment(id);
      const x509 = at(responseBody, "attestation", "x509");
      expect(at(x509, "clientCertificates", "primary", "info")).toMatchObject({
        subjectName: `CN=${id}`,
        issuerName: `CN=${id}`,
        sha1Thumbprint: leaf.sha1Thumbprint,
        sha256Thumbprint: leaf.sha256Thumbprint,
        version: 3,
      });
      expect(at(x509, "clientCertificates", "primary", "certificate") ?? null).toBeNull();
      expect(at(x509, "clientCertificates", "secondary")).toBeNull();
      expect(at(x509, "signingCertificates")).toBeNull();
      expect(JSON.stringify(responseBody)).not.toContain("BEGIN CERTIFICATE");
      expect(responseBody).toMatchObject({
        registrationId: id,
        provisioningStatus: "enabled",
        reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
        capabilities: { iotEdge: false },
        allocationPolicy: "hashed",
      });
      expect(at(responseBody, "etag")).toMatch(/^".+"$/);
    });

    test("keeps its certificate when it is read, changed and written back with info only", async () => {
      const id = target().id("keep");
      const [first, second] = [selfSignedLeaf({ commonName: id }), selfSignedLeaf({ commonName: id })];
      await putEnrollment(target(), enrollmentOf(id, first.certificatePem, second.certificatePem));
      const read = (await service().getIndividualEnrollment(id)).responseBody;
      const written = await putEnrollment(target(), { ...read, provisioningStatus: "disabled" });
      const slots = at(written, "attestation", "x509", "clientCertificates");
      expect(at(slots, "primary", "info", "sha256Thumbprint")).toBe(first.sha256Thumbprint);
      expect(at(slots, "secondary", "info", "sha256Thumbprint")).toBe(second.sha256Thumbprint);
      expect(written.provisioningStatus).toBe("disabled");
      expect(written.etag).not.toBe(read.etag);
    });

    test("loses the slot that is written as null and refuses to lose both", async () => {
      const id = target().id("drop");
      const [first, second] = [selfSignedLeaf({ commonName: id }), selfSignedLeaf({ commonName: id })];
      const made = await putEnrollment(target(), enrollmentOf(id, first.certificatePem, second.certificatePem));
      const dropped = await putEnrollment(target(), {
        ...enrollmentOf(id, null, second.certificatePem),
        etag: made.etag,
      });
      const slots = at(dropped, "attestation", "x509", "clientCertificates");
      expect(at(slots, "primary")).toBeNull();
      expect(at(slots, "secondary", "info", "sha256Thumbprint")).toBe(second.sha256Thumbprint);
      const error = await rejection(putEnrollment(target(), { ...enrollmentOf(id, null, null), etag: dropped.etag }));
      expect(at(error, "response", "statusCode")).toBe(400);
    });

    test("that exists is not overwritten without an etag (409), nor with a wrong one (412)", async () => {
      const id = target().id("etag");
      const leaf = selfSignedLeaf({ commonName: id });
      const body = enrollmentOf(id, leaf.certificatePem);
      const made = await putEnrollment(target(), body);
      const conflict = await rejection(putEnrollment(target(), body));
      expect([conflict.name, at(conflict, "response", "statusCode")]).toEqual(["DeviceAlreadyExistsError", 409]);
      const stale = await rejection(
        putEnrollment(target(), { ...body, etag: '"00000000-0000-0800-0000-000000000000"' }),
      );
      expect([stale.name, at(stale, "response", "statusCode")]).toEqual(["InvalidEtagError", 412]);
      const bare = await rejection(putEnrollment(target(), { ...body, etag: made.etag.replaceAll('"', "") }));
      expect(at(bare, "response", "statusCode")).toBe(412);
      await expect(putEnrollment(target(), { ...body, etag: made.etag })).resolves.toMatchObject({
        registrationId: id,
      });
      await expect(putEnrollment(target(), { ...body, etag: "*" })).resolves.toMatchObject({ registrationId: id });
    });

    test("is found in any case, deleted by etag, and then gone (404201)", async () => {
      const id = target().id("Case");
      const made = await putEnrollment(target(), enrollmentOf(id, selfSignedLeaf({ commonName: id }).certificatePem));
      const found = await service().getIndividualEnrollment(id.toUpperCase());
      expect(found.responseBody.registrationId.toLowerCase()).toBe(id.toLowerCase());
      const stale = await rejection(service().deleteIndividualEnrollment(id, '"00000000"'));
      expect(at(stale, "response", "statusCode")).toBe(412);
      await service().deleteIndividualEnrollment(id, made.etag);
      const gone = await rejection(service().getIndividualEnrollment(id));
      expect([gone.message, at(gone, "response", "statusCode")]).toEqual(["Not found", 404]);
      expect(at(gone, "response", "headers", "x-ms-error-code")).toBe("404201");
      expect(JSON.parse(String(gone["responseBody"]))).toMatchObject({ errorCode: 404201 });
    });

    test("is refused with a certificate that is none", async () => {
      const id = target().id("bad");
      const error = await rejection(
        putEnrollment(target(), enrollmentOf(id, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
      );
      expect([error.name, at(error, "response", "statusCode")]).toEqual(["ArgumentError", 400]);
    });
  });

  test("a query gives every enrollment once, page by page, and ends", async () => {
    const ids = [1, 2, 3, 4, 5].map((n) => target().id(`page-${n}`));
    for (const id of ids)
      await putEnrollment(target(), enrollmentOf(id, selfSignedLeaf({ commonName: id }).certificatePem));
    const query = service().createIndividualEnrollmentQuery({ query: "SELECT * FROM enrollments" }, 2);
    const seen: string[] = [];
    while (query.hasMoreResults) {
      // Without the token in hand the promise form reads the first page for ever.
      const { responseBody } = await query.next(query.continuationToken);
      const page: unknown = responseBody;
      if (!Array.isArray(page)) throw new Error("no page");
      expect(page.length).toBeLessThanOrEqual(2);
      seen.push(...page.map((item) => String(at(item, "registrationId"))));
    }
    expect(seen.filter((id) => ids.includes(id)).sort()).toEqual(ids);
  });

  test("a bulk operation answers 200 and names the items that failed", async () => {
    const [good, bad] = [target().id("bulk-1"), target().id("bulk-2")];
    const body = (id: string) => enrollmentOf(id, selfSignedLeaf({ commonName: id }).certificatePem);
    await putEnrollment(target(), body(bad));
    const result = await runBulk(target(), { mode: "create", enrollments: [body(good), body(bad)] });
    expect(result).toMatchObject({ isSuccessful: false, errors: [{ registrationId: bad }] });
    expect(Math.floor(Number(at(result, "errors", 0, "errorCode")) / 1000)).toBe(409);
    const made = (await service().getIndividualEnrollment(good)).responseBody;
    const update = { ...made, provisioningStatus: "disabled" };
    await expect(
      runBulk(target(), { mode: "updateIfMatchETag", enrollments: [{ ...update, etag: '"0"' }] }),
    ).resolves.toMatchObject({ isSuccessful: false });
    await expect(runBulk(target(), { mode: "updateIfMatchETag", enrollments: [update] })).resolves.toMatchObject({
      isSuccessful: true,
      errors: [],
    });
    await runBulk(target(), { mode: "delete", enrollments: [{ registrationId: good }, { registrationId: bad }] });
    expect(at(await rejection(service().getIndividualEnrollment(good)), "response", "statusCode")).toBe(404);
    const tooMany = Array.from({ length: 11 }, (_, n) => body(target().id(`many-${n}`)));
    const error = await rejection(runBulk(target(), { mode: "create", enrollments: tooMany }));
    expect(at(error, "response", "statusCode")).toBe(400);
  });

  test("symmetric keys are told by the attestation mechanism, whose path has no case", async () => {
    const [id, groupId] = [target().id("keys"), target().id("keygroup")];
    const symmetric = { attestation: { type: "symmetricKey" } };
    const made = await putEnrollment(target(), { registrationId: id, ...symmetric });
    expect(at(made, "attestation", "symmetricKey", "primaryKey") ?? null).toBeNull();
    const told = await service().getIndividualEnrollmentAttestationMechanism(id);
    expect(at(told.responseBody, "symmetricKey", "primaryKey")).toEqual(expect.any(String));
    await putGroup(target(), { enrollmentGroupId: groupId, ...symmetric });
    // The SDK writes `enrollmentgroups` here, and only here.
    const toldOfGroup = await service().getEnrollmentGroupAttestationMechanism(groupId);
    expect(at(toldOfGroup.responseBody, "type")).toBe("symmetricKey");
    expect((await target().call("POST", `/enrollments/${id}/AttestationMechanism`)).status).toBe(200);
  });

  test("a group trusts what it holds or refers to, never neither or both, and no CA that is unknown", async () => {
    const authority = deviceAuthorities("Group").root;
    const id = target().id("group");
    const status = async (body: object) => at(await rejection(putGroup(target(), body)), "response", "statusCode");
    expect(await status(groupOf(id, null))).toBe(400);
    expect(await status(referringGroup(id, target().id("nobody")))).toBe(400);
    const made = await putGroup(target(), groupOf(id, authority.certificatePem));
    expect(at(made, "attestation", "x509", "signingCertificates", "primary", "info")).toMatchObject({
      sha256Thumbprint: authority.sha256Thumbprint,
    });
    expect(await status(groupOf(id, authority.certificatePem))).toBe(409);
    await service().deleteEnrollmentGroup(id);
    const gone = await rejection(service().getEnrollmentGroup(id));
    expect(at(gone, "response", "headers", "x-ms-error-code")).toBe("404204");
  });
}
