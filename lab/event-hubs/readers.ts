import type { Sender } from "rhea";
import type { EventHubEntity } from "./entity";
import { refusals, type LinkRefusal } from "./errors";
import type { Partition } from "./partition";
import type { StartPosition } from "./position";

/** One consumer on one partition. */
interface Reader {
  readonly sender: Sender;
  /** Owner level; undefined: it shares the partition. */
  readonly epoch: number | undefined;
  stop(): void;
}

/** Microsoft docs, event-hubs-quotas: five readers that do not claim ownership per partition and consumer group. */
const sharedReadersPerPartition = 5;

/** Who reads which partition in which consumer group, and who must give way. */
export class Readers {
  private readonly byPartition = new Map<string, Set<Reader>>();

  /**
   * Lets a consumer in, or says why not. A reader with an owner level disconnects every reader of a lower or equal
   * level; readers without one are refused while one with a level is there (event-hubs-features, "epoch").
   */
  admit(
    sender: Sender,
    entity: EventHubEntity,
    partition: Partition,
    group: string,
    epoch: number | undefined,
    position: StartPosition,
  ): LinkRefusal | undefined {
    const key = `${entity.name}/${group}/${partition.id}`;
    const present = this.byPartition.get(key) ?? new Set<Reader>();
    this.byPartition.set(key, present);
    const highest = Math.max(-1, ...[...present].map((reader) => reader.epoch ?? -1));
    if (highest >= 0 && (epoch ?? -1) < highest) {
      return refusals.epochTooLow(group, partition.id, epoch, highest);
    }
    if (epoch === undefined) {
      if (present.size >= sharedReadersPerPartition) return refusals.tooManyReaders(group, partition.id);
    } else {
      for (const reader of present) {
        reader.stop();
        reader.sender.close(refusals.stolen(group, partition.id, epoch));
      }
    }
    const reader = follow(sender, epoch, partition, position, () => present.delete(reader));
    present.add(reader);
    return undefined;
  }
}

/** Sends what is in the partition and then what comes, as far as the consumer's credit goes. */
function follow(
  sender: Sender,
  epoch: number | undefined,
  partition: Partition,
  position: StartPosition,
  gone: () => void,
): Reader {
  let next = partition.start(position);
  let scheduled = false;
  let stopped = false;
  const pump = () => {
    scheduled = false;
    while (!stopped && sender.is_open() && sender.sendable()) {
      const event = partition.at(next);
      if (!event) return;
      sender.send(event.encoded, undefined, 0);
      next = event.sequenceNumber + 1;
    }
  };
  // appends of one turn of the event loop leave in one go
  const pumpSoon = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(pump);
  };
  const unfollow = partition.follow(pumpSoon);
  const stop = () => {
    stopped = true;
    unfollow();
    gone();
  };
  sender.on("sendable", pump);
  sender.on("sender_draining", () => {
    pump();
    sender.set_drained(true);
  });
  for (const event of ["sender_close", "sender_error", "session_close", "session_error"]) sender.on(event, stop);
  sender.connection.on("connection_close", stop);
  sender.connection.on("disconnected", stop);
  return { sender, epoch, stop };
}
