import type { z } from "zod";
import type { BlastRadiusQuery, BlastRadiusView } from "../../contract/inventory-api";
import { AuthorityName, Sha256Thumbprint } from "../../domain/ids";
import { BlastRadius, thumbprintsOfDevice, type BlastTarget } from "../../domain/inventory/blast-radius";
import { breachVariants, type BreachVariant } from "../../domain/inventory/ca-changes";
import type { CaGraph } from "../../domain/inventory/ca-graph";
import { implicitlyAnchored } from "../../domain/inventory/ca-reach";
import { isSelfIssued } from "../../domain/inventory/fleet-entries";
import type { DeviceRecord } from "../../domain/inventory/records";
import { graphOf } from "../../domain/inventory/trust";
import { isProblem, problem, type Problem } from "../../domain/outcome";
import type { InventoryStore } from "../../ports/inventory";
import { everyDevice, fromInventory, Window, type Asked } from "./ask-inventory";

type Question = z.output<typeof BlastRadiusQuery>;

/** What the certificate, CA or device of the question opens, by an inventory. */
export async function findBlastRadius(
  inventories: InventoryStore,
  asked: Asked,
  query: Question,
): Promise<BlastRadiusView | Problem> {
  const graph = graphOf(await inventories.getTrust(asked.summary.inventoryId));
  const devices = (): AsyncIterable<DeviceRecord> => everyDevice(inventories, asked.summary);
  const target = await targetOf(graph, devices, query);
  if (isProblem(target)) return target;

  const radius = new BlastRadius(graph, target);
  const struck = new Window<BlastRadiusView["struck"][number]>(asked);
  for await (const device of devices()) {
    const certainty = radius.add(device);
    if (certainty !== undefined) struck.push({ ...toView(device), certainty });
  }
  return {
    ...fromInventory(asked, struck.more),
    target: { kind: target.kind, id: query.ca ?? query.device ?? query.thumbprint?.toUpperCase() ?? "" },
    devices: radius.devices,
    hubs: [...radius.hubs].map(([hub, counts]) => ({ hub, ...counts })),
    groups: radius.groupsStruck(),
    ...aboutCa(graph, target),
    authorities: [...(radius.reach?.authorities ?? [])],
    struck: struck.items,
  };
}

async function targetOf(
  graph: CaGraph,
  devices: () => AsyncIterable<DeviceRecord>,
  query: Question,
): Promise<BlastTarget | Problem> {
  if (query.ca !== undefined) {
    const name = AuthorityName.safeParse(query.ca);
    const authority = name.success ? graph.named(name.data) : undefined;
    return authority === undefined
      ? problem(
          404,
          "unknown-authority",
          "DPS had no readable CA certificate of this name; give its thumbprint, or take a new inventory",
        )
      : { kind: "ca", sha256Thumbprint: authority.sha256Thumbprint };
  }
  if (query.thumbprint !== undefined) {
    const thumbprint = query.thumbprint.toUpperCase();
    const sha256 = Sha256Thumbprint.safeParse(thumbprint);
    return sha256.success && graph.authority(sha256.data) !== undefined
      ? { kind: "ca", sha256Thumbprint: sha256.data }
      : { kind: "leaf", thumbprint };
  }
  const key = query.device?.toLowerCase() ?? "";
  for await (const device of devices())
    if (device.key === key || device.registrationId === key)
      return { kind: "device", key: device.key, thumbprints: thumbprintsOfDevice(device) };
  return problem(404, "unknown-device", "the inventory has no device of this name; take a new one if it is new");
}

function aboutCa(graph: CaGraph, target: BlastTarget): Pick<BlastRadiusView, "implicitlyAnchored" | "remedies"> {
  const ca = target.kind === "ca" ? graph.authority(target.sha256Thumbprint) : undefined;
  if (ca === undefined) return { implicitlyAnchored: [], remedies: [] };
  return {
    implicitlyAnchored: [...implicitlyAnchored(graph, ca.sha256Thumbprint)],
    // A root is replaced, not walked around.
    remedies: isSelfIssued(ca) ? [] : breachVariants(graph, ca.sha256Thumbprint).map(toRemedy),
  };
}

function toRemedy(variant: BreachVariant): BlastRadiusView["remedies"][number] {
  const groupId = "groupId" in variant ? variant.groupId : undefined;
  const higher = "higher" in variant ? variant.higher : undefined;
  const missing = "missingIssuers" in variant ? variant.missingIssuers : [];
  return {
    variant: variant.variant,
    ...(groupId === undefined ? {} : { groupId }),
    ...(higher === undefined ? {} : { higher }),
    ...(missing.length === 0 ? {} : { missingIssuers: [...missing] }),
  };
}

function toView({ key, registrationId, groupId, identities }: DeviceRecord) {
  return {
    device: identities[0]?.deviceId ?? key,
    ...(registrationId === undefined ? {} : { registrationId }),
    ...(groupId === undefined ? {} : { groupId }),
    hubs: [...new Set(identities.map(({ hub }) => hub))],
  };
}
