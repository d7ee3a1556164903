import { Matcher, type Verdict } from "../../../lab/dps/matching";
import { DpsStore } from "../../../lab/dps/store";
import { defaultSwitches, type DpsSwitches } from "../../../lab/dps/switches";
import {
  createIntermediate,
  createRoot,
  generateKeyPair,
  issueLeaf,
  selfSignedLeaf,
  type LabCertificate,
} from "../../../lab/pki/certificates";
import { enrollmentOf, groupOf, referringGroup } from "../../support/lab-dps";
import { ManualClock } from "../../support/lab-dps-clock";

const now = Date.now();
const root = createRoot({ commonName: "Root" });
const intermediate = createIntermediate({ commonName: "Intermediate", issuer: root });
const lower = createIntermediate({ commonName: "Lower", issuer: intermediate });
const otherRoot = createRoot({ commonName: "Other Root" });

let store: DpsStore;
let switches: DpsSwitches;
let matcher: Matcher;
beforeEach(() => {
  switches = defaultSwitches();
  store = new DpsStore(new ManualClock(now), switches, () => []);
  matcher = new Matcher(store, switches);
});

/** Presents a leaf with its intermediates, or with what is given instead of them. */
function judge(id: string, leaf: LabCertificate, ...above: LabCertificate[]): Verdict {
  return matcher.judge(id, [leaf.der, ...above.map(({ der }) => der)], now);
}

function told(verdict: Verdict): string {
  return verdict.kind === "refused" ? verdict.message : `${verdict.kind} by ${verdict.entry.id}`;
}

describe("an individual enrollment", () => {
  const leaf = selfSignedLeaf({ commonName: "dev" });

  test.each(["primary", "secondary"])("accepts the leaf in its %s slot", (slot) => {
    const [primary, secondary] = slot === "primary" ? [leaf, undefined] : [undefined, leaf];
    store.seedEnrollment(enrollmentOf("dev", primary?.certificatePem ?? null, secondary?.certificatePem ?? null));
    expect(told(judge("dev", leaf))).toBe("accepted by dev");
  });

  test("decides alone: disabled it blocks a device that an enabled group would take", () => {
    const issued = issueLeaf({ commonName: "dev", issuer: intermediate });
    store.addVerifiedCa(root.certificatePem, "root");
    store.seedGroup(groupOf("group", intermediate.certificatePem));
    expect(told(judge("dev", issued, intermediate))).toBe("accepted by group");
    store.seedEnrollment(enrollmentOf("dev", leaf.certificatePem, null, { provisioningStatus: "disabled" }));
    expect(told(judge("dev", issued, intermediate))).toBe("disabled by dev");
  });

  test("enabled for another leaf refuses, or lets the group decide by switch", () => {
    const issued = issueLeaf({ commonName: "dev", issuer: intermediate });
    store.addVerifiedCa(root.certificatePem, "root");
    store.seedGroup(groupOf("group", intermediate.certificatePem));
    store.seedEnrollment(enrollmentOf("dev", leaf.certificatePem));
    expect(judge("dev", issued, intermediate)).toMatchObject({ kind: "refused", invalidCertificate: true });
    switches.otherLeafOfIndividual = "falls-through";
    expect(told(judge("dev", issued, intermediate))).toBe("accepted by group");
  });

  test("needs no authority for a bare leaf, but a verified one for a chain that is shown", () => {
    const issued = issueLeaf({ commonName: "dev", issuer: intermediate });
    store.seedEnrollment(enrollmentOf("dev", issued.certificatePem));
    expect(told(judge("dev", issued))).toBe("accepted by dev");
    expect(told(judge("dev", issued, intermediate))).toBe("CA certificate not found.");
    store.addVerifiedCa(root.certificatePem, "root");
    expect(told(judge("dev", issued, intermediate))).toBe("accepted by dev");
  });

  test("refuses an expired and a future leaf, unless switched", () => {
    const expired = selfSignedLeaf({ commonName: "dev", notAfter: new Date(now - 60_000) });
    const future = selfSignedLeaf({ commonName: "dev", notBefore: new Date(now + 60_000) });
    store.seedEnrollment(enrollmentOf("dev", expired.certificatePem, future.certificatePem));
    expect(told(judge("dev", expired))).toBe("Invalid certificate.");
    expect(told(judge("dev", future))).toBe("Invalid certificate.");
    switches.expiredIndividualRefused = false;
    expect(told(judge("dev", expired))).toBe("accepted by dev");
  });

  test("that refers to a CA takes any leaf below it", () => {
    store.addVerifiedCa(root.certificatePem, "root");
    store.addVerifiedCa(otherRoot.certificatePem, "other");
    const body = {
      registrationId: "dev",
      attestation: { type: "x509", x509: { caReferences: { primary: "root" } } },
    };
    store.seedEnrollment(body);
    expect(told(judge("dev", issueLeaf({ commonName: "dev", issuer: intermediate }), intermediate))).toBe(
      "accepted by dev",
    );
    expect(told(judge("dev", issueLeaf({ commonName: "dev", issuer: otherRoot })))).toBe(
      "Signing certificate info did not match chain elements.",
    );
  });

  test("with another kind of attestation takes no certificate", () => {
    store.seedEnrollment({ registrationId: "dev", attestation: { type: "symmetricKey" } });
    expect(told(judge("dev", leaf))).toBe("Unauthorized");
  });

  test("does not take a leaf that some disabled entry holds", () => {
    store.seedEnrollment(enrollmentOf("dev", leaf.certificatePem));
    store.seedEnrollment(enrollmentOf("other", leaf.certificatePem, null, { provisioningStatus: "disabled" }));
    expect(told(judge("dev", leaf))).toBe("disabled by dev");
    store.seedEnrollment(enrollmentOf("other", leaf.certificatePem));
    expect(told(judge("dev", leaf))).toBe("accepted by dev");
  });
});

