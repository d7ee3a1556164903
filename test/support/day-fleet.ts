import { sign } from "node:crypto";
import { z } from "zod";
import type { HubEvent } from "../../lab/functions-host/triggers/event-source";
import type { LabCertificate } from "../../lab/pki/certificates";
import { signedText } from "../../shared/contract/device-messages";
import { factPartition } from "../../shared/domain/device-facts";
import { AttemptId, DeviceId, RollId } from "../../shared/domain/ids";
import type { DayStream } from "./day-stream";
import type { FakeAzure } from "./fake-azure";

/** A device of the day: what it holds, and what it has said last. */
export interface DayDevice {
  readonly id: string;
  /** The leaf that it uses. */
  leaf: LabCertificate;
  /** One whose key it holds as well: a standby, or what a roll is to bring. */
  readonly fresh?: LabCertificate;
  /** It falls silent then, in milliseconds since the epoch. */
  readonly silentFrom?: number;
  heardAt?: number;
  /** Its first and its newest event, to be delivered again. */
  first?: HubEvent;
  last?: HubEvent | undefined;
}

const Command = z.object({
  rollId: RollId,
  attemptId: AttemptId.optional(),
  nonce: z.string().optional(),
  chainPem: z.string().optional(),
});
type Command = z.infer<typeof Command>;

/**
 * A fleet without sockets, of devices that keep the device contract: they send heartbeats, register anew when the hub refuses
 * them, and answer commands a moment later. Every message is put on the stream with what it is to become.
 */
export class DayFleet {
  private readonly devices = new Map<string, DayDevice>();
  private readonly answers: { readonly device: DayDevice; readonly command: Command }[] = [];
  private changes = 0;

  constructor(
    private readonly azure: FakeAzure,
    private readonly stream: DayStream,
    private readonly now: () => number,
  ) {}

  /** Registers the device, which DPS must know, and connects it. */
  add(device: DayDevice): void {
    if (!this.azure.register(device.id, device.leaf.chainPem)) throw new Error(`DPS refuses ${device.id}`);
    this.devices.set(device.id, device);
    this.connect(device);
  }

  all(): readonly DayDevice[] {
    return [...this.devices.values()];
  }

  partitionOf(id: string): string {
    return String(factPartition(DeviceId.parse(id)) % this.stream.partitions.length);
  }

  /** One heartbeat, if the hub still lets the device in, or again. */
  beat(device: DayDevice): void {
    if (this.now() >= (device.silentFrom ?? Infinity) || !(this.isLetIn(device) || this.comesBack(device))) return;
    const { sha256Thumbprint, notAfter } = device.leaf;
    const properties = {
      messageType: "heartbeat",
      certThumbprint: sha256Thumbprint,
      certNotAfter: notAfter.toISOString(),
    };
    this.say(device, properties, Buffer.alloc(0));
  }

  /** What devices were told since, they do now: register with the leaf they were given, and report. */
  async obey(): Promise<void> {
    for (const { device, command } of this.answers.splice(0)) {
      if (command.chainPem !== undefined || device.fresh === undefined) this.comesBack(device);
      if (this.isLetIn(device)) this.report(device, command);
    }
    await this.stream.deliver();
  }

  private isLetIn({ id, leaf }: DayDevice): boolean {
    const identity = this.azure.hub().identity(DeviceId.parse(id));
    return (
      identity?.status === "enabled" &&
      [identity.primaryThumbprint, identity.secondaryThumbprint].includes(leaf.sha256Thumbprint)
    );
  }

  /** Registers with the new leaf where it has one, else with the old one; true if the hub lets it in with that. */
  private comesBack(device: DayDevice): boolean {
    for (const leaf of [device.fresh, device.leaf]) {
      if (leaf === undefined || !this.azure.register(device.id, leaf.chainPem)) continue;
      device.leaf = leaf;
      if (!this.isLetIn(device)) return false;
      this.connect(device);
      return true;
    }
    return false;
  }

  /** It is online, and the hub tells so. */
  private connect(device: DayDevice): void {
    this.azure.hub().connect(DeviceId.parse(device.id), (_method, payload) => {
      const command = Command.parse(payload);
      if (command.attemptId !== undefined) this.answers.push({ device, command });
      return { status: 202, payload: {} };
    });
    this.changes += 1;
    const sequenceNumber = this.changes.toString(16).toUpperCase().padStart(64, "0");
    const operationTimestamp = new Date(this.now()).toISOString();
    this.stream.send(this.partitionOf(device.id), "applied", {
      body: Buffer.from(JSON.stringify({ sequenceNumber })),
      properties: { hubName: "ih-fleet-prod", deviceId: device.id, opType: "deviceConnected", operationTimestamp },
      systemProperties: { "iothub-message-source": "deviceConnectionStateEvents" },
    });
  }

  private report(device: DayDevice, { rollId, attemptId, nonce = "" }: Command): void {
    if (attemptId === undefined) return;
    const { chainPem, sha256Thumbprint, privateKeyPem } = device.leaf;
    const text = signedText({ rollId, attemptId, nonce }, device.id);
    const signature = sign("sha256", Buffer.from(text), privateKeyPem).toString("base64");
    const body = { rollId, attemptId, nonce, phase: "connected", chainPem, sha256Thumbprint, signature };
    this.say(device, { messageType: "rollReport" }, Buffer.from(JSON.stringify(body)));
  }

  private say(device: DayDevice, properties: Record<string, unknown>, body: Buffer): void {
    device.heardAt = this.now();
    const event = { body, properties, systemProperties: this.systemOf(device.id) };
    device.last = this.stream.send(this.partitionOf(device.id), "applied", event);
    device.first ??= device.last;
  }

  /** What IoT Hub says of a device's message. */
  systemOf(id: string): Record<string, unknown> {
    return {
      "iothub-connection-device-id": id,
      "iothub-connection-auth-method": '{"scope":"device","type":"x509Certificate","issuer":"external"}',
      "iothub-connection-auth-generation-id": this.azure.hub().identity(DeviceId.parse(id))?.generationId,
      "iothub-enqueuedtime": new Date(this.now()).toISOString(),
      "iothub-message-source": "Telemetry",
    };
  }
}
