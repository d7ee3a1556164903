import { CONNECTION_LAG_MS, hubNameOf, type HubWord } from "../../../shared/domain/hub/hub-word";
import { AttemptId, DeviceId } from "../../../shared/domain/ids";
import { addMs } from "../../../shared/domain/instant";
import { judgeProof, type ProofEvidence, type ProofRule } from "../../../shared/domain/proof/judge";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import {
  answeredAt,
  aContainedRow,
  aHubRecord,
  anIdentity,
  askedAt,
  aVerifiedReport,
  closedAt,
  heldAt,
  hubName,
  leaked,
  nonce,
  otherHubName,
  otherRollId,
  planned,
  PULSE_HOLD_MS,
  releasedAt,
  rollId,
  someEvidence,
  someFacts,
  stranger,
} from "../../support/builders";

function missing(row: DeviceRow, evidence: ProofEvidence): readonly ProofRule[] {
  const verdict = judgeProof(row, rollId, evidence, PULSE_HOLD_MS);
  expect(verdict.proven).toBe(verdict.missing.length === 0);
  return verdict.missing;
}

const withReport = (changes: Parameters<typeof aVerifiedReport>[0]): ProofEvidence =>
  someEvidence({ facts: someFacts({ verified: [aVerifiedReport(changes)] }) });
const withHubs = (...hubs: [typeof hubName, NonNullable<ReturnType<ProofEvidence["hubs"]["get"]>>][]): ProofEvidence =>
  someEvidence({ hubs: new Map(hubs) });
const at = (enqueuedAt: typeof closedAt): Parameters<typeof aVerifiedReport>[0] => ({
  position: { enqueuedAt, partition: "0", sequenceNumber: 10 },
});

describe("a device", () => {
  it("is proven when every rule holds", () => {
    expect(judgeProof(aContainedRow(), rollId, someEvidence(), PULSE_HOLD_MS)).toEqual({
      proven: true,
      missing: [],
      leaf: planned,
    });
  });

  it.each<[ProofRule, string, DeviceRow, ProofEvidence]>([
    [
      "report",
      "the session did not authenticate by certificate",
      aContainedRow(),
      withReport({ authentication: "sas" }),
    ],
    [
      "report",
      "the entry was closed after the report",
      aContainedRow({ entry: { state: "closed", closedAt: addMs(askedAt, 500), disabled: false } }),
      withReport({}),
    ],
    ["leaf", "the leaf is not among the allowed ones", aContainedRow({ allowed: [stranger] }), someEvidence()],
    ["leaf", "the leaf is named bad", aContainedRow({ bad: [planned] }), someEvidence()],
    [
      "hub",
      "another linked hub accepts something foreign",
      aContainedRow(),
      withHubs(
        [hubName, { identity: anIdentity(), standing: "allowed" }],
        [otherHubName, { identity: anIdentity({ primaryThumbprint: leaked }), standing: "foreign" }],
      ),
    ],
    [
      "hub",
      "two hubs hold the leaf",
      aContainedRow(),
      withHubs(
        [hubName, { identity: anIdentity(), standing: "allowed" }],
        [otherHubName, { identity: anIdentity(), standing: "allowed" }],
      ),
    ],
    [
      "session",
      "the report came before the hold had dropped old sessions",
      aContainedRow({
        attempt: { attemptId: AttemptId.parse("a1"), nonce, startedAt: askedAt },
        hubs: { [hubName]: aHubRecord({ heldAt: addMs(askedAt, 0) }) },
      }),
      withReport({}),
    ],
    [
      "session",
      "it was asked before the identity was released",
      aContainedRow({ hubs: { [hubName]: aHubRecord({ releasedAt: addMs(askedAt, 1) }) } }),
      someEvidence(),
    ],
    [
      "session",
      "the identity was never held and was not absent",
      aContainedRow({ hubs: { [hubName]: { round: 0, lastWrite: "sentinel", absent: false } } }),
      someEvidence(),
    ],
  ])("is not proven, for want of %s alone, if %s", (rule, _why, row, evidence) => {
    expect(missing(row, evidence)).toEqual([rule]);
  });

  it.each<[string, Parameters<typeof anIdentity>[0]]>([
    ["it is disabled", { status: "disabled" }],
    ["its secondary thumbprint differs", { secondaryThumbprint: leaked }],
    ["a slot of it is empty", { secondaryThumbprint: undefined }],
    ["it trusts a CA", { authentication: "certificateAuthority" }],
  ])("is not proven if the hub shows the leaf but %s", (_why, changes) => {
    const evidence = withHubs([hubName, { identity: anIdentity(changes), standing: "allowed" }]);
    expect(missing(aContainedRow(), evidence)).toContain("hub");
  });

  it.each<[string, ProofEvidence]>([
    ["names another roll", withReport({ rollId: otherRollId })],
    ["answers another attempt", withReport({ attemptId: AttemptId.parse("a2") })],
    ["carries another nonce", withReport({ nonce: "f".repeat(32) })],
    ["is of another phase", withReport({ phase: "registering" })],
    ["came from another device", someEvidence({ facts: someFacts({ deviceId: DeviceId.parse("pump-2") }) })],
    [
      "has no valid signature, whatever thumbprint it claims",
      someEvidence({ facts: someFacts({ verified: undefined }) }),
    ],
    ["never came", someEvidence({ facts: undefined })],
  ])("is not proven by a report that %s", (_why, evidence) => {
    expect(missing(aContainedRow(), evidence)).toEqual(expect.arrayContaining(["report", "leaf", "session"]));
  });

  it("is proven by its own report among those that others signed with leaves of their own making", () => {
    const forged = [stranger, leaked].map((sha256Thumbprint) => aVerifiedReport({ sha256Thumbprint }));
    for (const verified of [
      [...forged, aVerifiedReport()],
      [aVerifiedReport(), ...forged],
    ])
      expect(missing(aContainedRow(), someEvidence({ facts: someFacts({ verified }) }))).toEqual([]);
    expect(missing(aContainedRow(), someEvidence({ facts: someFacts({ verified: forged }) }))).toContain("leaf");
  });

  it("is not proven before it was asked, whatever was reported", () => {
    const { attempt: _attempt, ...row } = aContainedRow();
    expect(missing(row, someEvidence())).toContain("report");
  });

  it("is not proven by a report enqueued in the moment of closure", () => {
    expect(missing(aContainedRow(), withReport(at(closedAt)))).toContain("report");
  });

  it("is proven by a report enqueued exactly when the hold is over, not a millisecond earlier", () => {
    const row = aContainedRow({ attempt: { attemptId: AttemptId.parse("a1"), nonce, startedAt: releasedAt } });
    expect(missing(row, withReport(at(addMs(heldAt, PULSE_HOLD_MS))))).toEqual([]);
    expect(missing(row, withReport(at(addMs(heldAt, PULSE_HOLD_MS - 1))))).toEqual(["session"]);
  });

  it("that is absent from the other hubs is proven on its own", () => {
    const evidence = withHubs(
      [hubName, { identity: anIdentity(), standing: "allowed" }],
      [otherHubName, { identity: undefined, standing: "no-certificate" }],
    );
    expect(missing(aContainedRow(), evidence)).toEqual([]);
  });

  it("that had no identity while it was contained has only new sessions", () => {
    const hubs = { [hubName]: { round: 0, lastWrite: "none" as const, absent: true } };
    expect(missing(aContainedRow({ hubs }), someEvidence())).toEqual([]);
  });
});

