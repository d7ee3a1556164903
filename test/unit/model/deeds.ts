import { sign } from "node:crypto";
import type { LabCertificate } from "../../../lab/pki/certificates";
import { RollReport, signedText } from "../../../shared/contract/device-messages";
import { RegistrationId } from "../../../shared/domain/ids";
import type { LeafName } from "./fleet";
import { idOf } from "./truth";
import type { World } from "./world";

/** Something that happens in the world, and is not the app's doing. Plain data, so that a failure can be read. */
export type Deed =
  /** Somebody, the device or a thief, registers with this leaf; DPS decides at once, and writes the hub now or later. */
  | {
      readonly deed: "register";
      readonly device: number;
      readonly leaf: LeafName;
      readonly lands: "now" | "later";
      readonly hub: number;
    }
  /** The oldest registration in flight reaches its hub. */
  | { readonly deed: "land" }
  /** The device connects, over DPS where the hub does not let it in, and is heard. */
  | { readonly deed: "heal"; readonly device: number }
  /** The device does what the last command it got says. */
  | { readonly deed: "answer"; readonly device: number }
  /** Every device does both. */
  | { readonly deed: "obey" }
  /** A thief speaks over a session that the hub has not dropped. */
  | { readonly deed: "speak"; readonly device: number }
  | { readonly deed: "edit"; readonly device: number; readonly edit: string };

const Order = RollReport.pick({ rollId: true, attemptId: true, nonce: true });

/** Devices, thieves and people. */
export class Deeds {
  private readonly inFlight: { readonly device: string; readonly finish: () => void }[] = [];

  constructor(private readonly world: World) {
    for (const device of world.devices) this.connect(device);
    const { azure } = world.bed;
    for (const host of azure.hubs.hostNames)
      azure.hub(host).onWrite = ({ deviceId, status }) => {
        if (status === "disabled") azure.hub(host).connect(deviceId, undefined);
      };
  }

  async perform(deed: Deed): Promise<void> {
    const device = "device" in deed ? this.deviceAt(deed.device) : "";
    switch (deed.deed) {
      case "register":
        this.register(device, this.world.fleet.leaf(device, deed.leaf), deed.lands, deed.hub);
        break;
      case "land":
        this.land();
        break;
      case "heal":
        await this.heal(device);
        break;
      case "answer":
        await this.answer(device);
        break;
      case "obey":
        for (const each of this.world.devices) {
          await this.heal(each);
          await this.answer(each);
        }
        break;
      case "speak":
        await this.speak(device);
        break;
      case "edit":
        this.edit(device, deed.edit);
        break;
      default:
        deed satisfies never;
    }
    this.world.watch.look();
  }

  landAll(): void {
    while (this.inFlight.length > 0) this.land();
    this.world.watch.look();
  }

  private deviceAt(number: number): string {
    return this.world.devices[number % this.world.devices.length] ?? "";
  }

  private register(device: string, leaf: LabCertificate, lands: "now" | "later", hub = 0): void {
    const { azure } = this.world.bed;
    const host = azure.hubs.hostNames[hub % azure.hubs.hostNames.length];
    const { accepted, finish } = azure.startRegistration(device, leaf.chainPem, host);
    if (!accepted) return;
    this.inFlight.push({ device, finish });
    if (lands === "now") this.land(this.inFlight.length - 1);
  }

  private land(at = 0): void {
    const [landed] = this.inFlight.splice(at, 1);
    if (landed === undefined) return;
    landed.finish();
    this.world.truth.touch(landed.device, "registration");
  }

  /** Newest leaf first, as a device keeps them. */
  private ownLeaves(device: string): LabCertificate[] {
    const own = this.world.truth.ownOf(device);
    const kinds = ["wider", "breach", "expiry", "standby", "old"] as const;
    return kinds
      .map((kind) => this.world.fleet.leaf(device, kind))
      .filter(({ sha256Thumbprint }) => own.has(sha256Thumbprint));
  }

  /** The leaf by which a hub lets the device in now. */
  private connected(device: string): LabCertificate | undefined {
    const { truth } = this.world;
    return this.ownLeaves(device).find((leaf) => truth.opens(device, new Set([leaf.sha256Thumbprint])).length > 0);
  }

  private async heal(device: string): Promise<void> {
    const { bed, truth } = this.world;
    if (this.connected(device) === undefined) {
      const accepted = truth.accepted(device);
      const leaf = this.ownLeaves(device).find(({ sha256Thumbprint }) => accepted.has(sha256Thumbprint));
      if (leaf !== undefined) this.register(device, leaf, "now");
    }
    const leaf = this.connected(device);
    if (leaf === undefined) return;
    this.connect(device);
    const properties = { messageType: "heartbeat", certThumbprint: leaf.sha256Thumbprint };
    await bed.say(this.named(device), { properties });
  }

  private async answer(device: string): Promise<void> {
    const { bed } = this.world;
    const calls = bed.azure.hubs.hostNames.flatMap((host) => bed.azure.hub(host).methodCalls);
    const call = calls.filter(({ deviceId, methodName }) => deviceId === device && methodName !== "commit").at(-1);
    if (call === undefined) return;
    const asked = Order.parse(call.payload);
    if (call.methodName === "reprovision") {
      const accepted = this.world.truth.accepted(device);
      const leaf = this.ownLeaves(device).find(({ sha256Thumbprint }) => accepted.has(sha256Thumbprint));
      if (leaf !== undefined) this.register(device, leaf, "now");
    }
    const leaf = this.connected(device);
    if (leaf === undefined) return;
    this.connect(device);
    const signature = sign("sha256", Buffer.from(signedText(asked, idOf(device))), leaf.privateKeyPem);
    const { chainPem, sha256Thumbprint } = leaf;
    const report = {
      ...asked,
      phase: "connected",
      chainPem,
      sha256Thumbprint,
      signature: signature.toString("base64"),
    };
    await bed.say(this.named(device), { body: JSON.stringify(report), properties: { messageType: "rollReport" } });
  }

  private async speak(device: string): Promise<void> {
    const { bed, laws } = this.world;
    await bed.say(this.named(device), { properties: { messageType: "heartbeat" } });
    laws.spokeAt.set(device, bed.clock.now());
  }

  /** By hand; an alert is about what stood there before, so that nobody edits what its roll has yet to read. */
  private edit(device: string, what: string): void {
    if (this.world.isUnread(device)) return;
    for (const concerned of this.world.fleet.edit(what, device, this.world))
      this.world.truth.touch(concerned, "portal");
  }

  /** The device has a session where the hub lets it in, and loses it when its identity is disabled. */
  private connect(device: string): void {
    const { azure } = this.world.bed;
    for (const host of azure.hubs.hostNames) {
      const open = this.world.truth.opens(device, this.world.truth.ownOf(device)).includes(host);
      azure.hub(host).connect(idOf(device), open ? () => ({ status: 202, payload: {} }) : undefined);
    }
  }

  private named(device: string): Parameters<World["bed"]["say"]>[0] {
    const registrationId = RegistrationId.parse(device);
    const [old, fresh] = [this.world.fleet.leaf(device, "old"), this.world.fleet.leaf(device, "breach")];
    const target = { registrationId, compromisedSlots: [], replacement: { kind: "none" as const } };
    return { registrationId, deviceId: idOf(device), old, fresh, target };
  }
}
