import { X509Certificate } from "node:crypto";
import { createIntermediate, createRoot } from "../../../lab/pki/certificates";
import { authoritySigner } from "../../../shared/adapters/issuers/authority-signer";
import { fileAuthority } from "../../../shared/adapters/issuers/file-authority";
import type { LeafSigner } from "../../../shared/adapters/issuers/leaf-signer";
import { LedgeredIssuer } from "../../../shared/adapters/issuers/ledgered-issuer";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import { DEFAULT_POLICY } from "../../../shared/domain/certificate/policy";
import { DEFAULT_PROFILE } from "../../../shared/domain/certificate/profile";
import { RegistrationId } from "../../../shared/domain/ids";
import type { Instant } from "../../../shared/domain/instant";
import type { Chain } from "../../../shared/ports/certificates";
import type { Issuance, IssuanceStore, IssueOrder } from "../../../shared/ports/issuers";
import { rollId, t0 } from "../../support/builders";
import { MemoryIssuanceStore } from "../../support/memory-issuance";

const DAY = 86_400_000;
const validity = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 3_650 * DAY) };

export const root = createRoot({ commonName: "Issuing Root", ...validity });
export const intermediate = createIntermediate({
  commonName: "Issuing CA",
  issuer: root,
  notBefore: new Date(t0 - DAY),
  notAfter: new Date(t0 + 1_000 * DAY),
});
export const id = RegistrationId.parse("pump-1");

export const fileSigner = authoritySigner(
  fileAuthority({
    certificates: intermediate.certificatePem + root.certificatePem,
    privateKey: intermediate.privateKeyPem,
  }),
);

/** An issuer at `t0` over stores in memory. */
export function anIssuerOf(o: { signer?: LeafSigner; store?: IssuanceStore; now?: Instant } = {}) {
  const store = o.store ?? new MemoryIssuanceStore();
  const issuer = new LedgeredIssuer({
    signer: o.signer ?? fileSigner,
    store,
    certificates: nodeCertificateReader,
    policy: DEFAULT_POLICY,
    clock: { now: () => o.now ?? t0 },
    entropy: nodeEntropy,
  });
  return { issuer, store };
}

export const orderOf = (csrPem: string, changes: Partial<IssueOrder> = {}): IssueOrder => ({
  rollId,
  registrationId: id,
  csrPem,
  profile: DEFAULT_PROFILE,
  ...changes,
});

export function chainOf(issuance: Issuance): Chain & { readonly x509: X509Certificate } {
  if (issuance.outcome !== "issued") throw new Error(JSON.stringify(issuance));
  const reading = nodeCertificateReader.readChain(issuance.chainPem);
  if (reading.outcome !== "read") throw new Error(JSON.stringify(reading));
  return Object.assign(reading.chain, { x509: new X509Certificate(issuance.chainPem) });
}
