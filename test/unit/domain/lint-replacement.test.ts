import {
  lintReplacement,
  type Candidate,
  type ReplacementContext,
} from "../../../shared/domain/certificate/lint-replacement";
import { addMs } from "../../../shared/domain/instant";
import type { CertificateFacts } from "../../../shared/domain/certificate/facts";
import { DEFAULT_POLICY } from "../../../shared/domain/certificate/policy";
import { aCandidate, aCertificate, aContext, anAnchor, anIssuer, leaked, t0 } from "../../support/builders";

const DAY = 86_400_000;

interface Flaw {
  readonly leaf?: Partial<CertificateFacts>;
  readonly candidate?: Partial<Candidate>;
  readonly context?: Partial<ReplacementContext>;
}

const key = aCertificate().publicKeySha256;

/** One flaw per code, in the order in which the rules speak. */
const flaws: readonly (readonly [code: string, flaw: Flaw])[] = [
  ["common-name-differs", { leaf: { commonName: "pump-2" } }],
  ["not-a-leaf", { leaf: { isAuthority: true } }],
  ["same-key", { context: { compromisedKeys: new Set(["D".repeat(64), key]) } }],
  ["key-shared", { context: { keysOfOthers: new Set([key]) } }],
  ["certificate-in-use", { context: { usedBy: "pump-2" } }],
  ["not-yet-valid", { leaf: { notBefore: addMs(t0, 1) } }],
  ["expired", { leaf: { notAfter: t0 } }],
  ["validity-too-long", { context: { policy: { ...DEFAULT_POLICY, maxLeafDays: 90 } } }],
  ["weak-key", { leaf: { publicKey: { kind: "ec", curve: "secp256k1" } } }],
  ["weak-signature", { leaf: { signatureHash: "sha1" } }],
  ["not-for-client-auth", { leaf: { extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] } }],
  ["chain-broken", { candidate: { linked: false } }],
  ["path-length-exceeded", { candidate: { issuers: [anIssuer(), anIssuer({ pathLength: 0 })] } }],
  ["outlives-issuer", { candidate: { issuers: [anIssuer({ notAfter: addMs(t0, 89 * DAY) })] } }],
  ["self-signed-in-group", { candidate: { selfSigned: true }, context: { entry: "group" } }],
  ["chain-not-anchored", { candidate: { anchor: undefined } }],
];

function lint(all: readonly Flaw[]): ReturnType<typeof lintReplacement> {
  const leaf = aCertificate(merged(all.map((flaw) => flaw.leaf)));
  const issuers = all.flatMap((flaw) => flaw.candidate?.issuers ?? []);
  const changes = { ...merged(all.map((flaw) => flaw.candidate)), ...(issuers.length > 0 ? { issuers } : {}) };
  const candidate = aCandidate({ leaf, ...changes });
  return lintReplacement(candidate, aContext(merged(all.map((flaw) => flaw.context))));
}

function merged<T>(parts: readonly (Partial<T> | undefined)[]): Partial<T> {
  return parts.reduce<Partial<T>>((all, part) => ({ ...all, ...part }), {});
}

