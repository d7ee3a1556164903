import type { HubHostName, RollId } from "../ids";
import type { ClaimScope } from "./claim";
import type { DeviceRow, HubRecord, Warning } from "./device-row";
import type { RollTarget } from "./request";

/** A device's row at the beginning of its roll. */
export function newRow(target: RollTarget): DeviceRow {
  const { registrationId, compromisedSlots, deviceId, assignedHub, groupId, listed, rogue, found } = target;
  return {
    registrationId,
    compromisedSlots,
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(assignedHub === undefined ? {} : { assignedHub }),
    ...(groupId === undefined ? {} : { group: groupId }),
    ...(listed === undefined ? {} : { listed }),
    ...(rogue === undefined ? {} : { rogue }),
    bad: [],
    allowed: [],
    warnings: found === undefined ? [] : FOUND[found],
    entry: { state: "open", disabled: false },
    hubs: {},
    rereads: 0,
    broken: 0,
    attempts: 0,
  };
}

const FOUND: Readonly<Record<NonNullable<RollTarget["found"]>, Warning[]>> = {
  late: [],
  entry: ["entry-by-compromised-ca"],
  "no-record": ["no-registration-record"],
  changed: ["changed-since-compromise"],
};

/** The row of a device that may be cut off only once a person has approved it. Until then it is nobody's. */
export function heldBack(row: DeviceRow): DeviceRow {
  return { ...row, heldBack: true };
}

/** The row of a device that stays another roll's. */
export function leftTo(row: DeviceRow, holder: RollId): DeviceRow {
  return { ...row, skipped: `claimed-by ${holder}` };
}

/**
 * The row of a device that is taken from another roll. What that roll had cut off stays cut off, and what it was yet to cut
 * off (`scope`: what its claim named) is cut off as well; and what stood there before it wrote must be known, or its own
 * `disabled` would be taken for the operator's.
 */
export function takenFrom(row: DeviceRow, other: DeviceRow, scope?: ClaimScope): DeviceRow {
  const hubs = Object.fromEntries(
    Object.entries(other.hubs).map(([hub, { statusBefore }]): [HubHostName, HubRecord] => [
      hub as HubHostName,
      { round: 0, lastWrite: "none", absent: false, ...(statusBefore === undefined ? {} : { statusBefore }) },
    ]),
  );
  const deviceId = row.deviceId ?? other.deviceId;
  const spared = [...(other.spared ?? []), ...(other.planned === undefined ? [] : [other.planned.sha256Thumbprint])];
  // Once it has read the entry, its slots are thumbprints: what stands in them by now is its own doing.
  const unread = other.nameInEntry === undefined;
  return {
    ...row,
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(unread ? { compromisedSlots: [...new Set([...row.compromisedSlots, ...other.compromisedSlots])] } : {}),
    bad: [...new Set([...row.bad, ...other.bad, ...(scope?.leaf === undefined ? [] : [scope.leaf])])],
    ...(spared.length === 0 ? {} : { spared }),
    entry: { ...row.entry, ...(other.entry.disabledByUs === true ? { disabledByUs: true } : {}) },
    hubs,
  };
}

/** The row of a device that another roll has taken: this one writes nothing there any more. */
export function givenUpTo(row: DeviceRow, taker: RollId): DeviceRow {
  return { ...row, skipped: `superseded-by ${taker}`, supersededBy: taker };
}
