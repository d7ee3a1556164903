import { createHash } from "node:crypto";
import type { LabClock } from "../clock";
import { Partition, type Retention } from "./partition";

/** An event hub ("entity"): partitions and the consumer groups that may read them. */
export class EventHubEntity {
  readonly partitions: readonly Partition[];
  readonly consumerGroups: Set<string>;
  private nextInTurn = 0;

  constructor(
    readonly name: string,
    readonly createdAt: number,
    partitionCount: number,
    consumerGroups: Iterable<string>,
    clock: LabClock,
    retention: Retention,
  ) {
    this.partitions = Array.from(
      { length: partitionCount },
      (_unused, index) => new Partition(String(index), clock, retention),
    );
    this.consumerGroups = new Set(["$Default", ...consumerGroups]);
  }

  partition(id: string): Partition | undefined {
    return this.partitions.find((partition) => partition.id === id);
  }

  /**
   * The partition for a key. Azure does not publish its hash, only that a key always meets the same partition: so does
   * this. No key: the partitions in turn.
   */
  partitionFor(key: string | undefined): Partition {
    const index =
      key === undefined
        ? this.nextInTurn++ % this.partitions.length
        : createHash("sha1").update(key).digest().readUInt32BE(0) % this.partitions.length;
    const partition = this.partitions[index];
    if (!partition) throw new Error(`The event hub ${this.name} has no partitions.`);
    return partition;
  }
}
