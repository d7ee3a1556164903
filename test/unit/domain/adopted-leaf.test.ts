import { adopt, adoptedLeaf, disown, type RegistrationSeen } from "../../../shared/domain/hub/adopted-leaf";
import { addMs, type Instant } from "../../../shared/domain/instant";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import {
  aContainedRow,
  aHubRecord,
  anIdentity,
  closedAt,
  hubName,
  leaked,
  otherHubName,
  planned,
  releasedAt,
  stranger,
} from "../../support/builders";

const later = addMs(releasedAt, 1_000);

/** A device of a closed group, whose sentinels were read intact before DPS wrote a leaf over them. */
const aGroupRow = (changes: Partial<DeviceRow> = {}): DeviceRow =>
  aContainedRow({
    allowed: [],
    bad: [leaked],
    leafUnknown: true,
    intactAt: releasedAt,
    listed: { registeredAt: addMs(closedAt, -5_000), assigning: false },
    ...changes,
  });
const assigned: RegistrationSeen = { status: "assigned", assignedHub: hubName, lastUpdatedAt: later };

test("the leaf that DPS wrote over intact sentinels is the device's own", () => {
  expect(adoptedLeaf(aGroupRow(), hubName, anIdentity(), assigned)).toBe(planned);
});

test.each(["disabled", "failed", "unassigned"])(
  "a thief who is refused (%s) afterwards writes over the record, and cannot keep the device out by it",
  (status) => {
    const refusal: RegistrationSeen = { status, assignedHub: undefined, lastUpdatedAt: later };
    expect(adoptedLeaf(aGroupRow(), hubName, anIdentity(), refusal)).toBe(planned);
  },
);

test.each<[string, RegistrationSeen | undefined]>([
  ["there is no record", undefined],
  ["the record has no time", { ...assigned, lastUpdatedAt: undefined }],
  ["it was assigned to another hub", { ...assigned, assignedHub: otherHubName }],
  ["the record is from before the closing write", { ...assigned, lastUpdatedAt: closedAt }],
  ["the refusal is from before the closing write", { ...assigned, status: "disabled", lastUpdatedAt: closedAt }],
  ["a registration is still under way", { ...assigned, status: "assigning" }],
])("not while %s", (_why, registration) => {
  expect(adoptedLeaf(aGroupRow(), hubName, anIdentity(), registration)).toBeUndefined();
});

describe("where DPS was found open in between, and closed again by a later write", () => {
  const refused: RegistrationSeen = { status: "disabled", assignedHub: undefined, lastUpdatedAt: addMs(later, 9_000) };
  const again = (changes: Partial<DeviceRow>, registration: RegistrationSeen, closedAgainAt: Instant) =>
    adoptedLeaf(aGroupRow(changes), hubName, anIdentity(), registration, closedAgainAt);

  it("a registration counts only if it came after that write", () => {
    expect(again({}, assigned, addMs(later, -1))).toBe(planned);
    expect(again({}, assigned, later)).toBeUndefined();
  });

  it("behind a refusal only sentinels count that were read intact after that write", () => {
    expect(again({ intactAt: addMs(later, 1) }, refused, later)).toBe(planned);
    expect(again({ intactAt: later }, refused, later)).toBeUndefined();
    expect(again({}, refused, later)).toBeUndefined();
  });
});

test("not a registration that was known when the group was closed", () => {
  const row = aGroupRow({ listed: { registeredAt: later, assigning: false } });
  expect(adoptedLeaf(row, hubName, anIdentity(), assigned)).toBeUndefined();
});

test("what came back faster than the next read is its own too: the sentinels were put there when the hold ended", () => {
  const { intactAt: _never, ...row } = aGroupRow();
  expect(adoptedLeaf(row, hubName, anIdentity(), assigned)).toBe(planned);
});

const { releasedAt: _released, ...held } = aHubRecord({ lastWrite: "sentinel" });

test.each<[string, Partial<DeviceRow>]>([
  [
    "were never read intact, and a registration was under way when the group was listed",
    { intactAt: undefined, listed: { registeredAt: closedAt, assigning: true } },
  ],
  ["were never read intact nor put there after the hold", { intactAt: undefined, hubs: { [hubName]: held } }],
  ["are not what we wrote last", { hubs: { [hubName]: aHubRecord({ lastWrite: "deleted" }) } }],
  ["stood for a leaf that is known", { leafUnknown: undefined }],
])("not where the sentinels %s", (_how, changes) => {
  const { intactAt, leafUnknown, ...rest } = { ...aGroupRow(), ...changes };
  const row: DeviceRow = {
    ...rest,
    ...(intactAt === undefined ? {} : { intactAt }),
    ...(leafUnknown === undefined ? {} : { leafUnknown }),
  };
  expect(adoptedLeaf(row, hubName, anIdentity(), assigned)).toBeUndefined();
});

test("not two different certificates, and not a compromised one", () => {
  const two = anIdentity({ secondaryThumbprint: stranger });
  const bad = anIdentity({ primaryThumbprint: leaked, secondaryThumbprint: leaked });
  expect(adoptedLeaf(aGroupRow(), hubName, two, assigned)).toBeUndefined();
  expect(adoptedLeaf(aGroupRow(), hubName, bad, assigned)).toBeUndefined();
});

test("what was adopted can be disowned, once", () => {
  const row = aGroupRow({ allowed: [stranger] });
  const adopted = adopt(row, planned);
  expect(adopt(adopted, planned)).toBe(adopted);
  expect(adopted.allowed).toEqual([stranger, planned]);
  // DPS was open in between: what the list said of registrations under way is out of date as well.
  expect(disown(adopted)).toEqual({ ...row, listed: { ...row.listed, assigning: true } });
});
