import type { Faults } from "../../../lab/faults/faults";
import { createRoot, issueLeaf, selfSignedLeaf, type LabCertificate } from "../../../lab/pki/certificates";
import { DeviceId, EnrollmentGroupId, RegistrationId } from "../../../shared/domain/ids";
import { RollError } from "../../../shared/domain/roll-error";
import type { EnrollmentChange, IndividualEnrollment, Registration } from "../../../shared/ports/enrollments";
import type { DpsStage } from "../../support/dps-stages";
import { deviceAuthorities } from "../../support/lab-dps-pki";

const { root, intermediate } = deviceAuthorities("Contract");
const keep = { kind: "keep" } as const;
const clear = { kind: "clear" } as const;
const set = (leaf: LabCertificate) => ({ kind: "set", certificatePem: leaf.certificatePem }) as const;
const id = (text: string): RegistrationId => RegistrationId.parse(text);

/** What every implementation of `Enrollments` and `Authorities` promises. */
export function describeEnrollments(name: string, start: () => Promise<DpsStage>): void {
  describe(`enrollments: ${name}`, () => {
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
    const fresh = (): string => `dev-${++count}`;

    /** An entry with two leaves, and how it reads. */
    async function entry(more: { provisioningStatus?: "disabled" } = {}) {
      const registrationId = fresh();
      const [old, standby] = [
        selfSignedLeaf({ commonName: registrationId }),
        selfSignedLeaf({ commonName: registrationId }),
      ];
      const seed = { registrationId, primaryPem: old.certificatePem, secondaryPem: standby.certificatePem, ...more };
      stage.addEnrollment(seed);
      return { registrationId, old, standby, read: await read(registrationId) };
    }
    async function read(registrationId: string): Promise<IndividualEnrollment> {
      const reading = await stage.enrollments.get(id(registrationId));
      if (reading.outcome === "missing") throw new Error(`${registrationId} is missing`);
      return reading.enrollment;
    }
    const change = (
      primary: EnrollmentChange["primary"],
      secondary: EnrollmentChange["secondary"],
    ): EnrollmentChange => ({
      primary,
      secondary,
      provisioningStatus: "enabled",
    });

    it("show both slots by thumbprint, with the end of validity", async () => {
      const { registrationId, old, standby, read: shown } = await entry();
      expect(shown).toMatchObject({
        registrationId,
        provisioningStatus: "enabled",
        attestation: "x509-client",
        primary: { sha256Thumbprint: old.sha256Thumbprint, notAfter: old.notAfter.getTime() },
        secondary: { sha256Thumbprint: standby.sha256Thumbprint },
        updateHubAssignment: true,
      });
      expect(shown.deviceId === undefined || shown.deviceId === registrationId).toBe(true);
      expect(shown.lastUpdatedAt).toBeDefined();
    });

    it("show the hub device of another name, and a policy that leaves the hub alone", async () => {
      const registrationId = fresh();
      const { certificatePem } = selfSignedLeaf({ commonName: registrationId });
      stage.addEnrollment({
        registrationId,
        primaryPem: certificatePem,
        deviceId: "Pump#7",
        updateHubAssignment: false,
      });
      expect(await read(registrationId)).toMatchObject({
        deviceId: "Pump#7",
        updateHubAssignment: false,
        secondary: undefined,
      });
    });

    it("are found whatever the letter case they were made with", async () => {
      const registrationId = `Dev-${++count}`;
      stage.addEnrollment({
        registrationId,
        primaryPem: selfSignedLeaf({ commonName: registrationId }).certificatePem,
      });
      expect((await read(registrationId.toLowerCase())).registrationId).toBe(registrationId.toLowerCase());
    });

    it("are missing where nobody made them", async () => {
      expect(await stage.enrollments.get(id("nobody"))).toEqual({ outcome: "missing" });
      expect(await stage.enrollments.getRegistration(id("nobody"))).toEqual({ outcome: "missing" });
    });

    it("keep a slot whose certificate nobody has any more", async () => {
      const { registrationId, standby, read: shown } = await entry();
      expect(await stage.enrollments.put(shown, change(clear, keep))).toMatchObject({ outcome: "written" });
      expect(await read(registrationId)).toMatchObject({
        primary: undefined,
        secondary: { sha256Thumbprint: standby.sha256Thumbprint },
      });
      expect(await stage.register(registrationId, standby)).toBe(true);
    });

    it("refuse the old leaf and accept the new one after one write", async () => {
      const { registrationId, old, standby, read: shown } = await entry();
      const replacement = selfSignedLeaf({ commonName: registrationId });
      const write = await stage.enrollments.put(shown, change(set(replacement), keep));
      const after = await read(registrationId);
      expect(write).toEqual({ outcome: "written", etag: after.etag, lastUpdatedAt: after.lastUpdatedAt });
      expect(after.etag).not.toBe(shown.etag);
      expect(after.primary?.sha256Thumbprint).toBe(replacement.sha256Thumbprint);
      expect(await stage.register(registrationId, old)).toBe(false);
      expect(await stage.register(registrationId, replacement)).toBe(true);
      expect(await stage.register(registrationId, standby)).toBe(true);
    });

    it("take a leaf that an authority of this DPS vouches for", async () => {
      const { registrationId, read: shown } = await entry();
      stage.addAuthority("contract-root", root.certificatePem);
      const replacement = issueLeaf({ commonName: registrationId, issuer: intermediate });
      await stage.enrollments.put(shown, change(set(replacement), clear));
      expect((await read(registrationId)).primary?.sha256Thumbprint).toBe(replacement.sha256Thumbprint);
      expect(await stage.register(registrationId, replacement)).toBe(true);
    });

    it("let nobody in while disabled, and say so", async () => {
      const { registrationId, old, read: shown } = await entry();
      await stage.enrollments.put(shown, { primary: keep, secondary: keep, provisioningStatus: "disabled" });
      expect(await read(registrationId)).toMatchObject({
        provisioningStatus: "disabled",
        primary: { sha256Thumbprint: old.sha256Thumbprint },
      });
      expect(await stage.register(registrationId, old)).toBe(false);
    });

    it("are not overwritten when somebody wrote since", async () => {
      const { registrationId, old, read: shown } = await entry();
      await stage.enrollments.put(shown, change(keep, clear));
      expect(await stage.enrollments.put(shown, change(clear, keep))).toEqual({ outcome: "precondition-failed" });
      expect((await read(registrationId)).primary?.sha256Thumbprint).toBe(old.sha256Thumbprint);
    });

    it("are not made anew when somebody deleted them", async () => {
      const { registrationId, read: shown } = await entry();
      stage.removeEnrollment(registrationId);
      expect(await stage.enrollments.put(shown, change(keep, clear))).toEqual({ outcome: "missing" });
      expect(await stage.enrollments.get(id(registrationId))).toEqual({ outcome: "missing" });
    });

    it.each([
      ["no certificate at all", clear],
      ["something that is no certificate", { kind: "set", certificatePem: "no certificate" } as const],
    ])("refuse to hold %s", async (_what, primary) => {
      const { registrationId, old, read: shown } = await entry();
      expect(await stage.enrollments.put(shown, change(primary, clear))).toMatchObject({ outcome: "refused" });
      expect((await read(registrationId)).primary?.sha256Thumbprint).toBe(old.sha256Thumbprint);
    });

    it("tell of the last registration", async () => {
      const { registrationId, standby } = await entry();
      expect(await stage.enrollments.getRegistration(id(registrationId))).toEqual({ outcome: "missing" });
      await stage.register(registrationId, standby);
      const reading = await stage.enrollments.getRegistration(id(registrationId));
      expect(reading).toMatchObject({
        outcome: "found",
        registration: {
          registrationId,
          deviceId: registrationId,
          assignedHub: "lab-hub.azure-devices.net",
          status: "assigned",
        },
      });
      expect(reading.outcome === "found" && reading.registration.lastUpdatedAt).toBeGreaterThan(0);
    });

    /** A group to copy policies from, under a CA of its own. */
    async function likeGroup() {
      const groupId = `group-${++count}`;
      stage.addGroup({ groupId, signingPems: [createRoot({ commonName: groupId }).certificatePem] });
      const reading = await stage.groups.get(EnrollmentGroupId.parse(groupId));
      if (reading.outcome === "missing") throw new Error(`${groupId} is missing`);
      return reading.group;
    }

    it("are made with one leaf, and let it in", async () => {
      const registrationId = fresh();
      const pin = selfSignedLeaf({ commonName: registrationId });
      const made = await stage.enrollments.create({
        registrationId: id(registrationId),
        deviceId: DeviceId.parse(`Pump#${count}`),
        certificatePem: pin.certificatePem,
        provisioningStatus: "enabled",
        like: await likeGroup(),
      });
      const shown = await read(registrationId);
      expect(made).toEqual({ outcome: "created", etag: shown.etag, lastUpdatedAt: shown.lastUpdatedAt });
      expect(shown).toMatchObject({
        deviceId: `Pump#${count - 1}`,
        provisioningStatus: "enabled",
        attestation: "x509-client",
        primary: { sha256Thumbprint: pin.sha256Thumbprint },
        secondary: undefined,
        updateHubAssignment: true,
      });
      expect(await stage.register(registrationId, pin)).toBe(true);
    });

    it("are never overwritten by one that is to be made", async () => {
      const { registrationId, old, read: shown } = await entry();
      const made = await stage.enrollments.create({
        registrationId: id(registrationId),
        deviceId: undefined,
        certificatePem: selfSignedLeaf({ commonName: registrationId }).certificatePem,
        provisioningStatus: "disabled",
        like: await likeGroup(),
      });
      expect(made).toMatchObject({ outcome: "exists", enrollment: { etag: shown.etag, registrationId } });
      expect(await read(registrationId)).toMatchObject({
        provisioningStatus: "enabled",
        primary: { sha256Thumbprint: old.sha256Thumbprint },
      });
    });

    it("answer with what stands when the answer to their making was lost", async () => {
      const registrationId = fresh();
      const pin = selfSignedLeaf({ commonName: registrationId });
      const spec = {
        registrationId: id(registrationId),
        deviceId: undefined,
        certificatePem: pin.certificatePem,
        provisioningStatus: "disabled",
        like: await likeGroup(),
      } as const;
      fault({ operation: "dps.enrollment.put", effect: { kind: "reply-lost" }, times: 1 });
      await expect(stage.enrollments.create(spec)).rejects.toMatchObject({ code: "service-unavailable" });
      expect(await stage.enrollments.create(spec)).toMatchObject({
        outcome: "exists",
        enrollment: { provisioningStatus: "disabled", primary: { sha256Thumbprint: pin.sha256Thumbprint } },
      });
    });

    it("are not made with what is no certificate", async () => {
      const spec = { deviceId: undefined, provisioningStatus: "enabled", like: await likeGroup() } as const;
      const registrationId = id(fresh());
      expect(await stage.enrollments.create({ ...spec, registrationId, certificatePem: "none" })).toMatchObject({
        outcome: "refused",
      });
      expect(await stage.enrollments.get(registrationId)).toEqual({ outcome: "missing" });
    });

    it("are deleted in the version that was read, and no other", async () => {
      const { registrationId, old, read: shown } = await entry();
      await stage.enrollments.put(shown, change(keep, clear));
      expect(await stage.enrollments.delete(shown)).toEqual({ outcome: "precondition-failed" });
      const now = await read(registrationId);
      expect(await stage.enrollments.delete(now)).toEqual({ outcome: "deleted" });
      expect(await stage.enrollments.delete(now)).toEqual({ outcome: "missing" });
      expect(await stage.register(registrationId, old)).toBe(false);
    });

    it("are listed page by page, each once", async () => {
      const made = Array.from({ length: 230 }, fresh);
      for (const registrationId of made) {
        stage.addEnrollment({ registrationId, primaryPem: selfSignedLeaf({ commonName: "x" }).certificatePem });
      }
      const seen: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await stage.enrollments.list(cursor);
        seen.push(...page.items.map(({ registrationId }) => registrationId));
        pages += 1;
        cursor = page.next;
      } while (cursor !== undefined);
      expect(new Set(seen).size).toBe(seen.length);
      expect(made.filter((one) => !seen.includes(one))).toEqual([]);
      expect(pages).toBeGreaterThan(2);
    });

    it("are listed with the registration that a call for it would show", async () => {
      const { registrationId, standby } = await entry();
      const { registrationId: never } = await entry();
      await stage.register(registrationId, standby);
      const listed = new Map<string, Registration | undefined>();
      for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
        const page = await stage.enrollments.list(cursor);
        for (const one of page.items) listed.set(one.registrationId, one.registration);
        cursor = page.next;
      }
      const asked = await stage.enrollments.getRegistration(id(registrationId));
      expect(asked).toEqual({ outcome: "found", registration: listed.get(registrationId) });
      expect(listed.has(never)).toBe(true);
      expect(listed.get(never)).toBeUndefined();
    });

    it("list the authorities whose possession is proven", async () => {
      stage.addAuthority("second-root", intermediate.certificatePem);
      const listed = await stage.authorities.listVerified();
      expect(listed).toContainEqual({ name: "second-root", certificatePem: intermediate.certificatePem });
    });

    it.each([
      ["throttled", 429, "service-throttled", true],
      ["down", 503, "service-unavailable", true],
      ["failing", 500, "service-unavailable", true],
      ["denying us", 401, "service-denied-us", false],
    ] as const)("throw when the service is %s", async (_what, status, code, retryable) => {
      const { registrationId, read: shown } = await entry();
      fault({ operation: "dps.*", effect: { kind: "status", status, retryAfterSeconds: 7 } });
      const calls = [
        stage.enrollments.get(id(registrationId)),
        stage.enrollments.put(shown, change(keep, clear)),
        stage.enrollments.getRegistration(id(registrationId)),
        stage.enrollments.list(undefined),
        stage.enrollments.delete(shown),
      ];
      for (const call of calls) await expect(call).rejects.toMatchObject({ name: "RollError", code, retryable });
    });

    it("throw when the answer to a write is lost, and the write stands", async () => {
      const { registrationId, read: shown } = await entry();
      fault({ operation: "dps.enrollment.put", effect: { kind: "reply-lost" } });
      await expect(stage.enrollments.put(shown, change(keep, clear))).rejects.toThrow(RollError);
      expect((await read(registrationId)).secondary).toBeUndefined();
    });

    it("throw when the service never answers", async () => {
      const { registrationId } = await entry();
      fault({ operation: "dps.enrollment.get", effect: { kind: "hang" } });
      await expect(stage.enrollments.get(id(registrationId))).rejects.toMatchObject({ code: "service-unavailable" });
    });
  });
}
