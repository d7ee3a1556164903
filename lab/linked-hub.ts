/**
 * What DPS may do in a hub that is linked to it. In Azure it does this over the network with a key of its own; in the
 * lab the two services run in one process and the hub hands DPS this narrow door instead.
 */
export interface LinkedHub {
  /** The hub's full name, such as `lab-hub.azure-devices.net`: what registrations report as `assignedHub`. */
  readonly hostName: string;
  /** Whether an identity of this name exists (device ids are case-sensitive). */
  has(deviceId: string): boolean;
  /**
   * Creates the identity or rewrites its credential after an accepted registration: authentication `selfSigned`, BOTH
   * thumbprints = SHA-256 of the presented leaf (64 upper-case hex digits). An existing identity keeps its status.
   * Rejects when the hub refuses (a fault, or a switch says that disabled identities cannot be written).
   */
  assign(assignment: DeviceAssignment): Promise<void>;
  /** Removes the identity when DPS moves the device to another hub; answers its twin so that it can travel along. */
  remove(deviceId: string): Promise<TwinDocument | undefined>;
}

export interface DeviceAssignment {
  readonly deviceId: string;
  readonly sha256Thumbprint: string;
  readonly iotEdge: boolean;
  /** Applied when the identity is new, or when the enrollment's policy resets device data. */
  readonly twin?: TwinDocument;
  /** True: replace the twin by `twin` even if the identity exists. */
  readonly resetTwin: boolean;
}

export interface TwinDocument {
  readonly tags?: Record<string, unknown>;
  readonly properties?: { readonly desired?: Record<string, unknown>; readonly reported?: Record<string, unknown> };
}
