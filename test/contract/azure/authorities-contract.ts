import type { Faults } from "../../../lab/faults/faults";
import { createRoot, issueLeaf } from "../../../lab/pki/certificates";
import { AuthorityName, Etag } from "../../../shared/domain/ids";
import { RollError } from "../../../shared/domain/roll-error";
import type { Authority } from "../../../shared/ports/authorities";
import type { DpsStage } from "../../support/dps-stages";

/** What every implementation of `Authorities` promises. */
export function describeAuthorities(name: string, start: () => Promise<DpsStage>): void {
  describe(`authorities: ${name}`, () => {
    let stage: DpsStage;
    let count = 0;
    // A DPS holds 25: each test begins with none.
    beforeEach(async () => {
      stage = await start();
    });
    afterEach(() => stage.stop());
    const fault = (...rule: Parameters<Faults["add"]>): void => void stage.faults.add(...rule);
    function root() {
      count += 1;
      return { root: createRoot({ commonName: `Root ${count}` }), name: AuthorityName.parse(`Root_${count}.a`) };
    }
    async function created() {
      const one = root();
      const made = await stage.authorities.create(one.name, one.root.certificatePem);
      if (made.outcome !== "created") throw new Error(made.outcome);
      return { ...one, authority: made.authority };
    }
    async function read(authority: AuthorityName): Promise<Authority> {
      const reading = await stage.authorities.get(authority);
      if (reading.outcome === "missing") throw new Error(`${authority} is missing`);
      return reading.authority;
    }

    it("are created unverified, and show what the certificate says", async () => {
      const { root: ca, name: called, authority } = await created();
      expect(authority).toEqual({
        name: called,
        etag: expect.any(String) as string,
        isVerified: false,
        certificate: {
          sha256Thumbprint: ca.sha256Thumbprint,
          subject: `CN=Root ${count}`,
          issuer: `CN=Root ${count}`,
          notBefore: Math.floor(ca.notBefore.getTime() / 1000) * 1000,
          notAfter: Math.floor(ca.notAfter.getTime() / 1000) * 1000,
          pem: ca.certificatePem,
        },
      });
      expect(await read(called)).toEqual(authority);
      expect(await stage.authorities.list()).toEqual([authority]);
      expect(await stage.authorities.listVerified()).toEqual([]);
    });

    it("are found whatever the letter case, or missing", async () => {
      const { name: called } = await created();
      expect((await read(AuthorityName.parse(called.toUpperCase()))).name).toBe(called);
      expect(await stage.authorities.get(AuthorityName.parse("nobody"))).toEqual({ outcome: "missing" });
    });

    it("are never replaced by one that is to be created", async () => {
      const { name: called, authority } = await created();
      const other = root().root.certificatePem;
      expect(await stage.authorities.create(called, other)).toEqual({ outcome: "exists", authority });
      expect(await read(called)).toEqual(authority);
    });

    it("are not created from what is no certificate", async () => {
      expect(await stage.authorities.create(AuthorityName.parse("none"), "none")).toMatchObject({ outcome: "refused" });
      expect(await stage.authorities.list()).toEqual([]);
    });

    it("are verified by a certificate that is named like the code", async () => {
      const { root: ca, name: called, authority } = await created();
      const issued = await stage.authorities.verificationCode(called, authority.etag);
      if (issued.outcome !== "issued") throw new Error(issued.outcome);
      expect(issued.etag).not.toBe(authority.etag);
      const proof = issueLeaf({ commonName: issued.code, issuer: ca }).certificatePem;
      expect(await stage.authorities.verify(called, authority.etag, proof)).toEqual({ outcome: "precondition-failed" });
      const verified = await stage.authorities.verify(called, issued.etag, proof);
      expect(verified).toEqual({ outcome: "verified", authority: await read(called) });
      expect((await read(called)).isVerified).toBe(true);
      expect(await stage.authorities.listVerified()).toEqual([{ name: called, certificatePem: ca.certificatePem }]);
    });

    it.each([
      ["another name", (code: string) => ({ commonName: code.slice(1), own: true })],
      ["another key", (code: string) => ({ commonName: code, own: false })],
    ])("are not verified by a certificate with %s", async (_what, wrong) => {
      const { root: ca, name: called, authority } = await created();
      const issued = await stage.authorities.verificationCode(called, authority.etag);
      if (issued.outcome !== "issued") throw new Error(issued.outcome);
      const { commonName, own } = wrong(issued.code);
      const issuer = own ? ca : createRoot({ commonName: `Root ${count}` });
      const proof = issueLeaf({ commonName, issuer }).certificatePem;
      expect(await stage.authorities.verify(called, issued.etag, proof)).toMatchObject({ outcome: "refused" });
      expect((await read(called)).isVerified).toBe(false);
    });

    it("need a code first, and a certificate for proof", async () => {
      const { root: ca, name: called, authority } = await created();
      const proof = issueLeaf({ commonName: "guess", issuer: ca }).certificatePem;
      expect(await stage.authorities.verify(called, authority.etag, proof)).toMatchObject({ outcome: "refused" });
      expect(await stage.authorities.verify(called, authority.etag, "none")).toMatchObject({ outcome: "refused" });
    });

    it("are deleted in the version that was read", async () => {
      const { name: called, authority } = await created();
      await stage.authorities.verificationCode(called, authority.etag);
      expect(await stage.authorities.delete(called, authority.etag)).toEqual({ outcome: "precondition-failed" });
      const { etag } = await read(called);
      expect(await stage.authorities.delete(called, etag)).toEqual({ outcome: "deleted" });
      expect(await stage.authorities.get(called)).toEqual({ outcome: "missing" });
      expect(await stage.authorities.delete(called, etag)).toEqual({ outcome: "deleted" });
    });

    it("are missing for a code or a proof once they are gone", async () => {
      const { root: ca, name: called, authority } = await created();
      await stage.authorities.delete(called, authority.etag);
      expect(await stage.authorities.verificationCode(called, authority.etag)).toEqual({ outcome: "missing" });
      const proof = issueLeaf({ commonName: "x", issuer: ca }).certificatePem;
      expect(await stage.authorities.verify(called, authority.etag, proof)).toEqual({ outcome: "missing" });
    });

    it.each([
      [true, "refused"],
      [false, "deleted"],
    ] as const)("are let go or not while a group refers to them: Azure does not say (%s)", async (refuse, outcome) => {
      const { name: called, authority } = await created();
      stage.addGroup({ groupId: "fleet", caReferences: [called] });
      stage.keepReferenced(refuse);
      expect(await stage.authorities.delete(called, authority.etag)).toMatchObject({ outcome });
    });

    it("are no more than a DPS may hold", async () => {
      for (let index = 0; index < 25; index += 1) {
        const { root: ca, name: called } = root();
        stage.addAuthority(called, ca.certificatePem);
      }
      const { root: ca, name: called } = root();
      expect(await stage.authorities.create(called, ca.certificatePem)).toMatchObject({ outcome: "limit-reached" });
    });

    it("answer with what stands when the answer to their creation was lost", async () => {
      const { root: ca, name: called } = root();
      // The library tries a lost call once more by itself.
      fault({ operation: "dps.ca.put", effect: { kind: "reply-lost" }, times: 1 });
      const first = await stage.authorities.create(called, ca.certificatePem).catch((error: unknown) => error);
      const made = first instanceof RollError ? await stage.authorities.create(called, ca.certificatePem) : first;
      expect(made).toEqual({ outcome: "exists", authority: await read(called) });
    });

    it.each([
      ["throttled", 429, "service-throttled"],
      ["down", 503, "service-unavailable"],
      ["denying us", 401, "service-denied-us"],
    ] as const)("throw when the service is %s", async (_what, status, code) => {
      const { root: ca, name: called, authority } = await created();
      fault({ operation: "dps.ca.*", effect: { kind: "status", status, retryAfterSeconds: 0 } });
      const calls = [
        () => stage.authorities.list(),
        () => stage.authorities.get(called),
        () => stage.authorities.create(root().name, ca.certificatePem),
        () => stage.authorities.verificationCode(called, authority.etag),
        () => stage.authorities.verify(called, authority.etag, ca.certificatePem),
        () => stage.authorities.delete(called, Etag.parse("*")),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ name: "RollError", code });
    });
  });
}
