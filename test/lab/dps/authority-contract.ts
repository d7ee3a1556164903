import { issueLeaf } from "../../../lab/pki/certificates";
import { rejection } from "../../support/lab-dps";
import type { TargetInTests } from "../../support/lab-dps-contract";
import { deviceAuthorities } from "../../support/lab-dps-pki";

/** What every client of the control plane may rely on. */
export function authorityContract(target: TargetInTests): void {
  describe("CA certificates", () => {
    const put = (name: string, der: Buffer, isVerified?: boolean, ifMatch?: string) =>
      target().arm.dpsCertificate.createOrUpdate(
        target().resourceGroup,
        target().dpsName,
        name,
        { properties: { certificate: new Uint8Array(der), ...(isVerified === undefined ? {} : { isVerified }) } },
        ifMatch === undefined ? {} : { ifMatch },
      );

    test("become verified by a certificate that names the code and is signed with their key", async () => {
      const { arm, resourceGroup, dpsName } = target();
      const authority = deviceAuthorities("Proof").root;
      const name = target().id("proof");
      const made = await put(name, authority.der);
      expect(made.properties).toMatchObject({
        isVerified: false,
        subject: "CN=Proof Root",
        thumbprint: authority.sha1Thumbprint,
      });
      expect(made.properties?.expiry).toEqual(authority.notAfter);
      const generated = await arm.dpsCertificate.generateVerificationCode(
        name,
        made.etag ?? "",
        resourceGroup,
        dpsName,
      );
      const code = generated.properties?.verificationCode ?? "";
      const verify = (issuer: typeof authority, etag: string) =>
        arm.dpsCertificate.verifyCertificate(name, etag, resourceGroup, dpsName, {
          certificate: issueLeaf({ commonName: code, issuer }).certificatePem,
        });
      const forged = await rejection(verify(deviceAuthorities("Proof").root, generated.etag ?? ""));
      expect(forged["statusCode"]).toBe(400);
      const stale = await rejection(verify(authority, made.etag ?? ""));
      expect(stale["statusCode"]).toBe(412);
      const verified = await verify(authority, generated.etag ?? "");
      expect(verified.properties?.isVerified).toBe(true);
      const { value = [] } = await arm.dpsCertificate.list(resourceGroup, dpsName);
      expect(value.find((certificate) => certificate.name === name)?.properties?.isVerified).toBe(true);
    });

    test("are replaced and deleted only with their etag, and may be verified on upload", async () => {
      const { arm, resourceGroup, dpsName } = target();
      const [old, next] = [deviceAuthorities("Old").root, deviceAuthorities("New").root];
      const name = target().id("replace");
      const made = await put(name, old.der, true);
      expect(made.properties?.isVerified).toBe(true);
      expect((await rejection(put(name, next.der, true)))["statusCode"]).toBe(412);
      const replaced = await put(name, next.der, true, made.etag);
      expect(replaced.properties?.thumbprint).toBe(next.sha1Thumbprint);
      const stale = await rejection(arm.dpsCertificate.delete(resourceGroup, made.etag ?? "", dpsName, name));
      expect(stale["statusCode"]).toBe(412);
      await arm.dpsCertificate.delete(resourceGroup, replaced.etag ?? "", dpsName, name);
      const gone = await rejection(arm.dpsCertificate.get(name, resourceGroup, dpsName));
      expect(gone["statusCode"]).toBe(404);
    });

    test("the instance tells its id scope, hosts and linked hubs", async () => {
      const description = await target().arm.iotDpsResource.get(target().dpsName, target().resourceGroup);
      expect(description.properties).toMatchObject({
        idScope: target().idScope,
        deviceProvisioningHostName: "global.azure-devices-provisioning.net",
        state: "Active",
      });
      expect(description.properties.iotHubs?.length).toBeGreaterThan(0);
    });
  });
}
