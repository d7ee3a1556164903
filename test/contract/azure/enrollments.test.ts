import { Faults } from "../../../lab/faults/faults";
import { labToken } from "../../../lab/dps/authorization";
import { connectAzure } from "../../../shared/adapters/azure/connect";
import { systemClock } from "../../../shared/adapters/x509/system-clock";
import { readConnectionString, readDpsResourceId } from "../../../shared/config/variables";
import { FakeAzure } from "../../support/fake-azure";
import { enrollmentOf, startTestDps } from "../../support/lab-dps";
import { serverRoot } from "../../support/lab-dps-pki";
import { describeEnrollments, type EnrollmentStage } from "./enrollments-contract";

describeEnrollments("in memory", () => {
  const azure = new FakeAzure();
  return Promise.resolve({
    enrollments: azure.enrollments,
    authorities: azure.authorities,
    faults: azure.faults,
    addEnrollment: (enrollment) => azure.addEnrollment(enrollment),
    removeEnrollment: (registrationId) => azure.dps.remove(registrationId),
    addAuthority: (name, pem) => azure.addAuthority(name, pem),
    register: (registrationId, leaf) => Promise.resolve(azure.register(registrationId, leaf.certificatePem)),
    stop: () => Promise.resolve(),
  });
});

describeEnrollments("the SDKs against the lab's DPS", startLab);

async function startLab(): Promise<EnrollmentStage> {
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
    enrollments: azure.enrollments,
    authorities: azure.authorities,
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
    addAuthority: (name, pem) => dps.store.addVerifiedCa(pem, name),
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
