import type { LabClock } from "../clock";
import type { Backoff } from "./backoff";
import type { ModuleIdentity } from "./behaviours";
import type { Life } from "./duties";
import type { DeviceTransport, HubSession } from "./transport";
import { Waits } from "./waits";

export interface ModuleAgentOptions {
  readonly module: ModuleIdentity;
  readonly transport: DeviceTransport;
  readonly clock: LabClock;
  readonly backoff: Backoff;
  /** Milliseconds between two messages. */
  readonly everyMs: number;
  /** Where its device is assigned; undefined while it is nowhere, or switched off. */
  assignment(): { readonly hubHostName: string; readonly deviceId: string } | undefined;
}

/**
 * A module of a device: a session of its own with the device's hub, with its own key. It knows nothing of DPS and of
 * rolls, so that key is never rolled with the device's.
 */
export class ModuleAgent {
  private readonly waits: Waits;
  private session: HubSession | undefined;

  constructor(private readonly options: ModuleAgentOptions) {
    this.waits = new Waits(options.clock);
  }

  isConnected(): boolean {
    return this.session?.open === true;
  }

  /** Cuts its session and its pause; it looks at once whether it may go on. */
  interrupt(): void {
    this.session?.close();
    this.waits.interrupt();
  }

  async live(life: Life): Promise<void> {
    const { backoff } = this.options;
    while (!life.isOver()) {
      await this.serveHub(life).catch(() => undefined); // refused or cut: the next try is the answer to both
      if (!life.isOver()) await this.waits.pause(backoff.next());
    }
  }

  private async serveHub(life: Life): Promise<void> {
    const { module, transport, everyMs, backoff } = this.options;
    const assignment = this.options.assignment();
    if (assignment === undefined) return;
    const session = await transport.openHub({
      ...assignment,
      moduleId: module.moduleId,
      credential: module.credential,
      onMethod: () => ({ status: 404, payload: { error: "This module has no methods." } }),
    });
    this.session = session;
    const waits = new Waits(this.options.clock); // of this session, so that its end does not cut the backoff after it
    void session.closed.then(() => waits.interrupt());
    backoff.reset();
    try {
      while (session.open && !life.isOver() && this.options.assignment() !== undefined) {
        await session.send({ properties: { messageType: "moduleTelemetry" } });
        await waits.pause(everyMs);
      }
    } finally {
      session.close();
      this.session = undefined;
    }
  }
}
