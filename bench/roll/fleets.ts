import { setImmediate as breathe } from "node:timers/promises";
import { keyOf } from "../../lab/dps/entries";
import { crew, enroll, groupBySigningCertificate } from "../../lab/scenarios/cast";
import { breached, expiring, order } from "../../lab/scenarios/stories/orders";
import type { Ask, Player, World } from "../../lab/scenarios/story";

export const playbooks = ["individual-breach", "individual-expiry", "group-breach", "group-expiry"] as const;
export type Playbook = (typeof playbooks)[number];

/** A fleet that is enrolled and not started yet. */
export interface BenchFleet {
  readonly players: readonly Player[];
  /** Uploads what the order names, and answers the order; the fleet is connected by then. */
  readonly ask: (upload: (blob: string, text: string) => Promise<void>) => Promise<Ask>;
}

const GROUP = "bench-fleet";
/** An order names so many devices itself. */
const NAMED_AT_MOST = 1_000;
/** Certificates made in one go; then whoever waits for the process gets its turn. */
const CREW = 200;

/** Devices for a playbook; each holds the key and the leaf that it is to end with. */
export async function enlist(playbook: Playbook, devices: number, world: World): Promise<BenchFleet> {
  const { services, intermediate, nextIntermediate } = world;
  if (playbook === "individual-breach" || playbook === "individual-expiry") {
    const { issuer } = services;
    const players = await crews(devices, { issuer, nextIssuer: issuer });
    enroll(world, players);
    const line = playbook === "individual-breach" ? (player: Player) => breached(player) : expiring;
    return {
      players,
      ask: async (upload) => order(playbook, await listOf(players.map(line), upload)),
    };
  }
  services.dps.store.addVerifiedCa(world.root.certificatePem, "bench-root");
  groupBySigningCertificate(world, GROUP, intermediate);
  const behaviour = playbook === "group-expiry" ? { behaviour: { managesOwnLeaf: true } } : {};
  const players = await crews(devices, { issuer: intermediate, nextIssuer: nextIntermediate, ...behaviour });
  const group = { kind: "group", groupId: GROUP, authority: "intermediate" };
  const successor = { chainPem: nextIntermediate.chainPem };
  if (playbook === "group-expiry")
    return {
      players,
      ask: () => Promise.resolve(order(playbook, { ...group, successor }, { replacement: { kind: "device-managed" } })),
    };
  const compromised = { slots: ["primary"], certificatePems: [intermediate.certificatePem] };
  return {
    players,
    ask: () =>
      Promise.resolve(
        order(playbook, { ...group, compromised, successor }, { compromisedSince: lastArrival(world, players) }),
      ),
  };
}

async function crews(
  devices: number,
  options: Omit<Parameters<typeof crew>[0], "name" | "size">,
): Promise<readonly Player[]> {
  const players: Player[] = [];
  for (let part = 0; players.length < devices; part += 1) {
    const size = Math.min(CREW, devices - players.length);
    players.push(...crew({ ...options, name: `pump-${String(part).padStart(3, "0")}`, size }));
    await breathe();
  }
  return players;
}

async function listOf(
  devices: readonly object[],
  upload: (blob: string, text: string) => Promise<void>,
): Promise<object> {
  if (devices.length <= NAMED_AT_MOST) return { kind: "devices", devices };
  const blob = "lists/bench.ndjson";
  await upload(blob, devices.map((device) => `${JSON.stringify(device)}\n`).join(""));
  return { kind: "list", blob };
}

/** Whoever registered later would be a stranger. */
function lastArrival({ services }: World, players: readonly Player[]): string {
  const { registrations } = services.dps.store;
  const arrivals = players.map(({ registrationId }) => registrations.get(keyOf(registrationId))?.createdAt ?? 0);
  return new Date(arrivals.reduce((latest, at) => Math.max(latest, at), 0) + 1).toISOString();
}