describe("the registration id", () => {
  test("is the common name of the leaf, in any case, unless switched", () => {
    const leaf = selfSignedLeaf({ commonName: "Dev-A" });
    store.seedEnrollment(enrollmentOf("DEV-a", leaf.certificatePem));
    expect(told(judge("dev-A", leaf))).toBe("accepted by DEV-a");
    expect(told(judge("dev-b", leaf))).toBe("Invalid certificate.");
    switches.commonNameIgnoresCase = false;
    expect(told(judge("dev-A", leaf))).toBe("Invalid certificate.");
    expect(told(judge("Dev-A", leaf))).toBe("accepted by DEV-a");
  });

  test("cannot be claimed without a certificate, or with something else", () => {
    expect(matcher.judge("dev", [], now)).toMatchObject({ kind: "refused", leaf: undefined });
    expect(matcher.judge("dev", [Buffer.from("no certificate")], now)).toMatchObject({ kind: "refused" });
  });
});

describe("the groups", () => {
  const deep = issueLeaf({ commonName: "dev", issuer: lower });
  const shown = [lower, intermediate];
  beforeEach(() => {
    store.addVerifiedCa(root.certificatePem, "root");
  });

  test("nearest to the leaf decides, also when it is disabled and a higher one is not", () => {
    store.seedGroup(groupOf("high", root.certificatePem));
    expect(told(judge("dev", deep, ...shown))).toBe("accepted by high");
    store.seedGroup(groupOf("low", lower.certificatePem));
    expect(told(judge("dev", deep, ...shown))).toBe("accepted by low");
    const low = store.seedGroup(groupOf("low", lower.certificatePem, null, { provisioningStatus: "disabled" }));
    expect(told(judge("dev", deep, ...shown))).toBe("disabled by low");
    store.deleteEntry(low);
    expect(told(judge("dev", deep, ...shown))).toBe("accepted by high");
  });

  test("with the same certificate: a disabled one wins", () => {
    store.seedGroup(groupOf("open", intermediate.certificatePem));
    store.seedGroup(groupOf("closed", intermediate.certificatePem, null, { provisioningStatus: "disabled" }));
    expect(told(judge("dev", deep, ...shown))).toBe("disabled by closed");
  });

  test.each(["primary", "secondary"])("take a leaf below their %s certificate", (slot) => {
    const [primary, secondary] = slot === "primary" ? [intermediate, otherRoot] : [otherRoot, intermediate];
    store.seedGroup(groupOf("group", primary.certificatePem, secondary.certificatePem));
    expect(told(judge("dev", deep, ...shown))).toBe("accepted by group");
  });

  test("refer to CA certificates by name, and follow what the name stands for", () => {
    store.seedGroup(referringGroup("group", "root"));
    expect(told(judge("dev", deep, ...shown))).toBe("accepted by group");
    store.addVerifiedCa(otherRoot.certificatePem, "root");
    store.addVerifiedCa(root.certificatePem, "elsewhere");
    expect(told(judge("dev", deep, ...shown))).toBe("Unauthorized");
    const underOther = issueLeaf({ commonName: "dev", issuer: otherRoot });
    expect(told(judge("dev", underOther))).toBe("accepted by group");
  });

  test("may hold an unverified intermediate below a verified root that is not shown", () => {
    store.seedGroup(groupOf("group", intermediate.certificatePem));
    expect(told(judge("dev", issueLeaf({ commonName: "dev", issuer: intermediate }), intermediate))).toBe(
      "accepted by group",
    );
  });

  test("need a verified CA at or above the certificate that decides", () => {
    store = new DpsStore(new ManualClock(now), switches, () => []);
    matcher = new Matcher(store, switches);
    store.seedGroup(groupOf("group", intermediate.certificatePem));
    expect(told(judge("dev", deep, ...shown))).toBe("CA certificate not found.");
    store.cas.seed("root", root.certificatePem, false);
    expect(told(judge("dev", deep, ...shown))).toBe("CA certificate not found.");
    store.addVerifiedCa(lower.certificatePem, "lower");
    expect(told(judge("dev", deep, ...shown))).toBe("CA certificate not found.");
    store.addVerifiedCa(intermediate.certificatePem, "intermediate");
    expect(told(judge("dev", deep, ...shown))).toBe("accepted by group");
  });

  test("do not take a chain with a missing link", () => {
    store.seedGroup(groupOf("group", root.certificatePem));
    expect(told(judge("dev", deep, intermediate))).toBe("CA certificate not found.");
    expect(told(judge("dev", deep, intermediate, lower))).toBe("accepted by group");
  });

  test("do not take an authority of the right name with another key", () => {
    store.seedGroup(groupOf("group", intermediate.certificatePem));
    const forged = createIntermediate({ commonName: "Intermediate", issuer: createRoot({ commonName: "Root" }) });
    const leaf = issueLeaf({ commonName: "dev", issuer: forged });
    expect(told(judge("dev", leaf, forged))).toBe("CA certificate not found.");
    expect(told(judge("dev", leaf, intermediate))).toBe("CA certificate not found.");
    const renewed = createIntermediate({ commonName: "Intermediate", issuer: root });
    expect(told(judge("dev", issueLeaf({ commonName: "dev", issuer: renewed }), renewed))).toBe(
      "Signing certificate info did not match chain elements.",
    );
  });

  test("do not take a certificate that was changed after it was signed", () => {
    store.seedGroup(groupOf("group", intermediate.certificatePem));
    const mine = issueLeaf({ commonName: "dev-a", issuer: intermediate });
    expect(told(judge("dev-a", mine, intermediate))).toBe("accepted by group");
    // Same names, same key identifiers: only the signature tells.
    const forged = Buffer.from(mine.der.toString("latin1").replace("dev-a", "dev-b"), "latin1");
    expect(told(matcher.judge("dev-b", [forged, intermediate.der], now))).toBe("CA certificate not found.");
  });

  test("do not take a leaf as an authority", () => {
    const keyPair = generateKeyPair();
    const device = issueLeaf({ commonName: "dev", issuer: lower, keyPair });
    // The same key and name as an authority: it signs as the device could, were it allowed to.
    const signer = createIntermediate({ commonName: "dev", issuer: lower, keyPair });
    const below = issueLeaf({ commonName: "other", issuer: signer });
    store.seedGroup(groupOf("group", lower.certificatePem));
    expect(told(judge("other", below, signer, ...shown))).toBe("accepted by group");
    expect(told(judge("other", below, device, ...shown))).toBe("CA certificate not found.");
  });

  test("refuse an expired leaf or authority, unless switched", () => {
    store.seedGroup(groupOf("group", intermediate.certificatePem));
    const expired = issueLeaf({ commonName: "dev", issuer: intermediate, notAfter: new Date(now - 60_000) });
    expect(told(judge("dev", expired, intermediate))).toBe("Invalid certificate.");
    const old = createIntermediate({ commonName: "Old", issuer: intermediate, notAfter: new Date(now - 60_000) });
    expect(told(judge("dev", issueLeaf({ commonName: "dev", issuer: old }), old, intermediate))).toBe(
      "Invalid certificate.",
    );
    switches.expiredRefused = false;
    expect(told(judge("dev", expired, intermediate))).toBe("accepted by group");
  });

  test("say nothing to a self-signed stranger and to a leaf of a CA without a group", () => {
    expect(told(judge("dev", selfSignedLeaf({ commonName: "dev" })))).toBe("Unauthorized");
    expect(told(judge("dev", deep, ...shown))).toBe("Unauthorized");
  });

  test("see a CA certificate only after it has propagated", () => {
    const clock = new ManualClock(now);
    store = new DpsStore(clock, switches, () => []);
    matcher = new Matcher(store, switches);
    store.seedGroup(groupOf("group", root.certificatePem));
    const seeded = store.cas.seed("root", root.certificatePem, false);
    store.cas.put("root", { certificate: seeded.certificate, isVerified: true });
    expect(told(judge("dev", deep, ...shown))).toBe("CA certificate not found.");
    clock.advance(switches.caPropagationMs);
    expect(told(judge("dev", deep, ...shown))).toBe("accepted by group");
    store.cas.delete("root");
    expect(told(judge("dev", deep, ...shown))).toBe("accepted by group");
    clock.advance(switches.caPropagationMs);
    expect(told(judge("dev", deep, ...shown))).toBe("CA certificate not found.");
  });
});
