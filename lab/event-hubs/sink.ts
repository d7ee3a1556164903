import type { EventToAppend } from "./event";

export type { EventToAppend } from "./event";

export interface EventHubDefinition {
  readonly name: string;
  /** Default: 4. */
  readonly partitions?: number;
  /** Beside `$Default`. */
  readonly consumerGroups?: readonly string[];
}

/** What an IoT Hub needs of Event Hubs. */
export interface EventSink {
  /** Creates an event hub; one that exists gains the consumer groups it lacked and is otherwise left as it is. */
  define(definition: EventHubDefinition): void;
  /** Takes an event. Throws when there is no such event hub or partition. */
  append(hub: string, event: EventToAppend): void;
}
