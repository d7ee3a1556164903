import { leafFacts } from "../../../lab/fleet/credential";
import type { DeviceCredential } from "../../../lab/fleet/credential";
import { HubUnauthorized } from "../../../lab/fleet/transport";
import type {
  DeviceMessage,
  DeviceTransport,
  HubRequest,
  HubSession,
  MethodAnswer,
  RegistrationOutcome,
} from "../../../lab/fleet/transport";

export const thumbprintOf = (credential: DeviceCredential): string => leafFacts(credential.chainPem).sha256Thumbprint;

interface Received extends DeviceMessage {
  readonly deviceId: string;
  /** Of the session that carried it. */
  readonly thumbprint: string;
}

/** DPS and one hub, reduced to what a device can tell: who is accepted, who is connected, what was sent. */
export class FakeAzure implements DeviceTransport {
  readonly acceptedByDps = new Set<string>();
  /** Device id → the thumbprint its identity holds. */
  readonly identities = new Map<string, string>();
  readonly registrations: { registrationId: string; thumbprint: string }[] = [];
  readonly messages: Received[] = [];
  /** Answers to give before the real ones. */
  readonly refusals: RegistrationOutcome[] = [];
  private readonly sessions = new Map<string, { request: HubRequest; end: (why: string) => void }>();
  private readonly watchers = new Set<() => void>();

  register(registrationId: string, credential: DeviceCredential): Promise<RegistrationOutcome> {
    const thumbprint = thumbprintOf(credential);
    this.registrations.push({ registrationId, thumbprint });
    this.changed();
    const scripted = this.refusals.shift();
    if (scripted !== undefined) return Promise.resolve(scripted);
    if (!this.acceptedByDps.has(thumbprint)) return Promise.resolve({ status: "refused", reason: "401 401002" });
    this.identities.set(registrationId, thumbprint);
    return Promise.resolve({ status: "assigned", hubHostName: "lab-hub.azure-devices.net", deviceId: registrationId });
  }

  openHub(request: HubRequest): Promise<HubSession> {
    const thumbprint = thumbprintOf(request.credential);
    if (this.identities.get(request.deviceId) !== thumbprint) return Promise.reject(new HubUnauthorized("CONNACK 5"));
    this.drop(request.deviceId);
    let open = true;
    let end: (why: string) => void = () => undefined;
    const closed = new Promise<string>((resolve) => {
      end = (why) => {
        open = false;
        if (this.sessions.get(request.deviceId)?.request === request) this.sessions.delete(request.deviceId);
        resolve(why);
      };
    });
    this.sessions.set(request.deviceId, { request, end });
    return Promise.resolve({
      get open() {
        return open;
      },
      closed,
      send: (message) => {
        if (!open) return Promise.reject(new Error("closed"));
        this.messages.push({ ...message, deviceId: request.deviceId, thumbprint });
        this.changed();
        return Promise.resolve();
      },
      close: () => end("closed by the device"),
    });
  }

  isConnected(deviceId: string): boolean {
    return this.sessions.has(deviceId);
  }

  drop(deviceId: string): void {
    this.sessions.get(deviceId)?.end("dropped by the hub");
  }

  /** Calls a direct method; the device must be connected. */
  async call(deviceId: string, name: string, payload: unknown): Promise<MethodAnswer> {
    const session = this.sessions.get(deviceId);
    if (session === undefined) throw new Error(`${deviceId} is not connected`);
    return session.request.onMethod(name, payload);
  }

  reports(): (Record<string, unknown> & { carriedBy: string })[] {
    return this.messages
      .filter((message) => message.properties["messageType"] === "rollReport")
      .map((message) => ({
        ...(JSON.parse(message.body ?? "") as Record<string, unknown>),
        carriedBy: message.thumbprint,
      }));
  }

  /** Resolves when it holds; looked at after everything a device does. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.watchers.delete(look);
        resolve();
      };
      this.watchers.add(look);
      look();
    });
  }

  private changed(): void {
    for (const watcher of [...this.watchers]) watcher();
  }
}
