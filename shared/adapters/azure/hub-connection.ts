import type { Client } from "azure-iothub/dist/client";
import type { JobClient } from "azure-iothub/dist/job_client";
import type { Registry } from "azure-iothub/dist/registry";
import type { HubHostName } from "../../domain/ids";
import type { Clock } from "../../ports/clock";

/** One hub's SDK clients. */
export interface HubConnection {
  readonly hostName: HubHostName;
  readonly registry: Registry;
  readonly methods: Client;
  readonly jobs: JobClient;
}

/** What the parts of a hub's adapter share. */
export interface HubContext extends HubConnection {
  /** How the hub is named in errors. */
  readonly service: string;
  readonly clock: Clock;
  /** Bounds each call. */
  readonly timeoutMs: number;
}
