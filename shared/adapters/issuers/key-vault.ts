import { pipelineOptions } from "../azure/pipeline-options";
import { callSdk, valueOrThrow } from "../azure/sdk-call";
import type { Transport } from "../azure/transport";

/** A signing key in Azure Key Vault. */
export interface VaultKey {
  /**
   * Signs a hash (`ES256` …: r and s side by side; `RS256`: PKCS #1 v1.5). Throws `RollError` when the vault does not answer,
   * refuses, or is busy.
   */
  sign(algorithm: "ES256" | "ES384" | "ES512" | "RS256", digest: Uint8Array): Promise<Uint8Array>;
}

/**
 * The key of this id (`https://<vault>.vault.azure.net/keys/<name>/<version>`), reached as the app's identity, which needs
 * the role Key Vault Crypto User. Sends nothing yet. A signature is asked for again once: signing twice does no harm.
 */
export function connectVaultKey(
  keyId: string,
  transport: Pick<Transport, "agent" | "credential" | "timeoutMs">,
): VaultKey {
  let client: ReturnType<typeof connect> | undefined;
  return {
    async sign(algorithm, digest) {
      const answer = await callSdk(transport.timeoutMs, async () => {
        const key = await (client ??= connect(keyId, transport));
        return key.sign(algorithm, digest, { abortSignal: AbortSignal.timeout(transport.timeoutMs) });
      });
      return valueOrThrow("Key Vault", answer).result;
    },
  };
}

/** Loaded at the first call, as most starts of the app sign nothing. */
async function connect(keyId: string, transport: Pick<Transport, "agent" | "credential">) {
  const { CryptographyClient } = await import("@azure/keyvault-keys");
  const { hostname } = new URL(keyId);
  return new CryptographyClient(keyId, transport.credential(hostname), {
    ...pipelineOptions(transport.agent(hostname)),
  });
}
