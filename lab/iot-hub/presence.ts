import { identityKey } from "./identity";

/** What the hub knows of a device's connection; lost when the lab stops. */
export interface Presence {
  connected: boolean;
  /** Milliseconds since the epoch; 0: never. */
  connectionStateChangedAt: number;
  lastActivityAt: number;
  queuedMessages: number;
}

const unknown: Presence = { connected: false, connectionStateChangedAt: 0, lastActivityAt: 0, queuedMessages: 0 };

export class Presences {
  private readonly known = new Map<string, Presence>();

  /** To read; of a device that never connected, all zero. */
  of(deviceId: string, moduleId?: string): Presence {
    return this.known.get(identityKey(deviceId, moduleId)) ?? unknown;
  }

  /** To change. */
  touch(deviceId: string, moduleId?: string): Presence {
    const key = identityKey(deviceId, moduleId);
    const presence = this.known.get(key) ?? { ...unknown };
    this.known.set(key, presence);
    return presence;
  }

  forget(deviceId: string, moduleId?: string): void {
    this.known.delete(identityKey(deviceId, moduleId));
  }
}
