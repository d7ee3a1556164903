import { BlobServiceClient } from "@azure/storage-blob";
import { keyOf, type Slots } from "../../lab/dps/entries";
import type { HubRecord } from "../../lab/iot-hub/store";
import type { LabServices } from "../../lab/scenarios/lab-services";
import { play, type Played } from "../../lab/scenarios/play";
import { setStage, type Stage } from "../../lab/scenarios/stage";
import type { Cast, Player, Story, World } from "../../lab/scenarios/story";

/** A story of the tests' own, and what must stand in DPS and the hub when it has ended. */
export interface Combination {
  readonly story: Story;
  /** What else the roll needs, before it is asked for. */
  readonly prepare?: (cast: Cast, world: World) => Promise<void>;
  /** What is looked at in the end. */
  readonly look: (world: World, cast: Cast, played: Played) => unknown;
  /** What it must equal. */
  readonly expected: unknown;
}

const timeoutMs = 300_000;
/** The machine may have other things to do. */
const patience = { patienceMs: 240_000, afterwardsMs: 500 };

/**
 * Plays all of them on one stage, `atATime` at the same time, a test each: every claim of a story must hold, and then its
 * end. Needs `dist/`. `STORY=name` plays only that one.
 */
export function allComeTrue(combinations: readonly Combination[], atATime = 6): void {
  const asked = process.env["STORY"];
  const chosen = combinations.filter(({ story }) => asked === undefined || asked === story.name);
  if (chosen.length === 0) {
    test.todo(`${asked ?? "nothing"} (is none of these)`);
    return;
  }
  let stage: Stage | undefined;
  const runs = new Map<string, Promise<void>>();
  beforeAll(async () => {
    const set = await setStage({ stories: chosen.map(({ story }) => story), guards: "on" });
    stage = set;
    const lanes = Array.from({ length: atATime }, () => Promise.resolve());
    for (const [at, combination] of chosen.entries()) {
      const run = (lanes[at % atATime] ?? Promise.resolve()).then(() => comeTrue(combination, set));
      lanes[at % atATime] = run.catch(() => undefined);
      runs.set(combination.story.name, run);
    }
  }, timeoutMs);
  afterAll(async () => {
    await Promise.allSettled(runs.values());
    await stage?.stop();
  }, timeoutMs);

  test.each(chosen)("$story.summary", ({ story: { name } }) => runs.get(name), timeoutMs);
}

async function comeTrue({ story, prepare, look, expected }: Combination, stage: Stage): Promise<void> {
  const world = { ...stage.hierarchyOf(story), services: stage.services };
  const cast = story.cast(world);
  await prepare?.(cast, world);
  const printed: string[] = [];
  let ok = false;
  let played: Played | undefined;
  try {
    const prepared = { ...story, cast: () => cast };
    const screen = { print: (line: string) => printed.push(line) };
    played = await play(prepared, { ...stage, hierarchyOf: () => world }, { screen, ...patience });
    const broken = played.claims.filter(({ holds }) => !holds).map(({ name, sentence }) => `${name}: ${sentence}`);
    expect({ broken, end: look(world, cast, played) }).toEqual({ broken: [], end: expected });
    ok = true;
  } finally {
    if (!ok) console.log([story.name, ...printed, JSON.stringify(played?.roll)].join("\n"));
    tidyUp(stage.services, story);
  }
}

/** DPS holds few CA certificates; those of a story that is over would be in the way of the others. */
function tidyUp({ dps: { store } }: LabServices, { name }: Story): void {
  for (const group of [...store.groups.values()]) if (group.id.startsWith(name)) store.deleteEntry(group);
  for (const ca of store.cas.list()) if (ca.name.startsWith(name)) store.cas.delete(ca.name);
}

/** What a slot holds, in words. */
export type Held = "old" | "new" | "other" | "-";

export interface HeldSlots {
  readonly primary: Held;
  readonly secondary: Held;
}

/** What the slots of each device's enrollment hold. */
export function enrollmentsOf({ services }: World, { rolled }: Cast): HeldSlots[] {
  return rolled.map(({ registrationId, active, alsoOld = [] }) => {
    const entry = services.dps.store.enrollments.get(keyOf(registrationId));
    const attestation = entry?.attestation.type === "x509" ? entry.attestation.clientCertificates : null;
    const old = [active, ...alsoOld].map(({ sha256Thumbprint }) => sha256Thumbprint);
    return inWords(attestation, ({ sha256Thumbprint }) => (old.includes(sha256Thumbprint) ? "old" : "new"));
  });
}

/** What the slots of a group hold; `words`: by name and by thumbprint. */
export function groupOf({ services }: World, groupId: string, words: ReadonlyMap<string, Held>): HeldSlots {
  const attestation = services.dps.store.groups.get(keyOf(groupId))?.attestation;
  if (attestation?.type !== "x509") return { primary: "-", secondary: "-" };
  const { caReferences, signingCertificates } = attestation;
  return caReferences === null
    ? inWords(signingCertificates, ({ sha256Thumbprint }) => words.get(sha256Thumbprint) ?? "other")
    : inWords(caReferences, (name) => words.get(name) ?? "other");
}

function inWords<T>(slots: Slots<T> | null, word: (held: T) => Held): HeldSlots {
  const said = (held: T | null | undefined): Held => (held === null || held === undefined ? "-" : word(held));
  return { primary: said(slots?.primary), secondary: said(slots?.secondary) };
}

/** What the identities of the devices in the first hub hold. */
export function identitiesOf({ services }: World, { rolled }: Cast): (HeldSlots & { readonly status: string })[] {
  return rolled.map(({ deviceId, next }) => {
    const identity = services.hub.store.device(deviceId)?.identity;
    if (identity === undefined) return { primary: "-", secondary: "-", status: "missing" };
    const { primaryThumbprint: primary, secondaryThumbprint: secondary } = identity.authentication;
    const held = inWords({ primary, secondary }, (it) => (it === next?.sha256Thumbprint ? "new" : "other"));
    return { ...held, status: identity.status };
  });
}

/**
 * How the device's identity is written from now on by anybody but DPS: `deleted`, or the status and what both slots hold.
 * The answer grows.
 */
export function registryWrites({ services }: World, { deviceId, next }: Player): readonly string[] {
  const found: string[] = [];
  const isNew = (record: HubRecord | undefined): boolean => {
    const held = record?.identity.authentication;
    return [held?.primaryThumbprint, held?.secondaryThumbprint].every((it) => it === next?.sha256Thumbprint);
  };
  services.hub.store.onRegistryChange(({ kind, before, after, origin }) => {
    const identity = (after ?? before)?.identity;
    if (origin === "dps" || identity?.deviceId !== deviceId) return;
    const leaf = !isNew(after) ? "no leaf" : isNew(before) ? "the leaf that DPS wrote" : "the new leaf";
    found.push(kind === "deleted" ? "deleted" : `${identity.status}, ${leaf}`);
  });
  return found;
}

/** Puts the next leaf of each into the container that the app looks into. */
export async function intoContainer({ rolled }: Cast, { services }: World): Promise<void> {
  const service = BlobServiceClient.fromConnectionString(services.azurite.connectionString);
  const container = service.getContainerClient("replacements");
  await container.createIfNotExists();
  for (const { registrationId, next } of rolled) {
    const text = next?.chainPem ?? "";
    await container.getBlockBlobClient(`${registrationId}.pem`).upload(text, text.length);
  }
}
