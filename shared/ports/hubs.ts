import type { DeviceId, Etag, HubHostName } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { HubAuthentication, HubModules } from "./hub-modules";
import type { MethodJobs } from "./method-jobs";
import type { Page } from "./page";
import type { RegistryJobs } from "./registry-jobs";

/** Every hub linked to the DPS instance. */
export interface Hubs {
  readonly hostNames: readonly HubHostName[];
  hub(hostName: HubHostName): Hub;
}

/** One IoT Hub's service side. Throws `RollError` for outages; what the rules foresee is an outcome. */
export interface Hub {
  readonly hostName: HubHostName;
  readonly modules: HubModules;
  readonly methodJobs: MethodJobs;
  readonly registryJobs: RegistryJobs;
  /** A fresh read of what the hub accepts for this device (`GET /twins/{id}`: never a query, those lag). */
  readIdentity(deviceId: DeviceId): Promise<IdentityReading>;
  /**
   * Writes status and credentials of at most 100 identities, each guarded by its ETag. One outcome per device, also when
   * the service refuses the whole call; a device missing from the answer counts as written.
   */
  writeIdentities(writes: readonly IdentityWrite[]): Promise<ReadonlyMap<DeviceId, IdentityWriteOutcome>>;
  /**
   * A fresh read from the identity registry, which also knows the generation. Reads of the registry are scarce (100 a
   * minute and unit): where the generation does not matter, `readIdentity` is the one to use.
   */
  readRegistered(deviceId: DeviceId): Promise<RegisteredReading>;
  /** The registry's own list: at most 1,000 devices, in no order, without more to ask for. One registry read. */
  listRegistered(): Promise<readonly RegisteredDevice[]>;
  /** Creates at most 100 identities; none that exists is touched. One outcome per device. */
  createIdentities(creations: readonly IdentityCreation[]): Promise<ReadonlyMap<DeviceId, IdentityCreationOutcome>>;
  /**
   * Deletes at most 100 identities with twin and modules, each guarded by its ETag (a module's is not asked for). One
   * outcome per device; a device missing from the answer counts as deleted.
   */
  deleteIdentities(deletions: readonly IdentityDeletion[]): Promise<ReadonlyMap<DeviceId, IdentityDeletionOutcome>>;
  /**
   * All device identities as the query index shows them: up to 30 minutes late, so these are candidates, to be read again
   * before anything is decided. `cursor`: `next` of the page before; undefined begins.
   */
  queryIdentities(cursor: string | undefined): Promise<Page<HubIdentity>>;
  /** Calls a direct method once; never retried here, because a lost answer does not say whether the device acted. */
  invokeMethod(deviceId: DeviceId, methodName: string, payload: unknown): Promise<MethodOutcome>;
}

export type IdentityReading =
  { readonly outcome: "found"; readonly identity: HubIdentity } | { readonly outcome: "missing" };

export interface HubIdentity {
  readonly deviceId: DeviceId;
  /** The identity's (not the twin's) version. */
  readonly etag: Etag;
  readonly status: "enabled" | "disabled";
  readonly authentication: HubAuthentication;
  /** Upper-case hex, 64 digits (or 40 where an operator configured SHA-1); undefined where the slot is empty. */
  readonly primaryThumbprint: string | undefined;
  readonly secondaryThumbprint: string | undefined;
  readonly iotEdge: boolean;
}

export type RegisteredReading =
  { readonly outcome: "found"; readonly device: RegisteredDevice } | { readonly outcome: "missing" };

export interface RegisteredDevice extends HubIdentity {
  /** Changes when the id is deleted and created again. */
  readonly generationId: string;
  readonly statusReason: string | undefined;
}

export type IdentityCreation = Omit<IdentityWrite, "etag">;

export type IdentityCreationOutcome =
  | { readonly outcome: "created" }
  /** An identity of this id is there, ours or not. */
  | { readonly outcome: "exists" }
  | { readonly outcome: "failed"; readonly detail: string };

export interface IdentityDeletion {
  readonly deviceId: DeviceId;
  readonly etag: Etag;
}

export type IdentityDeletionOutcome =
  | { readonly outcome: "deleted" }
  | { readonly outcome: "missing" }
  | { readonly outcome: "precondition-failed" }
  | { readonly outcome: "failed"; readonly detail: string };

export interface IdentityWrite {
  readonly deviceId: DeviceId;
  readonly etag: Etag;
  readonly status: "enabled" | "disabled";
  /** At most 128 characters; undefined clears it. */
  readonly statusReason: string | undefined;
  /** Undefined leaves the slot empty; one of the two must be filled. */
  readonly primaryThumbprint: string | undefined;
  readonly secondaryThumbprint: string | undefined;
  /** As read: the registry may take what a write leaves out for its default. */
  readonly iotEdge: boolean;
}

export type IdentityWriteOutcome =
  | { readonly outcome: "written" }
  | { readonly outcome: "precondition-failed" }
  | { readonly outcome: "missing" }
  | { readonly outcome: "failed"; readonly detail: string };

export type MethodOutcome =
  | { readonly outcome: "answered"; readonly status: number; readonly payload: unknown }
  /** 404: not connected, or no handler, or unknown or disabled. */
  | { readonly outcome: "unreachable"; readonly detail: string }
  /** 504 or a broken connection: the device may or may not have acted. */
  | { readonly outcome: "no-answer"; readonly detail: string; readonly at: Instant };
