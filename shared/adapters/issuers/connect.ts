import type { AuthoritySettings, EstSettings } from "../../config/certificate-variables";
import { SettingsError, type Settings } from "../../config/settings";
import { NO_ISSUER } from "../../domain/certificate/issuance";
import type { CertificateIssuer, PossessionProver } from "../../ports/issuers";
import { createTransport, type Transport } from "../azure/transport";
import type { AuthorityKey } from "./authority-key";
import { authoritySigner } from "./authority-signer";
import { connectEst } from "./est-client";
import { estSigner } from "./est-signer";
import { fileAuthority } from "./file-authority";
import { connectVaultKey } from "./key-vault";
import type { LeafSigner } from "./leaf-signer";
import { LedgeredIssuer, type LedgeredIssuerDeps } from "./ledgered-issuer";
import { createPossessionProver } from "./possession-prover";
import { vaultAuthority } from "./vault-authority";

type IssuerSettings = Pick<Settings, "issuer" | "authoritySigners" | "certificatePolicy" | "loopback"> & {
  readonly timing: Pick<Settings["timing"], "callTimeoutMs">;
};

/**
 * Makes the issuer and the prover that the settings name. Sends nothing yet; throws `SettingsError` where a certificate or
 * key cannot be used. Without an issuer every request is refused as `no-issuer`.
 */
export function connectIssuers(
  settings: IssuerSettings,
  deps: Omit<LedgeredIssuerDeps, "signer" | "policy">,
): { readonly issuer: CertificateIssuer; readonly prover: PossessionProver } {
  const { issuer, authoritySigners, certificatePolicy: policy, loopback } = settings;
  const transport = createTransport({ timeoutMs: settings.timing.callTimeoutMs, loopback });
  const signer = issuer && leafSigner(issuer, settings, transport);
  const keys = authoritySigners.map((given) => authorityKey("ROLLCALL_CA_SIGNERS", given, transport));
  return {
    issuer:
      signer === undefined
        ? { issue: () => Promise.resolve({ outcome: "refused", refusal: NO_ISSUER }) }
        : new LedgeredIssuer({ ...deps, signer, policy }),
    prover: createPossessionProver(keys, deps),
  };
}

function leafSigner(
  issuer: AuthoritySettings | EstSettings,
  { loopback, timing }: IssuerSettings,
  transport: Transport,
): LeafSigner {
  if (issuer.kind !== "est") return authoritySigner(authorityKey("ROLLCALL_ISSUER", issuer, transport));
  const port = loopback?.ports.get(new URL(issuer.url).hostname);
  return estSigner(connectEst(issuer, timing.callTimeoutMs, port));
}

function authorityKey(variable: string, given: AuthoritySettings, transport: Transport): AuthorityKey {
  try {
    return given.kind === "file-ca"
      ? fileAuthority({ certificates: given.certificatesPem, privateKey: given.privateKeyPem })
      : vaultAuthority(given.chainPem, connectVaultKey(given.keyId, transport));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SettingsError([`${variable}: a file of its ${given.kind} ${error.message}`]);
  }
}
