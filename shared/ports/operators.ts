import type { Principal } from "../domain/operator";

/** Finds out who sends a request, from what the directory has signed. */
export interface Operators {
  /** Undefined: nobody the directory vouches for; also for tokens that are over, forged or made for another app. */
  identify(credentials: Credentials): Promise<Principal | undefined>;
}

export interface Credentials {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The `x-ms-client-principal` header, which App Service sets itself and takes from nobody else. */
  readonly clientPrincipal: string | undefined;
}
