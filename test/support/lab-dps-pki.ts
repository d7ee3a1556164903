import { createIntermediate, createRoot, issueServerCertificate } from "../../lab/pki/certificates";

/** The authority behind the lab's listeners, made once per test file. */
export const serverRoot = createRoot({ commonName: "Lab TLS Root" });

/** For every listener of the lab, under all its names. */
export const serverCertificate = issueServerCertificate({
  issuer: serverRoot,
  dnsNames: ["localhost", "*.azure-devices.net", "*.azure-devices-provisioning.net", "management.azure.com"],
  ipAddresses: ["127.0.0.1"],
});

/** A root with an intermediate below, as a device maker has them. */
export function deviceAuthorities(name: string) {
  const root = createRoot({ commonName: `${name} Root` });
  return { root, intermediate: createIntermediate({ commonName: `${name} Intermediate`, issuer: root }) };
}
