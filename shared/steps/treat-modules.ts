import type { treatModules } from "../contract/residual-access";
import type { DeviceId, HubHostName, RollId, Sha256Thumbprint } from "../domain/ids";
import type { ResourceName } from "../domain/pacing/quotas";
import type { JournalLine } from "../domain/roll/batch";
import { withWarning, type DeviceRow } from "../domain/roll/device-row";
import type { ModuleTreatment } from "../domain/roll/playbook";
import { RollError } from "../domain/roll-error";
import type { Entropy } from "../ports/clock";
import type { HubModule, ModuleName, ModuleWrite } from "../ports/hub-modules";
import type { Hubs } from "../ports/hubs";
import type { RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { sentinels } from "./identities";
import { admit, type PacerDeps } from "./pacer";
import { mapSideBySide, orOutage } from "./side-by-side";
import type { Step } from "./step";

export interface TreatModulesDeps extends BatchWorkDeps, PacerDeps {
  readonly entropy: Entropy;
  readonly blobs: RollBlobs;
  readonly hubs: Hubs;
}

/** How often a lost race is decided again within one run. */
const PASSES = 5;
const MOST_NAMED = 10;

type Cut = Exclude<ModuleTreatment, "report">;

/** A device's modules at one hub, as they stand. */
interface Place {
  readonly row: DeviceRow;
  readonly deviceId: DeviceId;
  readonly hub: HubHostName;
  /** Those whose credentials may still open something. */
  left: readonly ModuleName[];
  cut: number;
  /** The hub did not answer: nothing is said of the device. */
  unread: boolean;
}

/**
 * Looks for modules of devices that were cut off, and does with them what the request says. One query per hub finds whoever
 * has any, so that a fleet without modules costs a query per batch; only what is to be cut is read from the registry. It
 * takes what quota is left over: no containment waits for it.
 */
export function createTreatModules(deps: TreatModulesDeps): Step<typeof treatModules> {
  return async ({ rollId, batch, ticket }) => {
    const { modules: treatment = "report" } = await deps.blobs.getRequest(rollId);
    const work = await BatchWork.open(deps, "treat-modules", { rollId, batch });
    const places = work.rows.filter(isDue).flatMap((row) => placesOf(deps, row));
    const hubs = [...new Set(places.map(({ hub }) => hub))];
    // A ticket stands for whatever was waited for, the query or the writes.
    const query = await admitLow(deps, new Map(hubs.map((hub) => [`${hub}/queries`, 1])), ticket);
    if (query.outcome === "wait") return { open: due(work.rows), wait: query.wait };
    for (const hub of hubs)
      await find(
        deps,
        hub,
        places.filter((place) => place.hub === hub),
      );
    const outcome: JournalLine[] = [];
    if (treatment !== "report") {
      const writes = await admitLow(deps, registryUse(places), ticket);
      if (writes.outcome === "wait") return { open: due(work.rows), wait: writes.wait };
      await cutAll(deps, work, { rollId, treatment }, places, outcome);
    }
    for (const { registrationId } of work.rows.filter(isDue)) {
      const own = places.filter(({ row }) => row.registrationId === registrationId);
      if (!own.some(({ unread }) => unread)) work.set(noted(deps, work.row(registrationId), own));
    }
    await work.settle(outcome);
    return { open: due(work.rows) };
  };
}

/** Cut off by this roll and still its own. */
function isDue({ modules, skipped, containedAt, unconfirmed }: DeviceRow): boolean {
  const isCut = containedAt !== undefined || unconfirmed !== undefined;
  return modules === undefined && skipped === undefined && isCut;
}

function due(rows: readonly DeviceRow[]): number {
  return rows.filter(isDue).length;
}

function placesOf({ hubs }: TreatModulesDeps, row: DeviceRow): Place[] {
  const { deviceId } = row;
  if (deviceId === undefined) return [];
  return hubs.hostNames
    .filter((hub) => row.hubs[hub]?.absent !== true)
    .map((hub) => ({ row, deviceId, hub, left: [], cut: 0, unread: false }));
}

function admitLow(
  deps: PacerDeps,
  resources: ReadonlyMap<ResourceName, number>,
  ticket: Parameters<typeof admit>[2],
): ReturnType<typeof admit> {
  return admit(deps, { resources, priority: "expiry" }, ticket);
}

/** A list and a write each. */
function registryUse(places: readonly Place[]): ReadonlyMap<ResourceName, number> {
  const units = new Map<ResourceName, number>();
  for (const { hub, left } of places.filter((place) => place.left.length > 0))
    units.set(`${hub}/registry`, (units.get(`${hub}/registry`) ?? 0) + 1 + left.length);
  return units;
}

async function find({ hubs }: TreatModulesDeps, hub: HubHostName, places: readonly Place[]): Promise<void> {
  const found = await orOutage(hubs.hub(hub).modules.find(places.map(({ deviceId }) => deviceId)));
  for (const place of places)
    if (found instanceof RollError) place.unread = true;
    else place.left = found.filter(({ deviceId }) => deviceId === place.deviceId);
}

/** Reads, decides, journals, writes; a lost race is read and decided again. */
async function cutAll(
  deps: TreatModulesDeps,
  work: BatchWork,
  how: { readonly rollId: RollId; readonly treatment: Cut },
  places: readonly Place[],
  outcome: JournalLine[],
): Promise<void> {
  let todo = places.filter(({ left, unread }) => left.length > 0 && !unread);
  for (let pass = 1; pass <= PASSES && todo.length > 0; pass += 1) {
    const read = await mapSideBySide(todo, async (place) => {
      const standing = await modulesOf(deps, how, place);
      place.unread = standing instanceof RollError;
      return { place, modules: standing instanceof RollError ? [] : standing };
    });
    const planned = read.flatMap(({ place, modules }) => modules.map((module) => ({ place, module })));
    await work.intend(planned.map(({ place, module }) => intentLine(how.treatment, place, module)));
    const lost = new Set<Place>();
    for (const { place, modules } of read) place.left = modules;
    await mapSideBySide(planned, async ({ place, module }) => {
      const result = await orOutage(write(deps, how, place, module));
      const word = result instanceof RollError ? result.code : result.outcome;
      outcome.push({ ...lineOf(how.treatment, place, module), result: word });
      if (word === "done" || word === "missing") {
        place.left = place.left.filter((other) => other !== module);
        place.cut += 1;
      } else if (word === "precondition-failed") lost.add(place);
      else if (result instanceof RollError) place.unread = true;
    });
    todo = [...lost].filter(({ unread }) => !unread);
  }
}

/** Those that still have credentials somebody may hold. */
async function modulesOf(
  deps: TreatModulesDeps,
  { rollId }: { readonly rollId: RollId },
  { hub, deviceId }: Place,
): Promise<readonly HubModule[] | RollError> {
  const reading = await orOutage(deps.hubs.hub(hub).modules.list(deviceId));
  if (reading instanceof RollError) return reading;
  if (reading.outcome === "missing") return [];
  return reading.modules.filter((module) => {
    const ours = credentials(deps, rollId, hub, module);
    const { authentication, primaryThumbprint, secondaryThumbprint } = module;
    const isCut = primaryThumbprint === ours[0] && secondaryThumbprint === ours[1];
    return authentication !== "none" && !(authentication === "selfSigned" && isCut);
  });
}

function credentials(
  { entropy }: TreatModulesDeps,
  rollId: RollId,
  hub: HubHostName,
  { deviceId, moduleId }: ModuleName,
): readonly [Sha256Thumbprint, Sha256Thumbprint] {
  return sentinels(entropy, rollId, hub, `${deviceId}/${moduleId}`, 1);
}

function write(
  deps: TreatModulesDeps,
  { rollId, treatment }: { readonly rollId: RollId; readonly treatment: Cut },
  { hub }: Place,
  module: HubModule,
): Promise<ModuleWrite> {
  const { modules } = deps.hubs.hub(hub);
  return treatment === "delete"
    ? modules.delete(module)
    : modules.rotate(module, credentials(deps, rollId, hub, module));
}

function lineOf(
  treatment: Cut,
  { row, hub }: Place,
  { moduleId }: ModuleName,
): Pick<JournalLine, "registrationId" | "target" | "action"> {
  return { registrationId: row.registrationId, target: `${hub} module ${moduleId}`, action: `${treatment}-module` };
}

function intentLine(treatment: Cut, place: Place, module: HubModule): JournalLine {
  const { authentication, primaryThumbprint, secondaryThumbprint, etag } = module;
  const slots = authentication === "sas" ? "" : ` ${primaryThumbprint ?? "-"} ${secondaryThumbprint ?? "-"}`;
  const after = treatment === "delete" ? "absent" : "credentials that nobody holds";
  return { ...lineOf(treatment, place, module), before: `${authentication}${slots} etag=${etag}`, after };
}

function noted({ clock }: TreatModulesDeps, row: DeviceRow, places: readonly Place[]): DeviceRow {
  const left = places.flatMap((place) => place.left.map(({ moduleId }) => `${moduleId}@${place.hub}`));
  const cut = places.reduce((sum, place) => sum + place.cut, 0);
  const known = {
    ...row,
    modules: { at: clock.now(), left: left.slice(0, MOST_NAMED), leftInAll: left.length, cut },
  };
  return left.length === 0 ? known : withWarning(known, "residual-access");
}
