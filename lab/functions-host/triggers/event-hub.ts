import { numberOf, messageOf, textOf } from "../json";
import { type FunctionApp, FunctionTimeout, functionsOf, triggerOf, WorkerLost } from "../function-app";
import type { EventHubsJson } from "../host-json";
import type { Store } from "../engine/store";
import { HostRefused, resolveSettings, type Settings } from "../settings";
import type { NamedData, RegisteredFunction } from "../worker/protocol";
import { BindingFailed, type EventHubBinding, triggerData, triggerMetadata } from "./event-hub-binding";
import type { EventSource, HubEvent, Subscription } from "./event-source";
import { type RetryDelay, retrying } from "./retry-policy";

/** Makes the source of one trigger; the SDK's unless a test brings its own. */
export type OpenEventSource = (
  connection: string,
  hubName: string,
  consumerGroup: string,
) => EventSource | Promise<EventSource>;

export interface EventHubOptions {
  readonly app: FunctionApp;
  readonly store: Store;
  readonly settings: Settings;
  readonly limits: EventHubsJson;
  readonly open: OpenEventSource;
  readonly log: (level: string, text: string) => void;
  readonly extraInputs: (fn: RegisteredFunction) => readonly NamedData[];
  readonly wait: RetryDelay;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Feeds the functions with an Event Hubs trigger: per partition, in order, with checkpoints in the store. */
export class EventHubTriggers {
  private readonly listeners: Listener[];

  /** Throws HostRefused when a trigger names a setting that is not set. */
  constructor(options: EventHubOptions) {
    this.listeners = functionsOf(options.app, "eventHubTrigger").map((fn) => new Listener(fn, options));
  }

  async start(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.stop()));
  }

  describe(): { readonly name: string; readonly hub: string }[] {
    return this.listeners.map(({ name, hubName }) => ({ name, hub: hubName }));
  }
}

class Listener {
  readonly name: string;
  readonly hubName: string;
  private readonly connection: string;
  private readonly consumerGroup: string;
  private readonly binding: EventHubBinding;
  private readonly subscriptions: Subscription[] = [];
  private source: EventSource | undefined;
  private stopped = false;

  constructor(
    private readonly fn: RegisteredFunction,
    private readonly options: EventHubOptions,
  ) {
    this.name = fn.name;
    const option = (key: string): string => textOf(triggerOf(fn)?.binding[key]) ?? "";
    const where = `Function "${fn.name}"`;
    this.hubName = resolveSettings(option("eventHubName"), options.settings, `${where}: "eventHubName"`);
    const group = resolveSettings(option("consumerGroup"), options.settings, `${where}: "consumerGroup"`);
    this.consumerGroup = group === "" ? "$Default" : group;
    const setting = option("connection");
    const connection = options.settings[setting] ?? options.settings[`AzureWebJobs${setting}`];
    if (connection === undefined || connection === "") {
      throw new HostRefused(`${where}: the setting "${setting}" with the Event Hubs connection string is not set.`);
    }
    this.connection = connection;
    const cardinality = option("cardinality").toLowerCase() === "one" ? "one" : "many";
    this.binding = { cardinality, dataType: option("dataType").toLowerCase() };
  }

  async start(): Promise<void> {
    const source = await this.options.open(this.connection, this.hubName, this.consumerGroup);
    this.source = source;
    void this.subscribe(source);
  }

  private isStopped(): boolean {
    return this.stopped;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.subscriptions.map((subscription) => subscription.close().catch(() => undefined)));
    await this.source?.close().catch(() => undefined);
  }

  /** The hub may not be there yet: Azure's host tries for ever, too. */
  private async subscribe(source: EventSource): Promise<void> {
    while (!this.isStopped()) {
      try {
        const partitions = await source.partitions();
        for (const partition of partitions) this.read(source, partition);
        return;
      } catch (error) {
        if (this.isStopped()) return;
        this.options.log("warning", `Event Hubs trigger ${this.name}: ${messageOf(error)}; trying again.`);
        await this.options.wait(1_000).catch(() => undefined);
      }
    }
  }

  private read(source: EventSource, partition: string): void {
    const { limits, log, now } = this.options;
    let held: HubEvent[] = [];
    let heldSince = 0;
    let batches = 0;
    let unsaved: HubEvent | undefined;
    const handle = async (events: readonly HubEvent[]): Promise<void> => {
      if (held.length === 0) heldSince = now();
      held.push(...events);
      const late = events.length === 0 || now() - heldSince >= limits.maxWaitTimeMs;
      const enough = late || held.length >= limits.minEventBatchSize;
      if (this.isStopped() || held.length === 0 || !enough) return;
      const batch = held;
      held = [];
      const groups = this.binding.cardinality === "one" ? batch.map((event) => [event]) : [batch];
      for (const group of groups) await this.invoke(source, partition, group);
      if (this.isStopped()) return;
      batches += 1;
      unsaved = batch.at(-1);
      if (batches % limits.batchCheckpointFrequency !== 0 || unsaved === undefined) return;
      this.saveCheckpoint(source, partition, unsaved.sequenceNumber);
    };
    this.subscriptions.push(
      source.read(partition, this.checkpoint(source, partition), limits, handle, (error) => {
        if (!this.isStopped())
          log("warning", `Event Hubs trigger ${this.name}, partition ${partition}: ${error.message}`);
      }),
    );
  }

  /** Resolves when the batch is done with, well or not: without a retry policy a failed batch is lost, as in Azure. */
  private async invoke(source: EventSource, partition: string, events: readonly HubEvent[]): Promise<void> {
    const { app, extraInputs, log, wait } = this.options;
    while (!this.isStopped()) {
      try {
        const data = triggerData(this.binding, events);
        const origin = { hub: source.name, consumerGroup: source.consumerGroup, partition };
        const metadata = triggerMetadata(this.binding, origin, events);
        const answer = await retrying(this.fn.retryOptions, wait, (retryContext) =>
          app.invoke({
            functionName: this.name,
            inputs: [{ name: triggerOf(this.fn)?.name ?? "", data }, ...extraInputs(this.fn)],
            triggerMetadata: metadata,
            ...(retryContext === undefined ? {} : { retryContext }),
          }),
        );
        if (!answer.ok) log("error", `Event Hubs function ${this.name} failed; its batch is lost: ${answer.message}`);
        return;
      } catch (error) {
        if (this.isStopped()) return;
        if (error instanceof BindingFailed || error instanceof FunctionTimeout) {
          log("error", `Event Hubs function ${this.name}: ${error.message}`);
          return;
        }
        if (!(error instanceof WorkerLost)) log("error", `Event Hubs function ${this.name}: ${messageOf(error)}`);
        await wait(100).catch(() => undefined);
      }
    }
  }

  private checkpoint(source: EventSource, partition: string): number | undefined {
    return this.options.store.file.get(
      "SELECT sequence_number FROM checkpoints WHERE source = ? AND consumer_group = ? AND partition = ?",
      (row) => numberOf(row["sequence_number"]),
      ...[source.name, this.checkpointGroup(source), partition],
    );
  }

  private saveCheckpoint(source: EventSource, partition: string, sequenceNumber: number): void {
    this.options.store.commit("checkpoint", () =>
      this.options.store.file.run(
        "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)",
        ...[source.name, this.checkpointGroup(source), partition, sequenceNumber],
      ),
    );
  }

  /** Functions that share a consumer group must not share checkpoints, or one skips what the other has read. */
  private checkpointGroup(source: EventSource): string {
    return `${source.consumerGroup}/${this.name}`;
  }
}
