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

/** Finds out which application sends a request, from what the directory has signed. */
export interface Callers {
  /** Undefined: nothing that the directory vouches for. */
  caller(credentials: Credentials): Promise<Caller | undefined>;
}

export interface Caller {
  /** The application's client id; undefined where a person's token names none. */
  readonly appId: string | undefined;
  /** App roles as the directory spells them. */
  readonly roles: readonly string[];
}
