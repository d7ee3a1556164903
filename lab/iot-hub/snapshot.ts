import { z } from "zod";
import type { HubStore } from "./store";
import type { Twin, TwinMetadata, TwinSection } from "./twin";

/** A hub's registry as JSON, so that a lab can be stopped and resumed. Connections and queued messages are not in it. */
export interface HubSnapshot {
  readonly version: 1;
  readonly records: readonly unknown[];
  readonly authorities: readonly { readonly name: string; readonly der: string }[];
}

const identity = z.object({
  deviceId: z.string(),
  moduleId: z.string().optional(),
  generationId: z.string(),
  version: z.number(),
  status: z.enum(["enabled", "disabled"]),
  statusReason: z.string().nullable(),
  statusUpdatedAt: z.number(),
  authentication: z.object({
    type: z.enum(["sas", "selfSigned", "certificateAuthority", "none"]),
    primaryThumbprint: z.string().nullable(),
    secondaryThumbprint: z.string().nullable(),
    primaryKey: z.string().nullable(),
    secondaryKey: z.string().nullable(),
  }),
  iotEdge: z.boolean(),
  managedBy: z.string().optional(),
});

const section = z.object({
  values: z.record(z.string(), z.json()),
  version: z.number(),
  metadata: z.looseObject({ $lastUpdated: z.string(), $lastUpdatedVersion: z.number().optional() }),
});

const snapshotSchema = z.object({
  version: z.literal(1),
  records: z.array(
    z.object({
      identity,
      twin: z.object({
        version: z.number(),
        etagNumber: z.number(),
        tags: z.record(z.string(), z.json()),
        desired: section,
        reported: section,
      }),
    }),
  ),
  authorities: z.array(z.object({ name: z.string(), der: z.base64() })),
});

export function takeSnapshot(store: HubStore): HubSnapshot {
  const records = [...store.allDevices()].flatMap((device) => [device, ...store.modulesOf(device.identity.deviceId)]);
  const authorities = store.authorities.map(({ name, der }) => ({ name, der: der.toString("base64") }));
  return { version: 1, records, authorities };
}

/** Fills an empty registry; throws, before it changes anything, when the snapshot is not one. */
export function restoreSnapshot(store: HubStore, snapshot: unknown): void {
  const { records, authorities } = snapshotSchema.parse(snapshot);
  for (const record of records) {
    const { moduleId, managedBy, ...rest } = record.identity;
    store.put({
      identity: {
        ...rest,
        ...(moduleId === undefined ? {} : { moduleId }),
        ...(managedBy === undefined ? {} : { managedBy }),
      },
      twin: restoredTwin(record.twin),
    });
  }
  for (const { name, der } of authorities) store.authorities.push({ name, der: Buffer.from(der, "base64") });
}

type SnapshotTwin = z.output<typeof snapshotSchema>["records"][number]["twin"];

function restoredTwin(twin: SnapshotTwin): Twin {
  const restored = ({ values, version, metadata }: SnapshotTwin["desired"]): TwinSection => ({
    values,
    version,
    metadata: metadata as TwinMetadata, // written by us a moment or a day ago; only read back by people
  });
  return { ...twin, desired: restored(twin.desired), reported: restored(twin.reported) };
}
