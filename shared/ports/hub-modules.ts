import type { DeviceId, Etag, ModuleId, Sha256Thumbprint } from "../domain/ids";

/** How a device or a module proves who it is. */
export type HubAuthentication = "selfSigned" | "certificateAuthority" | "sas" | "none";

/** The modules of a hub's devices: each has credentials of its own, which its device's containment leaves alone. */
export interface HubModules {
  /**
   * The modules of at most 100 devices with credentials of their own, as the query index shows them: up to 30 minutes late, so
   * these are candidates. Takes no registry reads, but queries: one per some 7,500 characters of ids, and one more per 100 modules.
   */
  find(deviceIds: readonly DeviceId[]): Promise<readonly ModuleName[]>;
  /** A fresh read, one of the registry's scarce ones. At most 50. */
  list(deviceId: DeviceId): Promise<ModulesReading>;
  /** Guarded by the ETag that `module` was read with. */
  delete(module: HubModule): Promise<ModuleWrite>;
  /**
   * Gives it credentials that nobody holds: `thumbprints` where it proves itself by certificate, else new keys, which are made
   * at random and kept nowhere; whoever may read the hub's registry can hand them to the module. Guarded by the ETag that
   * `module` was read with.
   */
  rotate(module: HubModule, thumbprints: readonly [Sha256Thumbprint, Sha256Thumbprint]): Promise<ModuleWrite>;
}

export interface ModuleName {
  readonly deviceId: DeviceId;
  readonly moduleId: ModuleId;
}

export type ModulesReading =
  { readonly outcome: "found"; readonly modules: readonly HubModule[] } | { readonly outcome: "missing" };

export interface HubModule extends ModuleName {
  readonly etag: Etag;
  readonly generationId: string;
  readonly authentication: HubAuthentication;
  /** Upper-case hex, 64 or 40 digits; undefined where the slot is empty. */
  readonly primaryThumbprint: string | undefined;
  readonly secondaryThumbprint: string | undefined;
  /** `IotEdge` for modules that an IoT Edge deployment brings back. */
  readonly managedBy: string | undefined;
}

export type ModuleWrite =
  | { readonly outcome: "done" }
  /** It is gone, or its device is. */
  | { readonly outcome: "missing" }
  | { readonly outcome: "precondition-failed" }
  | { readonly outcome: "refused"; readonly detail: string };
