import type { Delivery, EventContext, Receiver, Sender } from "rhea";
import type { LabClock } from "../clock";
import type { FaultEffect, Faults } from "../faults/faults";
import { sleep } from "../clock";
import { tokenAccepted, type SharedAccessPolicy } from "./authorization";
import type { EventHubEntity } from "./entity";
import { refusals, type LinkRefusal } from "./errors";
import { eventsFromProducer } from "./event";
import type { Partition } from "./partition";
import { earliest, parsePosition, type StartPosition } from "./position";
import type { Readers } from "./readers";
import { describeEntity, describePartition, reply, requestOf, type ServiceRequest } from "./requests";
import type { EventHubsStore } from "./store";

export interface LinkDependencies {
  readonly store: EventHubsStore;
  readonly policy: SharedAccessPolicy;
  readonly clock: LabClock;
  readonly faults: Faults;
  readonly readers: Readers;
}

/** The links of one client connection: its token, its readers, its producers and its requests. */
export class ClientLinks {
  private tokenGiven = false;
  private readonly answers = new Map<string, Sender>();

  constructor(
    private readonly lab: LinkDependencies,
    private readonly maximumMessageBytes: number,
  ) {}

  /** The client wants to receive: events of a partition, or the answers of `$cbs` and `$management`. */
  consumerOpened({ sender }: EventContext): void {
    if (!sender) return;
    const address = addressOf(sender.source);
    sender.set_source(sender.source);
    sender.set_target({ address: addressOf(sender.target) });
    if (address === "$cbs" || address === "$management" || address.endsWith("/$management")) {
      this.answers.set(sender.name, sender);
      this.answers.set(addressOf(sender.target), sender);
      return;
    }
    const refusal = this.openReader(sender, address);
    if (refusal) sender.close(refusal);
  }

  /** The client wants to send: events, or requests. */
  producerOpened({ receiver }: EventContext): void {
    if (!receiver) return;
    const address = addressOf(receiver.target);
    receiver.set_source({ address: addressOf(receiver.source) });
    receiver.set_target({ address });
    if (address === "$cbs" || address.endsWith("$management")) return;
    const target = this.target(address);
    if ("condition" in target) receiver.close(target);
  }

  async received({ receiver, delivery, message }: EventContext): Promise<void> {
    if (!receiver || !delivery) return;
    const address = addressOf(receiver.target);
    try {
      if (address === "$cbs") this.putToken(requestOf(message), delivery);
      else if (address.endsWith("$management")) this.manage(requestOf(message), delivery);
      else await this.produce(receiver, delivery, address, message);
    } catch {
      delivery.reject(refusals.internal()); // a message that cannot be decoded must not take the service down
    }
  }

  private openReader(sender: Sender, address: string): LinkRefusal | undefined {
    const match = /^(.+)\/ConsumerGroups\/([^/]+)\/Partitions\/([^/]+)$/i.exec(address);
    const [, hub = "", group = "", partitionId = ""] = match ?? [];
    const entity = this.lab.store.find(hub);
    if (!match || !entity) return refusals.notFound(address);
    if (this.mayNot()) return refusals.unauthorized(address);
    const name = [...entity.consumerGroups].find((known) => known.toLowerCase() === group.toLowerCase());
    if (name === undefined) return refusals.notFound(address);
    const partition = entity.partition(partitionId);
    if (!partition) return refusals.badPartition(partitionId, entity.partitions.length);
    const fault = this.lab.faults
      .take("events.receive", `${entity.name}/${name}/${partitionId}`)
      .find((effect) => effect.kind === "status");
    if (fault) return refusalFor(fault);
    const position = positionOf(sender);
    if ("condition" in position) return position;
    return this.lab.readers.admit(sender, entity, partition, name, epochOf(sender), position);
  }

  private mayNot(): boolean {
    return this.lab.store.switches.requireToken && !this.tokenGiven;
  }

