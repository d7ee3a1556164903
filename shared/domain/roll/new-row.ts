import type { HubHostName, RollId } from "../ids";
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
 * The row of a device that is taken from another roll. What that roll had cut off stays cut off; and what stood there before
 * it wrote must be known, or its own `disabled` would be taken for the operator's.
 */
export function takenFrom(row: DeviceRow, other: DeviceRow): DeviceRow {
  const hubs = Object.fromEntries(
    Object.entries(other.hubs).map(([hub, { statusBefore }]): [HubHostName, HubRecord] => [
      hub as HubHostName,
      { round: 0, lastWrite: "none", absent: false, ...(statusBefore === undefined ? {} : { statusBefore }) },
    ]),
  );
  const deviceId = row.deviceId ?? other.deviceId;
  const spared = [...(other.spared ?? []), ...(other.planned === undefined ? [] : [other.planned.sha256Thumbprint])];
  return {
    ...row,
    ...(deviceId === undefined ? {} : { deviceId }),
    bad: [...new Set([...row.bad, ...other.bad])],
    ...(spared.length === 0 ? {} : { spared }),
    entry: { ...row.entry, ...(other.entry.disabledByUs === true ? { disabledByUs: true } : {}) },
    hubs,
  };
}

/** The row of a device that another roll has taken: this one writes nothing there any more. */
export function givenUpTo(row: DeviceRow, taker: RollId): DeviceRow {
  return { ...row, skipped: `superseded-by ${taker}`, supersededBy: taker };
}
