import type { examineBatch } from "../contract/plan";
import type { HubHostName, ModuleId, RollId } from "../domain/ids";
import { canonicalJson } from "../domain/plan/canonical-json";
import { examine, preconditions, type SeenDevice, type SeenIdentity } from "../domain/plan/examined";
import type { Allowance } from "../domain/plan/pace";
import { hubLimit, type ResourceName } from "../domain/pacing/quotas";
import { withWarning, type DeviceRow } from "../domain/roll/device-row";
import { isBreach } from "../domain/roll/playbook";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { Entropy } from "../ports/clock";
import type { ModuleName } from "../ports/hub-modules";
import type { Hubs } from "../ports/hubs";
import type { BatchStore, FactStore, RollBlobs } from "../ports/stores";
import { admit, type PacerDeps } from "./pacer";
import { isUntouched, previewRows, type PreviewRowsDeps } from "./preview-rows";
import { documents } from "./roll-documents";
import { askSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface ExamineBatchDeps extends PacerDeps, PreviewRowsDeps {
  readonly clock: PacerDeps["clock"];
  readonly entropy: Entropy;
  readonly batches: BatchStore;
  readonly blobs: RollBlobs;
  readonly facts: FactStore;
  readonly hubs: Hubs;
  readonly quotas: Pick<Allowance, "hubs">;
}

/** What is to be asked about one device. */
interface Question {
  readonly row: DeviceRow;
  readonly target: RollTarget;
  readonly hubs: readonly HubHostName[];
  readonly modules: boolean;
  /** Its entry has to be read first. */
  readonly preview: boolean;
}

/** Calls to DPS for a device whose entry has not been read: the entry, and the last registration. */
const PREVIEW_OPERATIONS = 2;

/**
 * Reads what the plan has to say of a batch: the rows as planned so far, each identity, what the event stream knows, and in a
 * breach modules. Changes no row; a device that a hub does not answer for is listed as unread and holds up nobody.
 */
export function createExamineBatch(deps: ExamineBatchDeps): Step<typeof examineBatch> {
  const { batches, blobs, clock, entropy } = deps;
  return async ({ rollId, batch, ticket }) => {
    const known = await blobs.findDocument(rollId, documents.examined(batch));
    if (known !== undefined) return { examined: known.devices };

    const [request, { rows }, list] = await Promise.all([
      blobs.getRequest(rollId),
      batches.read(rollId, batch),
      blobs.getTargets(rollId, batch),
    ]);
    const targets = new Map(list.map((target) => [target.registrationId, target]));
    const questions = rows.flatMap((row) => {
      const target = targets.get(row.registrationId);
      return target === undefined ? [] : [question(deps, request, row, target)];
    });
    const breach = isBreach(request.playbook);
    const admission = await admit(deps, { resources: needs(questions), priority: "expiry" }, ticket);
    const admitted = admission.outcome === "go";
    // Beside a containment the plan takes what is left over, and waits for nothing.
    if (!admitted && (!breach || request.dryRun === true)) return { examined: 0, wait: admission.wait };

    const seen = await look(deps, rollId, request, admitted ? questions : questions.map(unasked));
    const presupposed = preconditions(batch, seen, breach);
    // The findings last: once they are there, what they stand on is too. Another run may have been first.
    await blobs.putDocument(rollId, documents.preconditions(batch), presupposed);
    const stands = await blobs.findDocument(rollId, documents.preconditions(batch));
    const sha256 = entropy.sha256(canonicalJson(stands));
    await blobs.putDocument(rollId, documents.examined(batch), examine(seen, { breach, now: clock.now() }, sha256));
    return { examined: seen.length };
  };
}

/** Whoever is contained was just read at every hub; expiry writes no identity, so that the device's own hub is enough. */
function question(
  { hubs: { hostNames }, quotas }: ExamineBatchDeps,
  { playbook, group }: RollRequest,
  row: DeviceRow,
  target: RollTarget,
): Question {
  const breach = isBreach(playbook);
  const out = row.skipped !== undefined || (!breach && row.refusal !== undefined);
  const readable = hostNames.filter((host) => offersTwins(quotas, host));
  const own = readable.filter((host) => host === row.assignedHub);
  const hubs = out || row.containedAt !== undefined ? [] : breach ? readable : own;
  const modules = breach && !out;
  return { row, target, hubs, modules, preview: breach && group === undefined && isUntouched(row) };
}

/** Nothing of it takes quota. */
function unasked(one: Question): Question {
  return { ...one, hubs: [], modules: false };
}

/** Basic tiers have no twins: what cannot be asked is not waited for. */
function offersTwins({ hubs }: Pick<Allowance, "hubs">, host: HubHostName): boolean {
  const sku = hubs.get(host);
  return sku !== undefined && hubLimit(sku, "twinReads") > 0;
}

function needs(questions: readonly Question[]): ReadonlyMap<ResourceName, number> {
  const units = new Map<ResourceName, number>();
  const add = (name: ResourceName, more = 1): void => void units.set(name, (units.get(name) ?? 0) + more);
  for (const { hubs, preview } of questions) {
    if (preview) add("dps/operations", PREVIEW_OPERATIONS);
    for (const host of hubs) add(`${host}/twinReads`);
  }
  const searched = questions.flatMap(({ row, hubs, modules }) => (modules ? hubsOf(row, hubs) : []));
  for (const host of new Set(searched)) add(`${host}/queries`);
  return units;
}

/** The hubs in which modules of the device are looked for. */
function hubsOf({ hubs: written }: DeviceRow, asked: readonly HubHostName[]): readonly HubHostName[] {
  const known = Object.entries(written).flatMap(([host, { absent }]) => (absent ? [] : [host as HubHostName]));
  return known.length > 0 ? known : asked;
}

async function look(
  deps: ExamineBatchDeps,
  rollId: RollId,
  request: RollRequest,
  questions: readonly Question[],
): Promise<SeenDevice[]> {
  const rows = await previewRows(deps, rollId, request, questions);
  const asked = questions.map((one, at) => ({ ...one, row: rows[at] ?? one.row }));
  const facts = await deps.facts.read(asked.flatMap(({ row }) => row.deviceId ?? []));
  const answers = await askSideBySide(asked, (one) => ask(deps, one));
  const read = asked.map(({ target, row, modules }, at): SeenDevice & { readonly searched: boolean } => {
    const answer = answers[at] ?? [];
    const heard = row.deviceId === undefined ? undefined : facts.get(row.deviceId);
    const seen = { target, facts: heard, modules: undefined };
    return answer instanceof RollError
      ? { ...seen, row: withWarning(row, "hub-unread"), identities: [], searched: false }
      : { ...seen, row, identities: answer, searched: modules && row.deviceId !== undefined };
  });
  const modules = await findModules(
    deps.hubs,
    read.filter(({ searched }) => searched),
  );
  return read.map(({ searched, ...one }) => (searched ? { ...one, modules: modules(one) } : one));
}

async function ask({ hubs }: ExamineBatchDeps, { row, hubs: asked }: Question): Promise<readonly SeenIdentity[]> {
  const deviceId = row.deviceId;
  if (deviceId === undefined) return [];
  const identities: SeenIdentity[] = [];
  for (const host of asked) {
    const reading = await hubs.hub(host).readIdentity(deviceId);
    const identity = reading.outcome === "found" ? reading.identity : undefined;
    identities.push({ hub: host, present: identity !== undefined, identity });
  }
  const contained = asked.length > 0 ? [] : hubsOf(row, []).map((hub) => ({ hub, present: true, identity: undefined }));
  return [...identities, ...contained];
}

/** One query per hub for all of the batch; undefined for a device of a hub that does not answer. */
async function findModules(
  hubs: Hubs,
  devices: readonly SeenDevice[],
): Promise<(device: SeenDevice) => readonly ModuleId[] | undefined> {
  const found = new Map<HubHostName, readonly ModuleName[] | RollError>();
  for (const host of new Set(devices.flatMap((device) => placesOf(device)))) {
    const here = devices.filter((device) => placesOf(device).includes(host));
    const ids = here.flatMap(({ row }) => row.deviceId ?? []);
    found.set(host, await orOutage(hubs.hub(host).modules.find(ids)));
  }
  return (device) => {
    const answers = placesOf(device).map((host) => found.get(host));
    if (answers.some((answer) => answer instanceof RollError)) return undefined;
    return answers
      .flatMap((answer) => (answer === undefined || answer instanceof RollError ? [] : answer))
      .flatMap(({ deviceId, moduleId }) => (deviceId === device.row.deviceId ? [moduleId] : []));
  };
}

function placesOf({ identities }: SeenDevice): HubHostName[] {
  return identities.flatMap(({ hub, present }) => (present ? [hub] : []));
}
