import type { DeviceId, Etag, ModuleId } from "../domain/ids";

/** How a device or a module proves who it is. */
export type HubAuthentication = "selfSigned" | "certificateAuthority" | "sas" | "none";

/** The modules of a hub's devices: each has credentials of its own, which its device's containment leaves alone. */
export interface HubModules {
  /** At most 50. */
  list(deviceId: DeviceId): Promise<ModulesReading>;
  /** Guarded by the ETag that `module` was read with. */
  delete(module: HubModule): Promise<ModuleDeletion>;
}

export type ModulesReading =
  { readonly outcome: "found"; readonly modules: readonly HubModule[] } | { readonly outcome: "missing" };

export interface HubModule {
  readonly deviceId: DeviceId;
  readonly moduleId: ModuleId;
  readonly etag: Etag;
  readonly generationId: string;
  readonly authentication: HubAuthentication;
  /** Upper-case hex, 64 or 40 digits; undefined where the slot is empty. */
  readonly primaryThumbprint: string | undefined;
  readonly secondaryThumbprint: string | undefined;
  /** `IotEdge` for modules that an IoT Edge deployment brings back. */
  readonly managedBy: string | undefined;
}

export type ModuleDeletion =
  | { readonly outcome: "deleted" }
  /** It is gone, or its device is. */
  | { readonly outcome: "missing" }
  | { readonly outcome: "precondition-failed" }
  | { readonly outcome: "refused"; readonly detail: string };