describe("that the session is a new one, where nothing was cut", () => {
  const row = aContainedRow({ hubs: { [hubName]: aHubRecord({ heldAt: undefined, lastWrite: "none" }) } });
  const assigned = { status: "assigned", assignedHub: hubName };
  const registeredAt = addMs(closedAt, 100);
  const withWord = (word: HubWord, at = registeredAt): ProofEvidence => ({
    ...someEvidence({ registration: { ...assigned, lastUpdatedAt: at } }),
    facts: someFacts({ hubs: { [hubNameOf(hubName)]: word } }),
  });
  const connected = (at: typeof closedAt): HubWord => ({
    connected: { at: addMs(at, CONNECTION_LAG_MS), sequence: "1".repeat(64) },
  });

  it("follows from a registration since it was asked", () => {
    const evidence = someEvidence({ registration: { ...assigned, lastUpdatedAt: addMs(askedAt, 10) } });
    expect(missing(row, evidence)).toEqual([]);
  });

  it.each<[string, HubWord]>([
    ["the hub let it in", { admitted: addMs(registeredAt, 1) }],
    ["the hub tells of a connection, however late it dates that", connected(addMs(registeredAt, 1))],
  ])("follows, where it had registered before it was asked, from the hub's word: %s", (_what, word) => {
    expect(missing(row, withWord(word))).toEqual([]);
  });

  it.each<[string, ProofEvidence]>([
    ["the hub says nothing", withWord({})],
    ["it was let in before it registered", withWord({ admitted: registeredAt })],
    ["the connection may be older than the registration", withWord(connected(registeredAt))],
    ["it was let in again after it had answered", withWord({ admitted: addMs(answeredAt, 1) })],
    ["it had registered before the entry was closed", withWord({ admitted: askedAt }, addMs(closedAt, -1))],
  ])("does not follow if %s", (_what, evidence) => {
    expect(missing(row, evidence)).toContain("session");
  });
});

describe("that DPS wrote the leaf", () => {
  const asRead = aContainedRow({ hubs: { [hubName]: aHubRecord({ lastWrite: "as-read" }) } });

  it("follows from our own last write being a sentinel", () => {
    expect(missing(aContainedRow(), someEvidence({ registration: undefined }))).toEqual([]);
  });

  it("follows from a registration on that hub after the anchor, where we left the thumbprints as read", () => {
    expect(missing(asRead, someEvidence())).toEqual([]);
  });

  it.each<[string, ProofEvidence["registration"]]>([
    ["there is no registration", undefined],
    [
      "the registration is older than the anchor",
      { status: "assigned", assignedHub: hubName, lastUpdatedAt: closedAt },
    ],
    ["the registration is on another hub", { status: "assigned", assignedHub: otherHubName, lastUpdatedAt: askedAt }],
    ["the registration is under way", { status: "assigning", assignedHub: hubName, lastUpdatedAt: askedAt }],
    ["the registration has no time", { status: "assigned", assignedHub: hubName, lastUpdatedAt: undefined }],
  ])("does not follow if %s", (_why, registration) => {
    expect(missing(asRead, someEvidence({ registration }))).toEqual(["written-by-dps"]);
  });
});
