import { z } from "zod";
import { readHostName, variable } from "./variables";

/** An event hub: by a connection string, or by its namespace as the app's own identity. */
export interface StreamAccess {
  readonly address:
    | { readonly kind: "connection-string"; readonly connectionString: string }
    | { readonly kind: "identity"; readonly namespace: string };
  readonly eventHub: string;
  readonly consumerGroup: string;
}

/** What triggers are bound to by name, as far as the app asks for it itself. */
export const streamVariables = {
  ROLLCALL_ALERTS_HUB: z.string().optional(),
  ROLLCALL_CONNECTION_LOGS_HUB: z.string().optional(),
  ROLLCALL_HEARTBEATS: z.string().optional(),
  ROLLCALL_HEARTBEATS__fullyQualifiedNamespace: variable(
    "give the namespace's host name, such as contoso.servicebus.windows.net",
    readHostName,
  ).optional(),
  ROLLCALL_HEARTBEATS_HUB: z.string().optional(),
  ROLLCALL_CATCH_UP_GROUP: z.string().optional(),
};

interface StreamValues {
  readonly ROLLCALL_HEARTBEATS?: string | undefined;
  readonly ROLLCALL_HEARTBEATS__fullyQualifiedNamespace?: string | undefined;
  readonly ROLLCALL_HEARTBEATS_HUB?: string | undefined;
  readonly ROLLCALL_CATCH_UP_GROUP?: string | undefined;
}

/**
 * The stream of the heartbeats' trigger, by a consumer group of its own: readers that share one with a trigger are sent
 * away. Undefined where none is named.
 */
export function catchUpStream({
  ROLLCALL_HEARTBEATS: connectionString,
  ROLLCALL_HEARTBEATS__fullyQualifiedNamespace: namespace,
  ROLLCALL_HEARTBEATS_HUB: eventHub,
  ROLLCALL_CATCH_UP_GROUP: consumerGroup,
}: StreamValues): StreamAccess | undefined {
  if (eventHub === undefined || consumerGroup === undefined) return undefined;
  if (connectionString !== undefined)
    return { address: { kind: "connection-string", connectionString }, eventHub, consumerGroup };
  return namespace === undefined ? undefined : { address: { kind: "identity", namespace }, eventHub, consumerGroup };
}
