import { realClock, type LabClock } from "../clock";
import { Disturbance } from "./disturbance";
import { EventHubEntity } from "./entity";
import { encodableOf, partitionKeyOf, readEvent, type Encodable, type EventToAppend, type ReadEvent } from "./event";
import { defaultRetention, type Partition, type Retention } from "./partition";
import type { EventHubDefinition, EventSink } from "./sink";
import { defaultEventHubsSwitches, type EventHubsSwitches } from "./switches";

/** The event hubs of one namespace and what is in them. */
export class EventHubsStore implements EventSink {
  readonly switches: EventHubsSwitches;
  private readonly entities = new Map<string, EventHubEntity>();
  private readonly disturbance: Disturbance;

  constructor(
    private readonly clock: LabClock = realClock,
    private readonly retention: Retention = defaultRetention,
    switches: Partial<EventHubsSwitches> = {},
  ) {
    this.switches = { ...defaultEventHubsSwitches, ...switches };
    this.disturbance = new Disturbance(this.switches, clock);
  }

  define(definition: EventHubDefinition): EventHubEntity {
    const existing = this.entities.get(definition.name.toLowerCase());
    if (existing) {
      for (const group of definition.consumerGroups ?? []) existing.consumerGroups.add(group);
      return existing;
    }
    const entity = new EventHubEntity(
      definition.name,
      this.clock.now(),
      definition.partitions ?? 4,
      definition.consumerGroups ?? [],
      this.clock,
      this.retention,
    );
    this.entities.set(definition.name.toLowerCase(), entity);
    return entity;
  }

  /** Names of event hubs are compared without regard to case, as in Azure. */
  find(name: string): EventHubEntity | undefined {
    return this.entities.get(name.toLowerCase());
  }

  all(): EventHubEntity[] {
    return [...this.entities.values()];
  }

  append(hub: string, event: EventToAppend): void {
    const entity = this.find(hub);
    if (!entity) throw new Error(`There is no event hub '${hub}'.`);
    const partition =
      event.partitionId === undefined
        ? entity.partitionFor(event.partitionKey)
        : (entity.partition(event.partitionId) ??
          fail(`The event hub '${hub}' has no partition '${event.partitionId}'.`));
    this.write(partition, encodableOf(event));
  }

  /** What a producer sent; to one partition when it named one. */
  accept(entity: EventHubEntity, partition: Partition | undefined, events: readonly Encodable[]): void {
    // without a key a whole batch goes to one partition, as Azure does
    const shared = partition ?? entity.partitionFor(events[0] && partitionKeyOf(events[0]));
    for (const event of events) this.write(shared, event);
  }

  /** Every event that is kept, partition by partition, decoded. */
  read(hub: string): ReadEvent[] {
    const entity = this.find(hub);
    return (entity?.partitions ?? []).flatMap((partition) =>
      partition.all().map((event) => readEvent(partition.id, event)),
    );
  }

  private write(partition: Partition, event: Encodable): void {
    this.disturbance.pass(() => partition.append(event));
  }
}

function fail(message: string): never {
  throw new Error(message);
}
