import { issuerRefused } from "../../domain/certificate/issuance";
import { RollError } from "../../domain/roll-error";
import { parseCertificate, type ReadCertificate } from "../x509/certificate-facts";
import { toPem } from "../x509/pem";
import type { EstClient } from "./est-client";
import type { LeafSigner } from "./leaf-signer";

/**
 * Has leaves issued by an EST server. The device's request goes there as it is; what stands in the certificate is the
 * server's business, and judged when it comes back. The CAs between leaf and root are asked for once per process.
 */
export function estSigner(client: EstClient): LeafSigner {
  let authorities: Promise<readonly ReadCertificate[]> | undefined;
  const readAuthorities = (): Promise<readonly ReadCertificate[]> => {
    authorities ??= client.authorities().then(parsed);
    authorities.catch(() => (authorities = undefined));
    return authorities;
  };
  return {
    authorities: [],
    followsTemplate: false,
    warnings: [],
    async sign({ request }) {
      // Before the enrollment: an outage here must not cost a certificate.
      const above = await readAuthorities();
      const answer = await client.enroll(request.der);
      if (answer.outcome === "refused") return { outcome: "refused", refusal: issuerRefused(answer.detail) };
      if (answer.outcome === "pending") return answer;
      const certificates = parsed(answer.certificates);
      const leaf = certificates.find(({ facts }) => facts.publicKeySha256 === request.publicKeySha256);
      if (leaf === undefined)
        return {
          outcome: "refused",
          refusal: issuerRefused("the EST server sent no certificate over the device's key"),
        };
      const chain = [leaf, ...pathFrom(leaf, [...certificates, ...above])];
      return { outcome: "signed", chainPem: chain.map(({ x509 }) => toPem(x509.raw)).join("") };
    },
  };
}

function parsed(list: readonly Buffer[]): readonly ReadCertificate[] {
  return list.map((der) => {
    const certificate = parseCertificate(der);
    if (certificate !== undefined) return certificate;
    throw new RollError("service-answer-unreadable", "the EST server sent a certificate that cannot be parsed", false);
  });
}

/** The CAs above a leaf, without the root: what a device presents. */
function pathFrom(leaf: ReadCertificate, candidates: readonly ReadCertificate[]): readonly ReadCertificate[] {
  const path: ReadCertificate[] = [];
  for (let at = leaf; ;) {
    const issuer = candidates.find(
      (candidate) =>
        candidate.facts.isAuthority &&
        !candidate.namesItself &&
        candidate !== at &&
        !path.includes(candidate) &&
        at.x509.checkIssued(candidate.x509) &&
        at.x509.verify(candidate.x509.publicKey),
    );
    if (issuer === undefined) return path;
    path.push(issuer);
    at = issuer;
  }
}
