import type { DeviceCredential } from "./credential";

/** How a device talks to DPS and to its hub; the agent does not know which MQTT client does it. */
export interface DeviceTransport {
  /** One registration, polled to its end. Never rejects: an unreachable service is one more way of being refused. */
  register(registrationId: string, credential: DeviceCredential): Promise<RegistrationOutcome>;
  /**
   * Opens a session with a hub, subscribed to direct methods before it resolves.
   * @throws HubUnauthorized when the hub refuses the credential (CONNACK 5)
   * @throws Error for everything else, which may go away by itself
   */
  openHub(request: HubRequest): Promise<HubSession>;
}

export type RegistrationOutcome =
  | { readonly status: "assigned"; readonly hubHostName: string; readonly deviceId: string }
  /** `reason` starts with a stable word (`disabled`, `failed`, `unassigned`, `unreachable`) or the status DPS gave. */
  | { readonly status: "refused"; readonly reason: string; readonly retryAfterMs?: number };

export interface HubRequest {
  readonly hubHostName: string;
  readonly deviceId: string;
  /** The session of a module of that device, with the module's credential. Default: the device's own session. */
  readonly moduleId?: string;
  readonly credential: DeviceCredential;
  /** Answers a direct method; it is called once per call of the service. */
  onMethod(name: string, payload: unknown): MethodAnswer | Promise<MethodAnswer>;
}

export interface MethodAnswer {
  readonly status: number;
  readonly payload?: unknown;
}

export interface HubSession {
  readonly open: boolean;
  /** Resolves, with what is known of the cause, once the session is over, whoever ended it. */
  readonly closed: Promise<string>;
  /** Resolves when the hub has acknowledged the message; rejects when the session ends before. */
  send(message: DeviceMessage): Promise<void>;
  close(): void;
}

export interface DeviceMessage {
  /** Application properties. */
  readonly properties: Readonly<Record<string, string>>;
  /** Default: an empty body. */
  readonly body?: string;
  readonly contentType?: "application/json";
}

/** The hub does not accept this credential for this device: time to ask DPS again. */
export class HubUnauthorized extends Error {
  override readonly name = "HubUnauthorized";
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