describe("a replacement", () => {
  it("without a flaw is accepted, without warnings", () => {
    expect(lint([])).toEqual({ refusal: undefined, warnings: [] });
  });

  it.each(flaws)("is refused as %s for that flaw alone", (code, flaw) => {
    expect(lint([flaw]).refusal?.code).toBe(code);
  });

  it.each(flaws.map(([code], at) => [code, at] as const))(
    "is refused as %s while this and every later flaw is in it",
    (code, at) => {
      expect(lint(flaws.slice(at).map(([, flaw]) => flaw)).refusal?.code).toBe(code);
    },
  );

  it.each<[string, string, Flaw]>([
    ["common-name-differs", "has no common name", { leaf: { commonName: undefined } }],
    ["same-key", "is the compromised certificate itself", { leaf: { sha256Thumbprint: leaked } }],
    ["weak-key", "has a short RSA key", { leaf: { publicKey: { kind: "rsa", bits: 2_047 } } }],
    [
      "weak-key",
      "has a key of a kind DPS does not document",
      { leaf: { publicKey: { kind: "other", name: "ed25519" } } },
    ],
    [
      "weak-key",
      "has an issuer with a weak key",
      { candidate: { issuers: [anIssuer({ publicKey: { kind: "rsa", bits: 1_024 } })] } },
    ],
    [
      "weak-signature",
      "has an issuer signed with MD5",
      { candidate: { issuers: [anIssuer({ signatureHash: "md5" })] } },
    ],
    ["compromised-issuer", "comes from a compromised CA", { context: { compromisedKeys: new Set(["C".repeat(64)]) } }],
    [
      "not-yet-valid",
      "has an issuer that begins later",
      { candidate: { issuers: [anIssuer({ notBefore: addMs(t0, 1) })] } },
    ],
    [
      "validity-too-short",
      "ends sooner than the policy wants",
      { context: { policy: { ...DEFAULT_POLICY, minRemainingHours: 90 * 24 + 1 } } },
    ],
    [
      "weak-key",
      "has a shorter RSA key than the policy wants",
      {
        leaf: { publicKey: { kind: "rsa", bits: 2_048 } },
        context: { policy: { ...DEFAULT_POLICY, minRsaBits: 3_072 } },
      },
    ],
    [
      "weak-signature",
      "is signed with a hash that the policy does not name",
      { context: { policy: { ...DEFAULT_POLICY, hashes: ["sha384"] } } },
    ],
    [
      "outlives-issuer",
      "outlives a certificate of its chain",
      { candidate: { issuers: [anIssuer({ notAfter: addMs(t0, 89 * DAY) })] } },
    ],
    ["not-for-client-auth", "has an empty extended key usage", { leaf: { extendedKeyUsage: [] } }],
  ])("is refused as %s if it %s", (code, _why, flaw) => {
    expect(lint([flaw]).refusal?.code).toBe(code);
  });

  it.each<[string, Flaw]>([
    ["its common name has another case than the registration id", { leaf: { commonName: "PUMP-1" } }],
    ["it is valid from this moment on", { leaf: { notBefore: t0 } }],
    ["it has a moment left", { leaf: { notAfter: addMs(t0, 1) } }],
    ["it has an RSA key of 2048 bits", { leaf: { publicKey: { kind: "rsa", bits: 2_048 } } }],
    ["its extended key usage is absent", { leaf: { extendedKeyUsage: undefined } }],
    ["its signature algorithm names no hash", { leaf: { signatureHash: undefined } }],
    [
      "it is valid for exactly as long as the policy allows",
      { context: { policy: { ...DEFAULT_POLICY, maxLeafDays: 91 } } },
    ],
    [
      "its issuer allows no CA below it and has none",
      { candidate: { issuers: [anIssuer({ pathLength: 0 }), anIssuer({ pathLength: 1 })] } },
    ],
    ["it comes from a CA in a group", { context: { entry: "group" } }],
    ["it ends with its issuer", { candidate: { issuers: [anIssuer({ notAfter: aCertificate().notAfter })] } }],
  ])("is accepted if %s", (_why, flaw) => {
    expect(lint([flaw]).refusal).toBeUndefined();
  });

  it("that vouches for itself needs no anchor, but is warned of", () => {
    const verdict = lint([{ candidate: { selfSigned: true, anchor: undefined, issuers: [] } }]);
    expect(verdict).toEqual({ refusal: undefined, warnings: ["self-signed"] });
  });

  it("whose key cannot be compared with the compromised one is warned of", () => {
    expect(lint([{ context: { compromisedKeys: new Set() } }]).warnings).toEqual(["same-key-unchecked"]);
  });

  it.each<[string, Flaw]>([
    ["signed it", { leaf: { issuerCommonName: "Bench CA" } }],
    ["stands in its chain", { candidate: { issuers: [anIssuer({ commonName: "Bench CA" })] } }],
    ["is its anchor", { candidate: { anchor: anAnchor({ commonName: "Bench CA" }) } }],
  ])("is warned of if a CA for tests %s", (_where, flaw) => {
    const policy = { ...DEFAULT_POLICY, testAuthorities: ["Bench CA"] };
    expect(lint([flaw, { context: { policy } }])).toEqual({ refusal: undefined, warnings: ["test-ca"] });
    expect(lint([flaw]).warnings).toEqual([]);
  });

  it("refused says what to do and carries no warnings", () => {
    for (const [, flaw] of flaws) {
      const { refusal, warnings } = lint([flaw]);
      expect(refusal?.detail.length).toBeGreaterThan(20);
      expect(warnings).toEqual([]);
    }
  });
});
