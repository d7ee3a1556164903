import type { AccessToken, TokenCredential } from "@azure/identity";

/**
 * The app's own Entra identity (`DefaultAzureCredential`). The library loads when the first token is asked for, because
 * it takes longer to load than the rest of the app together. Callers that ask for the same scope at the same time share
 * one request: the IoT SDKs cache a token only once they have it.
 */
export function appIdentity(): TokenCredential {
  let credential: Promise<TokenCredential> | undefined;
  const underWay = new Map<string, Promise<AccessToken | null>>();
  return {
    getToken(scopes, options) {
      const key = typeof scopes === "string" ? scopes : scopes.join(" ");
      const known = underWay.get(key);
      if (known !== undefined) return known;
      credential ??= import("@azure/identity").then(({ DefaultAzureCredential }) => new DefaultAzureCredential());
      const asked = credential.then((loaded) => loaded.getToken(scopes, options));
      underWay.set(key, asked);
      const forget = (): void => void underWay.delete(key);
      asked.then(forget, forget);
      return asked;
    },
  };
}

/** A token for services on this machine: they are not Azure, and no Entra tenant must be asked about them. */
export const loopbackIdentity: TokenCredential = {
  getToken: () => Promise.resolve({ token: "loopback", expiresOnTimestamp: Number.MAX_SAFE_INTEGER }),
};
