import { judge, type ClaimName } from "../../../../lab/scenarios/claims/judge";
import type { Claim, Evidence, Knock, RolledDevice } from "../../../../lab/scenarios/evidence";
import type { DoorRecord } from "../../../../lab/fleet/door-record";

/** Times of the good run, as if milliseconds since the epoch. */
export const orderedAt = 1_000;
export const containedAt = 2_000;
export const provenAt = 3_000;
export const rollEndedAt = 5_000;
export const endedAt = 9_000;

export const knock = (
  door: Knock["door"],
  at: number,
  thumbprint: string,
  accepted: boolean,
  subject = "pump-001",
): Knock => ({ door, at, subject, thumbprint, accepted });

export const door = (record: Partial<DoorRecord>): DoorRecord => ({ tries: 9, accepted: 0, ...record });

export const pump: RolledDevice = {
  registrationId: "pump-001",
  deviceId: "pump-001",
  oldThumbprints: ["OLD"],
  oldNotAfter: 7_000,
  newThumbprint: "NEW",
};

/** One device whose roll went as it should, one bystander that noticed nothing. */
export const good: Evidence = {
  rolled: [pump],
  bystanders: [{ registrationId: "valve-001", deviceId: "valve-001" }],
  ghosts: [],
  oldAuthorities: [],
  orderedAt,
  rollEndedAt,
  endedAt,
  roll: { phase: "finished", outcome: "completed", containedAt },
  stated: new Map([["pump-001", { registrationId: "pump-001", state: "proven", containedAt, provenAt }]]),
  knocks: [
    knock("dps", 1_500, "OLD", true),
    knock("hub", 1_600, "OLD", true),
    knock("dps", 2_100, "OLD", false),
    knock("hub", 2_100, "OLD", false),
    knock("dps", 2_400, "NEW", true),
    knock("hub", 2_500, "NEW", true),
  ],
  keys: [
    {
      registrationId: "pump-001",
      sha256Thumbprint: "OLD",
      hub: door({}),
      dps: door({}),
      session: door({ accepted: 5, lastAcceptedAt: 1_700 }),
      holding: false,
    },
  ],
  bystandersBefore: new Map([["valve-001", "as it was"]]),
  bystandersAfter: new Map([["valve-001", "as it was"]]),
  writes: [],
  slotsHeld: [],
  orders: [],
  shutOuts: [],
  dangling: [],
  cuts: [],
  trustAtEnd: [
    { kind: "enrollment", owner: "pump-001", thumbprint: "NEW", enabled: true },
    { kind: "identity", owner: "pump-001", thumbprint: "NEW", enabled: true },
  ],
  commands: [],
  earlierRollId: undefined,
  epilogue: undefined,
  rehearsal: undefined,
  plan: undefined,
  canary: 0,
  leaks: [],
  placesSearched: 12,
  actedTwice: [],
  repeated: { status: 200, sameRoll: true },
};

/** The claims that are broken when the good run is changed like this. */
export const redOf =
  (names: readonly ClaimName[], base: Evidence = good) =>
  (evidence: Partial<Evidence>): string[] =>
    judge({ ...base, ...evidence }, names)
      .filter(({ holds }) => !holds)
      .map(({ name }) => name);

export const claimOf = (name: ClaimName, evidence: Partial<Evidence>, base: Evidence = good): Claim => {
  const [found] = judge({ ...base, ...evidence }, [name]);
  if (found === undefined) throw new Error(`no claim ${name}`);
  return found;
};
