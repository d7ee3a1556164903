import type { Faults } from "../../../lab/faults/faults";
import { createIntermediate, createRoot, issueLeaf } from "../../../lab/pki/certificates";
import { AuthorityName, EnrollmentGroupId } from "../../../shared/domain/ids";
import { RollError } from "../../../shared/domain/roll-error";
import type { EnrollmentGroup, GroupChange, GroupSlotChange } from "../../../shared/ports/enrollment-groups";
import type { Registration } from "../../../shared/ports/enrollments";
import type { DpsStage } from "../../support/dps-stages";

const keep = { kind: "keep" } as const;
const clear = { kind: "clear" } as const;
const refer = (name: string): GroupSlotChange => ({ kind: "refer", authority: AuthorityName.parse(name) });
const set = (certificatePem: string): GroupSlotChange => ({ kind: "set", certificatePem });
const change = (primary: GroupSlotChange, secondary: GroupSlotChange): GroupChange => ({
  slots: { primary, secondary },
  provisioningStatus: "enabled",
});
const promote: GroupChange = { slots: "promote", provisioningStatus: "enabled" };
const id = (text: string): EnrollmentGroupId => EnrollmentGroupId.parse(text);

/** What every implementation of `EnrollmentGroups` and `Registrations` promises. */
export function describeGroups(name: string, start: () => Promise<DpsStage>): void {
  describe(`enrollment groups: ${name}`, () => {
    let stage: DpsStage;
    let count = 0;
    beforeAll(async () => {
      stage = await start();
    });
    afterAll(() => stage.stop());
    afterEach(() => {
      for (const undo of undos.splice(0)) undo();
    });
    const undos: (() => void)[] = [];
    const fault = (...rule: Parameters<Faults["add"]>): void => void undos.push(stage.faults.add(...rule));

    async function read(groupId: string): Promise<EnrollmentGroup> {
      const reading = await stage.groups.get(id(groupId));
      if (reading.outcome === "missing") throw new Error(`${groupId} is missing`);
      return reading.group;
    }
    /** Two verified roots under names of their own. */
    function authorities() {
      count += 1;
      const [old, next] = [createRoot({ commonName: `Old ${count}` }), createRoot({ commonName: `New ${count}` })];
      const names = [`old-${count}`, `new-${count}`] as const;
      stage.addAuthority(names[0], old.certificatePem);
      stage.addAuthority(names[1], next.certificatePem);
      return { old, next, oldName: names[0], nextName: names[1] };
    }
    async function referring(both = false) {
      const roots = authorities();
      const groupId = `fleet-${count}`;
      stage.addGroup({ groupId, caReferences: both ? [roots.oldName, roots.nextName] : [roots.oldName] });
      return { ...roots, groupId, group: await read(groupId) };
    }
    async function signing() {
      const roots = authorities();
      const intermediate = createIntermediate({ commonName: `Line ${count}`, issuer: roots.old });
      const groupId = `line-${count}`;
      stage.addGroup({ groupId, signingPems: [intermediate.certificatePem] });
      return { ...roots, intermediate, groupId, group: await read(groupId) };
    }

    it("show the CA certificates that they refer to", async () => {
      const { group, groupId, oldName, nextName } = await referring(true);
      expect(group).toMatchObject({
        groupId,
        provisioningStatus: "enabled",
        attestation: { kind: "caReferences", primary: oldName, secondary: nextName },
        updateHubAssignment: true,
        migrateDeviceData: true,
        allocationPolicy: "hashed",
        iotHubs: [],
        credentialPolicyName: undefined,
      });
      expect(group.lastUpdatedAt).toBeDefined();
    });

    it("show signing certificates by thumbprint, never the certificate", async () => {
      const { group, intermediate } = await signing();
      expect(group.attestation).toMatchObject({
        kind: "signingCertificates",
        primary: { sha256Thumbprint: intermediate.sha256Thumbprint, notAfter: intermediate.notAfter.getTime() },
        secondary: undefined,
      });
      expect(JSON.stringify(group)).not.toContain("BEGIN CERTIFICATE");
    });

    it("are missing where nobody made them, and found whatever the letter case", async () => {
      expect(await stage.groups.get(id("nobody"))).toEqual({ outcome: "missing" });
      const { oldName } = authorities();
      stage.addGroup({ groupId: `Mixed-${count}`, caReferences: [oldName] });
      expect((await read(`mixed-${count}`)).groupId).toBe(`mixed-${count}`);
    });

    it("let devices of both CAs in while both are referred to, and of one afterwards", async () => {
      const { groupId, group, old, next, nextName } = await referring();
      const leaf = (issuer: typeof old, device: string) => issueLeaf({ commonName: device, issuer });
      const device = `dev-${groupId}`;
      expect(await stage.register(device, leaf(next, device))).toBe(false);
      expect(await stage.groups.put(group, change(keep, refer(nextName)))).toMatchObject({ outcome: "written" });
      expect(await stage.register(device, leaf(old, device))).toBe(true);
      expect(await stage.register(device, leaf(next, device))).toBe(true);
      const both = await read(groupId);
      const write = await stage.groups.put(both, promote);
      const after = await read(groupId);
      expect(write).toEqual({ outcome: "written", etag: after.etag, lastUpdatedAt: after.lastUpdatedAt });
      expect(after.attestation).toEqual({ kind: "caReferences", primary: nextName, secondary: undefined });
      expect(await stage.register(device, leaf(old, device))).toBe(false);
      expect(await stage.register(device, leaf(next, device))).toBe(true);
    });

    it("keep a signing certificate whose PEM nobody has any more", async () => {
      const { groupId, group, intermediate, next } = await signing();
      const added = createIntermediate({ commonName: `Next line ${count}`, issuer: next });
      expect(await stage.groups.put(group, change(keep, set(added.certificatePem)))).toMatchObject({
        outcome: "written",
      });
      const both = await read(groupId);
      expect(both.attestation).toMatchObject({
        primary: { sha256Thumbprint: intermediate.sha256Thumbprint },
        secondary: { sha256Thumbprint: added.sha256Thumbprint },
      });
      const device = `dev-${groupId}`;
      const [oldLeaf, newLeaf] = [intermediate, added].map((issuer) => issueLeaf({ commonName: device, issuer }));
      expect(await stage.register(device, oldLeaf!)).toBe(true);
      expect(await stage.groups.put(both, change(clear, keep))).toMatchObject({ outcome: "written" });
      expect((await read(groupId)).attestation).toMatchObject({
        primary: undefined,
        secondary: { sha256Thumbprint: added.sha256Thumbprint },
      });
      expect(await stage.register(device, oldLeaf!)).toBe(false);
      expect(await stage.register(device, newLeaf!)).toBe(true);
    });

    it("let nobody in while disabled, and keep their trust", async () => {
      const { groupId, group, old, oldName } = await referring();
      const disabled: GroupChange = { slots: { primary: keep, secondary: keep }, provisioningStatus: "disabled" };
      expect(await stage.groups.put(group, disabled)).toMatchObject({ outcome: "written" });
      expect(await read(groupId)).toMatchObject({
        provisioningStatus: "disabled",
        attestation: { primary: oldName },
      });
      const device = `dev-${groupId}`;
      expect(await stage.register(device, issueLeaf({ commonName: device, issuer: old }))).toBe(false);
    });

    it.each([
      ["another family", (): GroupChange => change(keep, set(createRoot({ commonName: "x" }).certificatePem))],
      ["a promotion of nothing", (): GroupChange => promote],
      ["two empty slots", (): GroupChange => change(clear, keep)],
      ["a name that is not there", (): GroupChange => change(keep, refer("no-such-authority"))],
    ])("refuse %s", async (_what, wanted) => {
      const { groupId, group } = await referring();
      expect(await stage.groups.put(group, wanted())).toMatchObject({ outcome: "refused" });
      expect(await read(groupId)).toEqual(group);
    });

    it.each([
      ["a promotion", (): GroupChange => promote],
      ["a CA's name", (): GroupChange => change(keep, refer("old-1"))],
      ["what is no certificate", (): GroupChange => change(keep, set("none"))],
    ])("with signing certificates refuse %s", async (_what, wanted) => {
      const { groupId, group } = await signing();
      expect(await stage.groups.put(group, wanted())).toMatchObject({ outcome: "refused" });
      expect(await read(groupId)).toEqual(group);
    });

    it("are not overwritten when somebody wrote since, nor made anew when somebody deleted them", async () => {
      const { groupId, group, nextName, oldName } = await referring();
      await stage.groups.put(group, change(keep, refer(nextName)));
      expect(await stage.groups.put(group, change(refer(nextName), clear))).toEqual({
        outcome: "precondition-failed",
      });
      expect((await read(groupId)).attestation).toMatchObject({ primary: oldName });
      stage.removeGroup(groupId);
      expect(await stage.groups.put(group, change(keep, clear))).toEqual({ outcome: "missing" });
    });

    it("are made like another, and never overwrite one", async () => {
      const { group } = await referring();
      const { next, nextName, oldName } = authorities();
      const spec = {
        groupId: id(`made-${count}`),
        like: group,
        attestation: { kind: "caReferences", primary: AuthorityName.parse(nextName), secondary: undefined },
        provisioningStatus: "enabled",
      } as const;
      const made = await stage.groups.create(spec);
      const after = await read(`made-${count}`);
      expect(made).toEqual({ outcome: "created", etag: after.etag, lastUpdatedAt: after.lastUpdatedAt });
      expect(after).toMatchObject({ attestation: { primary: nextName }, provisioningStatus: "enabled" });
      const device = `dev-made-${count}`;
      expect(await stage.register(device, issueLeaf({ commonName: device, issuer: next }))).toBe(true);
      const other = { ...spec.attestation, primary: AuthorityName.parse(oldName) };
      expect(await stage.groups.create({ ...spec, attestation: other })).toEqual({ outcome: "exists", group: after });
    });

    it("are made with signing certificates, if they are some", async () => {
      const { group, next } = await signing();
      const line = createIntermediate({ commonName: `Made ${count}`, issuer: next });
      const spec = { groupId: id(`made-${count}`), like: group, provisioningStatus: "disabled" } as const;
      const attestation = { kind: "signingCertificates", secondaryPem: undefined } as const;
      expect(await stage.groups.create({ ...spec, attestation: { ...attestation, primaryPem: "none" } })).toMatchObject(
        {
          outcome: "refused",
        },
      );
      await stage.groups.create({ ...spec, attestation: { ...attestation, primaryPem: line.certificatePem } });
      expect(await read(`made-${count}`)).toMatchObject({
        provisioningStatus: "disabled",
        attestation: { primary: { sha256Thumbprint: line.sha256Thumbprint }, secondary: undefined },
      });
    });

    it("answer with what stands when the answer to their making was lost", async () => {
      const { group } = await referring();
      const { nextName } = authorities();
      const spec = {
        groupId: id(`lost-${count}`),
        like: group,
        attestation: { kind: "caReferences", primary: AuthorityName.parse(nextName), secondary: undefined },
        provisioningStatus: "enabled",
      } as const;
      fault({ operation: "dps.group.put", effect: { kind: "reply-lost" }, times: 1 });
      await expect(stage.groups.create(spec)).rejects.toThrow(RollError);
      expect(await stage.groups.create(spec)).toMatchObject({
        outcome: "exists",
        group: { attestation: { primary: nextName } },
      });
    });

    it("are deleted in the version that was read, and their registrations stay", async () => {
      const { groupId, group, old } = await referring();
      const device = `dev-${groupId}`;
      await stage.register(device, issueLeaf({ commonName: device, issuer: old }));
      await stage.groups.put(group, change(keep, clear));
      expect(await stage.groups.delete(group)).toEqual({ outcome: "precondition-failed" });
      const now = await read(groupId);
      expect(await stage.groups.delete(now)).toEqual({ outcome: "deleted" });
      expect(await stage.groups.delete(now)).toEqual({ outcome: "missing" });
      expect((await stage.registrations.listByGroup(id(groupId), undefined)).items).toHaveLength(1);
    });

    it("are listed, each once", async () => {
      const [one, two] = [await referring(), await signing()];
      const groups = await all((cursor) => stage.groups.list(cursor));
      expect(groups).toContainEqual(one.group);
      expect(groups).toContainEqual(two.group);
      expect(new Set(groups.map(({ groupId }) => groupId)).size).toBe(groups.length);
    });

    it("list who came through them, page by page", async () => {
      const { groupId, old } = await referring();
      const device = (index: number): string => `${groupId}-device-${index}`;
      const together = Array.from({ length: 120 }, (_one, index) =>
        stage.register(device(index), issueLeaf({ commonName: device(index), issuer: old })),
      );
      await Promise.all(together);
      const listed = await all((cursor) => stage.registrations.listByGroup(id(groupId), cursor));
      expect(new Set(listed.map(({ registrationId }) => registrationId)).size).toBe(120);
      expect(listed[0]).toMatchObject({ status: "assigned", assignedHub: "lab-hub.azure-devices.net" });
      expect(await all((cursor) => stage.registrations.listByGroup(id("no-such-group"), cursor))).toEqual([]);
    });

    it("let a registration record be deleted in the version that was read", async () => {
      const { groupId, old } = await referring();
      const device = `dev-${groupId}`;
      const leaf = issueLeaf({ commonName: device, issuer: old });
      const listed = async (): Promise<Registration[]> =>
        all((cursor) => stage.registrations.listByGroup(id(groupId), cursor));
      await stage.register(device, leaf);
      const [before] = await listed();
      await stage.register(device, leaf);
      expect(await stage.registrations.delete(before!)).toEqual({ outcome: "precondition-failed" });
      const [now] = await listed();
      fault({ operation: "dps.registration.delete", effect: { kind: "reply-lost" }, times: 1 });
      await expect(stage.registrations.delete(now!)).rejects.toThrow(RollError);
      expect(await stage.registrations.delete(now!)).toEqual({ outcome: "missing" });
      expect(await listed()).toEqual([]);
      expect(await stage.registrations.delete({ ...now!, etag: undefined })).toMatchObject({ outcome: "refused" });
    });

    it.each([
      ["throttled", 429, "service-throttled", true],
      ["down", 503, "service-unavailable", true],
      ["denying us", 401, "service-denied-us", false],
    ] as const)("throw when the service is %s", async (_what, status, code, retryable) => {
      const { group, groupId, old } = await referring();
      const device = `dev-${groupId}`;
      await stage.register(device, issueLeaf({ commonName: device, issuer: old }));
      const { items } = await stage.registrations.listByGroup(id(groupId), undefined);
      fault({ operation: "dps.*", effect: { kind: "status", status, retryAfterSeconds: 7 } });
      const calls = [
        () => stage.groups.get(group.groupId),
        () => stage.groups.list(undefined),
        () => stage.groups.put(group, change(keep, clear)),
        () => stage.groups.delete(group),
        () => stage.registrations.listByGroup(group.groupId, undefined),
        () => stage.registrations.delete(items[0]!),
      ];
      const retryAfterMs = status === 401 ? undefined : 7_000;
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({ name: "RollError", code, retryable });
        if (status === 429) await expect(call()).rejects.toMatchObject({ retryAfterMs });
      }
    });

    it("throw when the answer to a write is lost, and the write stands", async () => {
      const { group, groupId, nextName } = await referring();
      fault({ operation: "dps.group.put", effect: { kind: "reply-lost" } });
      await expect(stage.groups.put(group, change(keep, refer(nextName)))).rejects.toThrow(RollError);
      expect((await read(groupId)).attestation).toMatchObject({ secondary: nextName });
    });
  });
}

/** Walks all pages. */
async function all<T>(
  page: (cursor: string | undefined) => Promise<{ items: readonly T[]; next: string | undefined }>,
): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    const { items, next } = await page(cursor);
    found.push(...items);
    cursor = next;
  } while (cursor !== undefined);
  return found;
}
