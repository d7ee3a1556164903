import type { Faults } from "../../../lab/faults/faults";
import { issueLeaf, selfSignedLeaf, type LabCertificate } from "../../../lab/pki/certificates";
import { RegistrationId } from "../../../shared/domain/ids";
import { RollError } from "../../../shared/domain/roll-error";
import type { Authorities } from "../../../shared/ports/authorities";
import type { EnrollmentChange, Enrollments, IndividualEnrollment } from "../../../shared/ports/enrollments";
import { deviceAuthorities } from "../../support/lab-dps-pki";

/** A DPS behind the ports, and the means to put it into a state without the ports. */
export interface EnrollmentStage {
  readonly enrollments: Enrollments;
  readonly authorities: Authorities;
  readonly faults: Faults;
  addEnrollment(enrollment: {
    readonly registrationId: string;
    readonly primaryPem?: string;
    readonly secondaryPem?: string;
    readonly deviceId?: string;
    readonly provisioningStatus?: "enabled" | "disabled";
    readonly updateHubAssignment?: boolean;
  }): void;
  removeEnrollment(registrationId: string): void;
  addAuthority(name: string, certificatePem: string): void;
  /** A device registers; resolves when the attempt is over, true if it was assigned. */
  register(registrationId: string, leaf: LabCertificate): Promise<boolean>;
  stop(): Promise<void>;
}

const { root, intermediate } = deviceAuthorities("Contract");
const keep = { kind: "keep" } as const;
const clear = { kind: "clear" } as const;
const set = (leaf: LabCertificate) => ({ kind: "set", certificatePem: leaf.certificatePem }) as const;
const id = (text: string): RegistrationId => RegistrationId.parse(text);

/** What every implementation of `Enrollments` and `Authorities` promises. */
export function describeEnrollments(name: string, start: () => Promise<EnrollmentStage>): void {
  describe(`enrollments: ${name}`, () => {
    let stage: EnrollmentStage;
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
