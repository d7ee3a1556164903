import { labToken } from "../../lab/dps/authorization";
import { Faults } from "../../lab/faults/faults";
import type { LabCertificate } from "../../lab/pki/certificates";
import { connectAzure, type Azure } from "../../shared/adapters/azure/connect";
import { systemClock } from "../../shared/adapters/x509/system-clock";
import { readConnectionString, readDpsResourceId } from "../../shared/config/variables";
import { FakeAzure } from "./fake-azure";
import { enrollmentOf, groupOf, referringGroup, startTestDps } from "./lab-dps";
import { serverRoot } from "./lab-dps-pki";

/** A DPS behind the ports, and the means to put it into a state without the ports. */
export interface DpsStage extends Pick<Azure, "enrollments" | "groups" | "registrations" | "authorities"> {
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
  /** A group by CA names or by PEM, primary first. */
  addGroup(group: {
    readonly groupId: string;
    readonly caReferences?: readonly [string, string?];
    readonly signingPems?: readonly [string, string?];
  }): void;
  removeGroup(groupId: string): void;
  /** Default verified. */
  addAuthority(name: string, certificatePem: string, isVerified?: boolean): void;
  /** Whether a CA certificate that an entry refers to can be deleted. */
  keepReferenced(refuse: boolean): void;
  /** A device registers; resolves when the attempt is over, true if it was assigned. */
  register(registrationId: string, leaf: LabCertificate): Promise<boolean>;
  stop(): Promise<void>;
}

/** The fakes that steps are tested with. */
export function memoryDpsStage(): Promise<DpsStage> {
  const azure = new FakeAzure();
  const { enrollments, groups, registrations, authorities, faults } = azure;
  return Promise.resolve({
    enrollments,
    groups,
    registrations,
    authorities,
    faults,
    addEnrollment: (enrollment) => azure.addEnrollment(enrollment),
    removeEnrollment: (registrationId) => azure.dps.remove(registrationId),
    addGroup: (group) => azure.addGroup(group),
    removeGroup: (groupId) => azure.fakeGroups.remove(groupId),
    addAuthority: (name, pem, isVerified) => azure.addAuthority(name, pem, isVerified),
    keepReferenced: (refuse) => (azure.fakeAuthorities.refuseReferenced = refuse),
    register: (registrationId, leaf) => Promise.resolve(azure.register(registrationId, leaf.chainPem)),
    stop: () => Promise.resolve(),
  });
}

/** The SDK adapters against the lab's DPS. */
export async function labDpsStage(): Promise<DpsStage> {
  const faults = new Faults();
  const lab = await startTestDps({ faults });
  const { dps } = lab;
  const access = readConnectionString(dps.connectionString);
  const dpsResourceId = readDpsResourceId(
    `/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/lab/providers/Microsoft.Devices/provisioningServices/${dps.name}`,
  );
  if (access === undefined || dpsResourceId === undefined) throw new Error("the lab's DPS is named in another way");
  const azure = connectAzure(
    {
      dps: access,
      dpsResourceId,
      hubs: [],
      loopback: {
        caPem: serverRoot.certificatePem,
        ports: new Map([
          [dps.serviceHostName, dps.servicePort],
          ["management.azure.com", dps.servicePort],
        ]),
        tokens: new Map([["https://management.azure.com", labToken({ audience: "https://management.azure.com" })]]),
      },
      timing: { callTimeoutMs: 500 },
    },
    systemClock,
  );
  return {
    ...azure,
    faults,
    addEnrollment: ({ registrationId, primaryPem, secondaryPem, updateHubAssignment, ...more }) =>
      void dps.store.seedEnrollment(
        enrollmentOf(registrationId, primaryPem ?? null, secondaryPem ?? null, {
          ...more,
          reprovisionPolicy: { updateHubAssignment: updateHubAssignment ?? true, migrateDeviceData: true },
        }),
      ),
    removeEnrollment: (registrationId) => {
      const entry = dps.store.enrollments.get(registrationId);
      if (entry !== undefined) dps.store.deleteEntry(entry);
    },
    addGroup: ({ groupId, caReferences, signingPems = [""] }) =>
      void dps.store.seedGroup(
        caReferences === undefined
          ? groupOf(groupId, signingPems[0], signingPems[1] ?? null)
          : referringGroup(groupId, caReferences[0], caReferences[1] ?? null),
      ),
    removeGroup: (groupId) => {
      const entry = dps.store.groups.get(groupId);
      if (entry !== undefined) dps.store.deleteEntry(entry);
    },
    addAuthority: (name, pem, isVerified = true) => void dps.store.cas.seed(name, pem, isVerified),
    keepReferenced: (refuse) => (dps.switches.deleteReferencedCa = refuse ? "refused" : "allowed"),
    register: async (registrationId, leaf) => {
      try {
        await lab.mqtt(registrationId, leaf);
        return true;
      } catch {
        return false;
      }
    },
    stop: async () => {
      azure.close();
      await lab.stop();
    },
  };
}