  private target(address: string): { entity: EventHubEntity; partition?: Partition } | LinkRefusal {
    const match = /^(.+?)(?:\/Partitions\/([^/]+))?$/i.exec(address);
    const entity = this.lab.store.find(match?.[1] ?? "");
    if (!entity) return refusals.notFound(address);
    if (this.mayNot()) return refusals.unauthorized(address);
    const partitionId = match?.[2];
    if (partitionId === undefined) return { entity };
    const partition = entity.partition(partitionId);
    return partition ? { entity, partition } : refusals.badPartition(partitionId, entity.partitions.length);
  }

  private putToken(request: ServiceRequest, delivery: Delivery): void {
    const { type } = request.properties;
    const token = typeof request.body === "string" ? request.body : "";
    const accepted = tokenAccepted(token, typeof type === "string" ? type : "", this.lab.policy, this.lab.clock.now());
    if (accepted) this.tokenGiven = true;
    delivery.accept();
    this.answer(
      request,
      accepted ? 202 : 401,
      accepted ? "Accepted" : "InvalidSignature: The token has an invalid signature.",
    );
  }

  private manage(request: ServiceRequest, delivery: Delivery): void {
    delivery.accept();
    const { name, type, partition, operation } = request.properties;
    const entity = this.lab.store.find(typeof name === "string" ? name : "");
    if (this.mayNot()) this.answer(request, 401, "Unauthorized");
    else if (operation !== "READ") this.answer(request, 400, "The operation is not supported.");
    else if (!entity) this.answer(request, 404, refusals.notFound(String(name)).description);
    else if (type === "com.microsoft:eventhub") this.answer(request, 200, "OK", describeEntity(entity));
    else {
      const id = typeof partition === "string" ? partition : "";
      const description = describePartition(entity, id);
      if (description !== undefined) this.answer(request, 200, "OK", description);
      else this.answer(request, 400, refusals.badPartition(id, entity.partitions.length).description);
    }
  }

  private answer(request: ServiceRequest, status: number, description: string, body?: unknown): void {
    const link = this.answers.get(request.replyTo);
    if (link?.is_open()) reply(link, request, status, description, body);
  }

  private async produce(receiver: Receiver, delivery: Delivery, address: string, message: unknown): Promise<void> {
    const target = this.target(address);
    if ("condition" in target) {
      delivery.reject(target);
      return;
    }
    if (Buffer.isBuffer(message) && message.length > this.maximumMessageBytes) {
      delivery.reject(refusals.tooLarge(message.length));
      return;
    }
    const effects = this.lab.faults.take("events.send", target.entity.name);
    for (const effect of effects) {
      if (effect.kind === "latency") await sleep(this.lab.clock, effect.ms);
      if (effect.kind === "hang") return;
      if (effect.kind === "status") {
        delivery.reject(refusalFor(effect));
        return;
      }
    }
    if (!effects.some((effect) => effect.kind === "acknowledged-not-done")) {
      this.lab.store.accept(target.entity, target.partition, eventsFromProducer(message));
      await this.lab.faults.done({ operation: "events.send", subject: target.entity.name, write: true });
    }
    if (effects.some((effect) => effect.kind === "reply-lost")) receiver.connection.close();
    else delivery.accept();
  }
}

function refusalFor(effect: FaultEffect): LinkRefusal {
  return effect.kind === "status" && (effect.status === 429 || effect.status === 503)
    ? refusals.busy()
    : refusals.internal();
}

function addressOf(terminus: unknown): string {
  const address = fieldOf(terminus, "address");
  return typeof address === "string" ? address : "";
}

function epochOf(sender: Sender): number | undefined {
  const epoch = fieldOf(sender.properties, "com.microsoft:epoch");
  return epoch === undefined || epoch === null ? undefined : Number(epoch);
}

function positionOf(sender: Sender): StartPosition | LinkRefusal {
  const filter = fieldOf(fieldOf(sender.source, "filter"), "apache.org:selector-filter:string");
  if (filter === undefined || filter === null) return earliest;
  const inner = fieldOf(filter, "value");
  const selector = String(typeof filter === "string" ? filter : inner);
  return parsePosition(selector) ?? refusals.badFilter(selector);
}

function fieldOf(value: unknown, field: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const entry: unknown = Reflect.get(value, field);
  return entry;
}
