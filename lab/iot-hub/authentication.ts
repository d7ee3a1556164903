import { createHash, X509Certificate } from "node:crypto";
import type { MqttRemote } from "../mqtt/session";
import { parseSas, sasSigned } from "./authorization";
import type { HubCore } from "./core";
import type { Identity } from "./identity";

/** Who wants in, and with what. */
export interface Claim {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly remote: MqttRemote;
  /** MQTT password: a SAS token, if any. */
  readonly password?: Buffer;
}

export interface Thumbprints {
  readonly sha1: string;
  readonly sha256: string;
}

export type Verdict =
  | { readonly accepted: true; readonly identity: Identity; readonly by: "sas" | "x509"; readonly expiresAt?: number }
  | { readonly accepted: false; readonly reason: string };

export function thumbprintsOf(der: Buffer): Thumbprints {
  return {
    sha1: createHash("sha1").update(der).digest("hex").toUpperCase(),
    sha256: createHash("sha256").update(der).digest("hex").toUpperCase(),
  };
}

/**
 * Decides whether a device may connect (Microsoft docs: authenticate-authorize-x509). A `selfSigned` identity needs a
 * certificate with one of its thumbprints and inside its validity: no chain, no issuer, no revocation list. A
 * `certificateAuthority` identity needs a chain to an authority of the hub and the device id as common name.
 */
export function authenticate(core: HubCore, claim: Claim, presented: Thumbprints | undefined): Verdict {
  const record = core.store.find(claim.deviceId, claim.moduleId);
  if (!record) return refused(`IotHub '${core.hostName}' does not contain the specified device '${claim.deviceId}'`);
  const { identity } = record;
  const device = core.store.device(claim.deviceId)?.identity;
  const own = claim.moduleId === undefined;
  if (device?.status === "disabled" && (own || core.switches.disableBlocksModules)) {
    return refused(`The device '${claim.deviceId}' is disabled`);
  }
  switch (identity.authentication.type) {
    case "none":
      return refused("The identity has no authentication");
    case "sas":
      return bySas(core, claim, identity);
    case "selfSigned":
      return byThumbprint(core, claim, identity, presented);
    case "certificateAuthority":
      return byAuthority(core, claim, identity);
  }
}

function byThumbprint(core: HubCore, claim: Claim, identity: Identity, presented: Thumbprints | undefined): Verdict {
  const der = claim.remote.certificateDer;
  const { primaryThumbprint, secondaryThumbprint } = identity.authentication;
  if (!der || !presented) return refused("The device presented no certificate");
  const configured = [primaryThumbprint, secondaryThumbprint, ...core.replaced.stillAccepted(identity)];
  if (!configured.includes(presented.sha256) && !configured.includes(presented.sha1)) {
    return refused(
      `Thumbprint does not match configuration: Thumbprint: SHA1Hash=${presented.sha1}, SHA2Hash=${presented.sha256}; ` +
        `Configuration: PrimaryThumbprint=${primaryThumbprint ?? ""}, SecondaryThumbprint=${secondaryThumbprint ?? ""}`,
    );
  }
  return withinValidity(core, identity, new X509Certificate(der));
}

function byAuthority(core: HubCore, claim: Claim, identity: Identity): Verdict {
  const chain = claim.remote.chain.map((der) => new X509Certificate(der));
  const [leaf] = chain;
  if (!leaf) return refused("The device presented no certificate");
  const commonName = /^CN=(.*)$/m.exec(leaf.subject)?.[1];
  if (commonName !== claim.deviceId) return refused(`The certificate's common name is not '${claim.deviceId}'`);
  const authorities = core.store.authorities.map(({ der }) => new X509Certificate(der));
  for (const [index, certificate] of chain.entries()) {
    const anchored = authorities.some((authority) => issuedBy(certificate, authority));
    if (anchored) return withinValidity(core, identity, leaf);
    const issuer = chain[index + 1];
    if (!issuer || !issuedBy(certificate, issuer)) break;
  }
  return refused("The certificate's chain reaches no authority of this hub");
}

function bySas(core: HubCore, claim: Claim, identity: Identity): Verdict {
  const token = parseSas(claim.password?.toString("utf8") ?? "");
  if (!token) return refused("The device presented no token");
  const resource = [core.hostName, "devices", claim.deviceId, ...(claim.moduleId ? ["modules", claim.moduleId] : [])];
  const wanted = resource.join("/").toLowerCase();
  // a client that was pointed at loopback signs for the address it was given
  const asked = token.resource.toLowerCase().replace(/^(?:localhost|127\.0\.0\.1)(?::\d+)?(?=\/|$)/, core.hostName);
  const inScope = wanted === asked || wanted.startsWith(`${asked}/`);
  const keys =
    token.policy === undefined
      ? [identity.authentication.primaryKey, identity.authentication.secondaryKey]
      : core.policies.filter((p) => p.name === token.policy && p.rights.includes("DeviceConnect")).map((p) => p.key);
  const signed = keys.some((key) => key !== null && sasSigned(token, key, core.clock.now()));
  if (!inScope || !signed) return refused("The token is not valid for this device");
  return { accepted: true, identity, by: "sas", expiresAt: Number(token.expiry) * 1_000 };
}

function withinValidity(core: HubCore, identity: Identity, certificate: X509Certificate): Verdict {
  const now = core.clock.now();
  const expiresAt = Date.parse(certificate.validTo);
  if (now < Date.parse(certificate.validFrom)) return refused("The certificate is not yet valid");
  if (now > expiresAt) return refused("The certificate has expired");
  return { accepted: true, identity, by: "x509", expiresAt };
}

function issuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  if (certificate.fingerprint256 === issuer.fingerprint256) return true;
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function refused(reason: string): Verdict {
  return { accepted: false, reason };
}
