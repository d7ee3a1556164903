import { resolveBad } from "../domain/enrollment/close-group";
import { outdated } from "../domain/hub/adopted-leaf";
import { DeviceId, type EnrollmentGroupId, type RegistrationId, type RollId } from "../domain/ids";
import type { JournalLine } from "../domain/roll/batch";
import { withWarning, type DeviceRow } from "../domain/roll/device-row";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { Clock } from "../ports/clock";
import type { EnrollmentGroup } from "../ports/enrollment-groups";
import type { BatchWork } from "./batch-work";
import { groupScope, namedBad } from "./close-group";
import { knownBad, readGuards, type GroupGuard } from "./group-guard";
import { judgeForGroup, withVerdict, type ReplacementWorld } from "./plan-replacement";
import { shutGroup, type ShutGroupDeps } from "./shut-group";
import { orOutage } from "./side-by-side";

/** What the devices of a closed group are judged with. */
export interface GroupRowsWorld {
  readonly request: RollRequest;
  readonly targets: ReadonlyMap<RegistrationId, RollTarget>;
  readonly replacements: ReplacementWorld;
}

/**
 * Notes on the rows of a group's devices that DPS refuses them: one fresh read of the group answers for all of them. Where
 * somebody opened it again it is closed again.
 */
export async function closeGroupRows(
  deps: ShutGroupDeps & { readonly clock: Clock },
  work: BatchWork,
  rollId: RollId,
  todo: readonly DeviceRow[],
  world: GroupRowsWorld,
  outcome: JournalLine[],
): Promise<void> {
  const guards = await readGuards(deps, rollId, todo);
  for (const [groupId, read] of guards) {
    const wasOpen = !(read instanceof RollError) && read.kind === "open";
    const guard = wasOpen ? await shut(deps, rollId, groupId, world) : read;
    if (guard instanceof RollError || guard.kind === "open") continue;
    const bad = (await knownBad(deps, rollId, groupId))?.bad.thumbprints ?? [];
    for (const row of todo.filter(({ group }) => group === groupId)) {
      const closed = closedRow(wasOpen ? outdated(row) : row, guard, deps.clock);
      const target = world.targets.get(row.registrationId);
      work.set(
        guard.kind === "missing" || target === undefined ? closed : planned(closed, target, guard.group, bad, world),
      );
      if (row.entry.state === "open")
        outcome.push({
          registrationId: row.registrationId,
          target: "dps",
          action: "close",
          result: guard.kind === "missing" ? "group missing" : `group ${groupId} closed`,
        });
    }
  }
}

async function shut(
  deps: ShutGroupDeps,
  rollId: RollId,
  groupId: EnrollmentGroupId,
  { request }: GroupRowsWorld,
): Promise<GroupGuard | RollError> {
  const resolve = (held: EnrollmentGroup): ReturnType<typeof resolveBad> =>
    resolveBad(held, namedBad(groupScope(request)));
  const result = await orOutage(shutGroup(deps, rollId, groupId, resolve));
  if (result instanceof RollError) return result;
  switch (result.outcome) {
    case "closed":
      return { kind: "closed", group: result.group, closedAgainAt: undefined };
    case "missing":
      return { kind: "missing" };
    case "refused":
    case "contended":
      return { kind: "open" };
    default:
      return result satisfies never;
  }
}

/** Closed at the latest when the service last wrote the group: so it stood from then on. */
function closedRow(row: DeviceRow, guard: Exclude<GroupGuard, { kind: "open" }>, clock: Clock): DeviceRow {
  if (row.entry.state !== "open") return row;
  const nameInEntry = row.nameInEntry ?? DeviceId.parse(row.registrationId);
  if (guard.kind === "missing") {
    const entry = { state: "missing", disabled: false, closedAt: clock.now() } as const;
    return withWarning({ ...row, nameInEntry, entry }, "group-missing");
  }
  const { provisioningStatus, lastUpdatedAt } = guard.group;
  const closedAt = lastUpdatedAt ?? clock.now();
  return { ...row, nameInEntry, entry: { state: "closed", closedAt, disabled: provisioningStatus === "disabled" } };
}

/**
 * A leaf that the request named is the planned one. Without one the device may come back by any leaf that DPS takes now;
 * while the group is disabled and nothing will take over, none will.
 */
function planned(
  row: DeviceRow,
  target: RollTarget,
  group: EnrollmentGroup,
  bad: Parameters<typeof judgeForGroup>[2],
  { request, replacements }: GroupRowsWorld,
): DeviceRow {
  if (row.planned !== undefined || row.refusal !== undefined) return row;
  const { replacementPending: _pending, ...base } = row;
  const compromised =
    target.compromisedPem === undefined ? undefined : replacements.certificates.readChain(target.compromisedPem);
  const leaf = compromised?.outcome === "read" ? [compromised.chain.leaf.sha256Thumbprint] : [];
  const verdict = judgeForGroup(target, group, bad, replacements);
  const judged = withVerdict({ ...base, bad: [...new Set([...base.bad, ...leaf])] }, verdict);
  if (verdict.outcome !== "none") return judged;
  const nobodyComes = group.provisioningStatus === "disabled" && groupScope(request).successor === undefined;
  return nobodyComes
    ? { ...judged, leafUnknown: true, replacementPending: NO_SUCCESSOR }
    : { ...judged, leafUnknown: true };
}

/** No CA is named that could take over, so that no device can come back. */
export const NO_SUCCESSOR = "no-successor";
