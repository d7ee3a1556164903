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

/**
 * For services on this machine: they are not Azure, and no Entra tenant must be asked about them. `tokens` are by audience;
 * where there is none the service gets a word it may refuse.
 */
export function loopbackIdentity(tokens: ReadonlyMap<string, string>): TokenCredential {
  return {
    getToken(scopes) {
      const scope = typeof scopes === "string" ? scopes : (scopes[0] ?? "");
      const token = tokens.get(scope.replace(/\/\.default$/, "")) ?? "loopback";
      return Promise.resolve({ token, expiresOnTimestamp: Number.MAX_SAFE_INTEGER });
    },
  };
}
