import type { ConnackCode } from "../mqtt/session";

/**
 * What Azure leaves undocumented, each with the guess that the lab starts from; a product must be safe under every
 * setting. May be changed while the hub runs.
 */
export interface HubSwitches {
  /** Disabling or deleting an identity cuts its live session (an engineer of Microsoft says so). Default: true. */
  dropSessionOnDisable: boolean;
  /** Milliseconds from the write to the cut; an identity that is enabled again by then keeps its session. Default: 50. */
  dropDelayMs: number;
  /** A live session survives the replacement of the thumbprint it came with. Default: true. */
  keepSessionOnThumbprintChange: boolean;
  /** Milliseconds for which a replaced thumbprint still opens new connections. Default: 0. */
  replacedThumbprintGraceMs: number;
  /** What an assignment by DPS does to a disabled identity. Default: `leave` it disabled. */
  disabledOnAssign: "leave" | "enable" | "refuse";
  /** Disabling a device also shuts out its modules. Default: false. */
  disableBlocksModules: boolean;
  /** An import job cuts live sessions as single writes do. Default: true. */
  importDropsSessions: boolean;
  /** The CONNACK of an unknown device, a disabled one, or a wrong certificate. Default: 5. */
  connackRefused: ConnackCode;
  /** `type` in `iothub-connection-auth-method` of devices with certificates. Default: `x509`. */
  x509AuthMethodType: string;
  /** 429 answers carry `Retry-After`. Default: false. */
  retryAfterOnThrottle: boolean;
  /** Assignments by DPS use up the registry throttle. Default: true. */
  assignCountsAsRegistryWrite: boolean;
  /** A live session ends when its certificate expires. Default: false (connections were seen to outlive it by hours). */
  dropSessionOnExpiry: boolean;
  /** Milliseconds by which query results lag behind writes. Default: 0. */
  queryLagMs: number;
  /** The first page of a query is empty and has a continuation; clients must go by the header. Default: false. */
  emptyQueryPages: boolean;
  /** Milliseconds between snapshots of connection states, which are what connection events report. Default: 0: each. */
  connectionEventSnapshotMs: number;
}

export const defaultHubSwitches: HubSwitches = {
  dropSessionOnDisable: true,
  dropDelayMs: 50,
  keepSessionOnThumbprintChange: true,
  replacedThumbprintGraceMs: 0,
  disabledOnAssign: "leave",
  disableBlocksModules: false,
  importDropsSessions: true,
  connackRefused: 5,
  x509AuthMethodType: "x509",
  retryAfterOnThrottle: false,
  assignCountsAsRegistryWrite: true,
  dropSessionOnExpiry: false,
  queryLagMs: 0,
  emptyQueryPages: false,
  connectionEventSnapshotMs: 0,
};
