import type { Faults } from "../../lab/faults/faults";
import { Etag, HubHostName, type DeviceId } from "../../shared/domain/ids";
import type { Clock } from "../../shared/ports/clock";
import type { Hub, HubIdentity, IdentityWrite, IdentityWriteOutcome, MethodOutcome } from "../../shared/ports/hubs";
import { underFaults } from "./fake-faults";

/** What a connected device answers to a direct method. */
export type MethodHandler = (
  methodName: string,
  payload: unknown,
) => { readonly status: number; readonly payload: unknown };

type Stored = HubIdentity & { readonly statusReason: string | undefined };

/** One IoT Hub's identities and connected devices in memory. */
export class FakeHub {
  readonly port: Hub;
  /** Every method that reached a device. */
  readonly methodCalls: { readonly deviceId: DeviceId; readonly methodName: string; readonly payload: unknown }[] = [];
  /** Called after each write of an identity, whoever wrote it. */
  onWrite: ((identity: HubIdentity) => void) | undefined;
  private readonly identities = new Map<DeviceId, Stored>();
  private readonly online = new Map<DeviceId, MethodHandler>();
  private version = 0;

  constructor(hostName: string, clock: Clock, faults: Faults) {
    this.port = {
      hostName: HubHostName.parse(hostName),
      readIdentity: (deviceId) =>
        underFaults(
          faults,
          { operation: "hub.twin.get", subject: deviceId, write: false },
          () => {
            const stored = this.identities.get(deviceId);
            if (stored === undefined) return { outcome: "missing" };
            const { statusReason: _, ...identity } = stored;
            return { outcome: "found", identity };
          },
          ({ status }) => (status === 404 ? { outcome: "missing" } : undefined),
        ),
      writeIdentities: (writes) => {
        if (writes.length === 0) return Promise.resolve(new Map());
        const all = (outcome: IdentityWriteOutcome): ReadonlyMap<DeviceId, IdentityWriteOutcome> =>
          new Map(writes.map(({ deviceId }) => [deviceId, outcome]));
        return underFaults(
          faults,
          { operation: "hub.registry.bulk", subject: writes.map(({ deviceId }) => deviceId).join(","), write: true },
          (commit) =>
            new Map(
              writes.map((write) => {
                const effects = faults.take("hub.registry.bulk.item", write.deviceId);
                const ignored = effects.some(({ kind }) => kind === "acknowledged-not-done");
                return [write.deviceId, this.write(write, commit && !ignored)];
              }),
            ),
          ({ status }) => (status === 400 ? all({ outcome: "failed", detail: "fault" }) : undefined),
        );
      },
      invokeMethod: (deviceId, methodName, payload): Promise<MethodOutcome> =>
        underFaults(
          faults,
          { operation: "hub.method.invoke", subject: deviceId, write: true },
          (commit): MethodOutcome => {
            const handler = this.online.get(deviceId);
            if (handler === undefined || this.identities.get(deviceId)?.status !== "enabled")
              return { outcome: "unreachable", detail: "404103 the device is not online" };
            if (!commit) return { outcome: "answered", status: 202, payload: null };
            this.methodCalls.push({ deviceId, methodName, payload });
            return { outcome: "answered", ...handler(methodName, payload) };
          },
          ({ status }): MethodOutcome | undefined => {
            if (status === 400 || status === 404 || status === 412) return { outcome: "unreachable", detail: "fault" };
            const unknown = status === undefined || status >= 500;
            return unknown ? { outcome: "no-answer", detail: "fault", at: clock.now() } : undefined;
          },
        ),
    };
  }

  add(o: {
    deviceId: DeviceId;
    primaryThumbprint: string;
    secondaryThumbprint?: string;
    status?: "enabled" | "disabled";
    authentication?: HubIdentity["authentication"];
    iotEdge?: boolean;
  }): void {
    this.store({
      deviceId: o.deviceId,
      status: o.status ?? "enabled",
      statusReason: undefined,
      authentication: o.authentication ?? "selfSigned",
      primaryThumbprint: o.primaryThumbprint,
      secondaryThumbprint: o.secondaryThumbprint,
      iotEdge: o.iotEdge ?? false,
    });
  }

  remove(deviceId: DeviceId): void {
    this.identities.delete(deviceId);
  }

  /** What DPS does after it accepted a registration: both slots, the status stays as it is. */
  assign(deviceId: DeviceId, thumbprint: string): void {
    const { status = "enabled", statusReason, iotEdge = false } = this.identities.get(deviceId) ?? {};
    const slots = { primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint };
    this.store({ deviceId, status, statusReason, authentication: "selfSigned", iotEdge, ...slots });
  }

  /** The device has a session and answers direct methods; undefined: it goes away. */
  connect(deviceId: DeviceId, handler: MethodHandler | undefined): void {
    if (handler === undefined) this.online.delete(deviceId);
    else this.online.set(deviceId, handler);
  }

  /** The identity as it stands, for tests to look at. */
  identity(deviceId: DeviceId): Stored | undefined {
    return this.identities.get(deviceId);
  }

  private write(write: IdentityWrite, commit: boolean): IdentityWriteOutcome {
    const stored = this.identities.get(write.deviceId);
    if (stored === undefined) return { outcome: "missing" };
    if (stored.etag !== write.etag) return { outcome: "precondition-failed" };
    const { etag: _, ...content } = write;
    if (commit) this.store({ ...content, authentication: "selfSigned" });
    return { outcome: "written" };
  }

  private store(identity: Omit<Stored, "etag">): void {
    this.version += 1;
    const stored = { ...identity, etag: Etag.parse(Buffer.from(String(this.version)).toString("base64")) };
    this.identities.set(identity.deviceId, stored);
    this.onWrite?.(stored);
  }
}
