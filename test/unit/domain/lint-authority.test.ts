import type { CertificateFacts } from "../../../shared/domain/certificate/facts";
import {
  lintAuthority,
  type AuthorityCandidate,
  type AuthorityContext,
} from "../../../shared/domain/certificate/lint-authority";
import { DEFAULT_POLICY } from "../../../shared/domain/certificate/policy";
import { addMs } from "../../../shared/domain/instant";
import { anAnchor, anIssuer, t0, thumbprint } from "../../support/builders";

interface Flaw {
  readonly certificate?: Partial<CertificateFacts>;
  readonly candidate?: Partial<AuthorityCandidate>;
  readonly context?: Partial<AuthorityContext>;
}

const successor = anIssuer();

/** One flaw per code, in the order in which the rules speak. */
const flaws: readonly (readonly [code: string, flaw: Flaw])[] = [
  ["not-an-authority", { certificate: { isAuthority: false } }],
  ["not-for-signing", { certificate: { keyUsage: ["digitalSignature", "cRLSign"] } }],
  ["same-key", { context: { compromisedKeys: new Set(["D".repeat(64), successor.publicKeySha256]) } }],
  ["not-yet-valid", { certificate: { notBefore: addMs(t0, 1) } }],
  ["expired", { certificate: { notAfter: t0 } }],
  ["weak-key", { certificate: { publicKey: { kind: "rsa", bits: 1_024 } } }],
  ["weak-signature", { certificate: { signatureHash: "sha1" } }],
  ["path-length-exceeded", { certificate: { pathLength: 0 }, context: { authoritiesBelow: 1 } }],
  ["chain-broken", { candidate: { linked: false } }],
  ["outlives-issuer", { candidate: { issuers: [anIssuer({ notAfter: addMs(t0, 1) })] } }],
  [
    "certificate-in-use",
    { context: { existing: [{ name: "old-name", sha256Thumbprint: successor.sha256Thumbprint }] } },
  ],
  ["name-taken", { context: { existing: [{ name: "Next-CA", sha256Thumbprint: thumbprint("9") }] } }],
];

function lint(all: readonly Flaw[]): ReturnType<typeof lintAuthority> {
  const certificate = anIssuer(merged(all.map((flaw) => flaw.certificate)));
  return lintAuthority(
    {
      certificate,
      issuers: [],
      linked: true,
      selfSigned: false,
      anchor: anAnchor(),
      ...merged(all.map((flaw) => flaw.candidate)),
    },
    {
      role: "intermediate",
      name: "next-ca",
      existing: [{ name: "fleet-root", sha256Thumbprint: thumbprint("F") }],
      authoritiesBelow: 0,
      bad: [],
      compromisedKeys: new Set(["D".repeat(64)]),
      policy: DEFAULT_POLICY,
      now: t0,
      ...merged(all.map((flaw) => flaw.context)),
    },
  );
}

function merged<T>(parts: readonly (Partial<T> | undefined)[]): Partial<T> {
  return parts.reduce<Partial<T>>((all, part) => ({ ...all, ...part }), {});
}

describe("a CA that is to take over", () => {
  it("without a flaw is accepted, without warnings", () => {
    expect(lint([])).toEqual({ refusal: undefined, warnings: [] });
  });

  it.each(flaws)("is refused as %s for that flaw alone", (code, flaw) => {
    expect(lint([flaw]).refusal?.code).toBe(code);
  });

  it.each(flaws.slice(0, -2).map(([code], at) => [code, at] as const))(
    "is refused as %s while this and every later flaw is in it",
    (code, at) => {
      expect(lint(flaws.slice(at).map(([, flaw]) => flaw)).refusal?.code).toBe(code);
    },
  );

  it.each<[string, string, Flaw]>([
    ["same-key", "is the compromised certificate itself", { context: { bad: [successor.sha256Thumbprint] } }],
    [
      "compromised-issuer",
      "comes from the compromised root",
      { candidate: { issuers: [anIssuer({ publicKeySha256: "D".repeat(64), sha256Thumbprint: thumbprint("8") })] } },
    ],
    ["outlives-issuer", "outlives the root in DPS", { candidate: { anchor: anAnchor({ notAfter: addMs(t0, 1) }) } }],
    [
      "chain-not-anchored",
      "stands in a group's slot only, below no verified CA",
      { candidate: { anchor: undefined }, context: { name: undefined } },
    ],
    [
      "validity-too-short",
      "ends sooner than the policy wants",
      {
        certificate: { notAfter: addMs(t0, 3_599_999) },
        context: { policy: { ...DEFAULT_POLICY, minRemainingHours: 1 } },
      },
    ],
  ])("is refused as %s if it %s", (code, _why, flaw) => {
    expect(lint([flaw]).refusal?.code).toBe(code);
  });

  it.each<[string, Flaw]>([
    ["it states no key usage", { certificate: { keyUsage: undefined } }],
    ["its path length just suffices", { certificate: { pathLength: 1 }, context: { authoritiesBelow: 1 } }],
    [
      "it is a root that nothing vouches for yet",
      { candidate: { selfSigned: true, anchor: undefined }, context: { role: "root" } },
    ],
    [
      "it is an intermediate without anything above, and is to have a name of its own that is proven",
      { candidate: { anchor: undefined } },
    ],
    [
      "DPS has it under that name, written in another case",
      { context: { existing: [{ name: "NEXT-CA", sha256Thumbprint: successor.sha256Thumbprint }] } },
    ],
    [
      "it is for a group's slot and stands among the CA certificates too",
      { context: { name: undefined, existing: [{ name: "next-ca", sha256Thumbprint: successor.sha256Thumbprint }] } },
    ],
  ])("is accepted if %s", (_why, flaw) => {
    expect(lint([flaw]).refusal).toBeUndefined();
  });

  it("is warned of where its key cannot be compared and where it is for tests", () => {
    const policy = { ...DEFAULT_POLICY, testAuthorities: ["Fleet Root"] };
    expect(lint([{ context: { compromisedKeys: new Set(), policy } }]).warnings).toEqual([
      "same-key-unchecked",
      "test-ca",
    ]);
  });

  it("refused says what to do", () => {
    for (const [, flaw] of flaws) expect(lint([flaw]).refusal?.detail).toMatch(/[;,:] /);
  });
});
