import type { LabClock } from "../clock";
import type { MqttSession } from "../mqtt/session";
import type { ConnectionLog } from "./connection-log";
import { identityKey, type Identity } from "./identity";
import type { Presences } from "./presence";
import type { HubStore, RegistryChange } from "./store";
import type { HubSwitches } from "./switches";

/** A device or module that is connected now. */
export interface LiveSession {
  readonly deviceId: string;
  readonly moduleId?: string;
  /** Of the identity that it authenticated as: an id deleted and created again is another one. */
  readonly generationId: string;
  readonly authenticatedBy: "sas" | "x509";
  /** The SHA-256 of the certificate it came with. */
  readonly sha256Thumbprint?: string;
  readonly sha1Thumbprint?: string;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  readonly mqtt: MqttSession;
  /** True once it published or subscribed: only then Azure reports it as connected. */
  active: boolean;
  /** Topic filters subscribed so far; more than five are refused. */
  readonly answers: Map<string, (status: number, payload: Buffer) => void>;
  /** Called when the session is over. */
  readonly onEnd: Set<() => void>;
}

/** Who is connected, and what registry writes do to them. */
export class Sessions {
  private readonly live = new Map<string, LiveSession>();
  private readonly openedListeners = new Set<(session: LiveSession) => void>();
  private readonly activeListeners = new Set<(session: LiveSession) => void>();
  private readonly closedListeners = new Set<(session: LiveSession, why: string) => void>();
  private readonly subscribedListeners = new Set<(session: LiveSession, filters: readonly string[]) => void>();

  constructor(
    private readonly clock: LabClock,
    private readonly store: HubStore,
    private readonly presences: Presences,
    private readonly switches: HubSwitches,
    private readonly log: ConnectionLog,
  ) {
    store.onRegistryChange((change) => this.registryChanged(change));
  }

  get(deviceId: string, moduleId?: string): LiveSession | undefined {
    return this.live.get(identityKey(deviceId, moduleId));
  }

  all(): LiveSession[] {
    return [...this.live.values()];
  }

  deviceCount(): number {
    return new Set(this.all().map((session) => session.deviceId)).size;
  }

  /** Takes over a connection that was accepted; an older one of the same id is cut (error 400027 in Azure's logs). */
  open(session: LiveSession): void {
    const key = identityKey(session.deviceId, session.moduleId);
    const older = this.live.get(key);
    this.live.set(key, session);
    if (older) this.drop(older, "400027 ConnectionForcefullyClosedOnNewConnection");
    const presence = this.presences.touch(session.deviceId, session.moduleId);
    presence.connected = true;
    presence.connectionStateChangedAt = this.clock.now();
    for (const listener of this.openedListeners) listener(session);
  }

  /** The connection is gone; safe to call twice. */
  closed(session: LiveSession, why: string): void {
    const key = identityKey(session.deviceId, session.moduleId);
    for (const end of session.onEnd) end();
    session.onEnd.clear();
    if (this.live.get(key) === session) {
      this.live.delete(key);
      const presence = this.presences.touch(session.deviceId, session.moduleId);
      presence.connected = false;
      presence.connectionStateChangedAt = this.clock.now();
    }
    for (const listener of this.closedListeners) listener(session, why);
  }

  /** Cuts a connection at once and says so in the log. */
  drop(session: LiveSession, reason: string): void {
    if (!session.mqtt.open) return;
    this.log.add({
      at: this.clock.now(),
      deviceId: session.deviceId,
      ...(session.moduleId === undefined ? {} : { moduleId: session.moduleId }),
      ...(session.sha256Thumbprint === undefined ? {} : { sha256Thumbprint: session.sha256Thumbprint }),
      ...(session.sha1Thumbprint === undefined ? {} : { sha1Thumbprint: session.sha1Thumbprint }),
      outcome: "dropped",
      reason,
    });
    session.mqtt.end();
  }

  /** The device published or subscribed. */
  activity(session: LiveSession): void {
    this.presences.touch(session.deviceId, session.moduleId).lastActivityAt = this.clock.now();
    if (session.active) return;
    session.active = true;
    for (const listener of this.activeListeners) listener(session);
  }

  subscribed(session: LiveSession, filters: readonly string[]): void {
    for (const listener of this.subscribedListeners) listener(session, filters);
  }

  onOpened(listener: (session: LiveSession) => void): void {
    this.openedListeners.add(listener);
  }

  onActive(listener: (session: LiveSession) => void): void {
    this.activeListeners.add(listener);
  }

  onClosed(listener: (session: LiveSession, why: string) => void): void {
    this.closedListeners.add(listener);
  }

  /** Calls `listener` after each SUBSCRIBE until the result is called. */
  onSubscribed(listener: (session: LiveSession, filters: readonly string[]) => void): () => void {
    this.subscribedListeners.add(listener);
    return () => this.subscribedListeners.delete(listener);
  }

  private registryChanged({ kind, before, after, origin }: RegistryChange): void {
    if (origin === "import" && !this.switches.importDropsSessions) return;
    const identity = (after ?? before)?.identity;
    if (!identity || kind === "created") return;
    for (const session of this.affected(identity)) {
      const lost = this.lostItsRight(session);
      if (lost !== undefined) this.dropLater(session);
      else if (!this.switches.keepSessionOnThumbprintChange && this.thumbprintGone(session)) {
        this.drop(session, "The thumbprint of the identity was replaced.");
      }
    }
  }

  private affected(identity: Identity): LiveSession[] {
    const own = this.get(identity.deviceId, identity.moduleId);
    const modules =
      identity.moduleId === undefined
        ? this.store.modulesOf(identity.deviceId).map((record) => this.get(identity.deviceId, record.identity.moduleId))
        : [];
    return [own, ...modules].filter((session) => session !== undefined);
  }

  private dropLater(session: LiveSession): void {
    if (!this.switches.dropSessionOnDisable) return;
    const cut = () => {
      const reason = this.lostItsRight(session);
      if (reason !== undefined) this.drop(session, reason);
    };
    if (this.switches.dropDelayMs <= 0) {
      cut();
      return;
    }
    session.onEnd.add(this.clock.after(this.switches.dropDelayMs, cut));
  }

  /** Why the session's identity may not be connected any more; undefined: it may. */
  private lostItsRight(session: LiveSession): string | undefined {
    const record = this.store.find(session.deviceId, session.moduleId);
    if (!record || record.identity.generationId !== session.generationId) return "The identity was deleted.";
    if (session.moduleId === undefined && record.identity.status === "disabled") return "The device was disabled.";
    const device = this.store.device(session.deviceId);
    if (
      session.moduleId !== undefined &&
      this.switches.disableBlocksModules &&
      device?.identity.status === "disabled"
    ) {
      return "The module's device was disabled.";
    }
    return undefined;
  }

  private thumbprintGone(session: LiveSession): boolean {
    const record = this.store.find(session.deviceId, session.moduleId);
    if (session.sha256Thumbprint === undefined || !record) return false;
    const { type, primaryThumbprint, secondaryThumbprint } = record.identity.authentication;
    if (type === "certificateAuthority") return false;
    const accepted = [primaryThumbprint, secondaryThumbprint];
    return !accepted.includes(session.sha256Thumbprint) && !accepted.includes(session.sha1Thumbprint ?? "");
  }
}
