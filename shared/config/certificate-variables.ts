import { z } from "zod";
import { CertificatePolicy, DEFAULT_POLICY } from "../domain/certificate/policy";
import { CertificateProfile, CLIENT_AUTH, DEFAULT_PROFILE } from "../domain/certificate/profile";
import { readJson } from "./variables";

/** What to do about an unreadable `ROLLCALL_CERTIFICATE_POLICY`. */
export const POLICY_FORM =
  'leave it out, or give a JSON object with any of minRsaBits, curves, hashes, minRemainingHours, maxLeafDays, testAuthorities, such as {"maxLeafDays": 365, "testAuthorities": ["Lab Root"]}';

/** What the JSON object says, over the defaults; undefined for anything else. */
export function readPolicy(text: string): CertificatePolicy | undefined {
  const given = CertificatePolicy.partial().safeParse(readJson(text));
  if (!given.success) return undefined;
  return CertificatePolicy.safeParse({ ...DEFAULT_POLICY, ...given.data }).data;
}

const Path = z.string().min(1);
const Profile = CertificateProfile.partial().strict();

const FileAuthority = z.strictObject({ kind: z.literal("file-ca"), certFile: Path, keyFile: Path });
const VaultAuthority = z.strictObject({
  kind: z.literal("key-vault"),
  /** With its version: a key that the vault rotates is another CA. */
  keyId: z.string().regex(/^https:\/\/[a-z0-9.-]+\/keys\/[A-Za-z0-9-]{1,127}\/[0-9a-f]{32}$/i),
  chainFile: Path,
});
const EstServer = z.strictObject({
  kind: z.literal("est"),
  url: z.url({ protocol: /^https$/ }),
  caFile: Path.optional(),
  user: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  certFile: Path.optional(),
  keyFile: Path.optional(),
});

const Issuer = z.discriminatedUnion("kind", [
  FileAuthority.extend({ profile: Profile.optional() }),
  VaultAuthority.extend({ profile: Profile.optional() }),
  EstServer,
]);
type Issuer = z.infer<typeof Issuer>;
const Signers = z.array(z.discriminatedUnion("kind", [FileAuthority, VaultAuthority])).max(25);
type Signers = z.infer<typeof Signers>;

/** A CA whose key the app may use, with its files read. */
export type AuthoritySettings =
  | { readonly kind: "file-ca"; readonly certificatesPem: string; readonly privateKeyPem: string }
  | { readonly kind: "key-vault"; readonly keyId: string; readonly chainPem: string };

export interface EstSettings {
  readonly kind: "est";
  readonly url: string;
  readonly caPem: string | undefined;
  readonly as:
    | { readonly kind: "password"; readonly user: string; readonly password: string }
    | { readonly kind: "certificate"; readonly certificatePem: string; readonly privateKeyPem: string };
}

/** Who issues leaves for certificate requests, and what stands in them (an EST server decides that itself). */
export type IssuerSettings = (AuthoritySettings | EstSettings) & { readonly profile: CertificateProfile };

/** What to do about an unreadable `ROLLCALL_ISSUER`. */
export const ISSUER_FORM =
  'leave it out, or give {"kind": "key-vault", "keyId": "https://<vault>.vault.azure.net/keys/<name>/<version>", "chainFile": "…"}, {"kind": "est", "url": "https://…/.well-known/est", "caFile": "…", "user": "…", "password": "…"} (or certFile and keyFile instead of user and password), or for labs {"kind": "file-ca", "certFile": "…", "keyFile": "…"}; "profile" may hold validityHours, backdateMinutes, extendedKeyUsage (with clientAuth), organization, uriPrefix';

export function readIssuer(text: string): Issuer | undefined {
  const { data } = Issuer.safeParse(readJson(text));
  if (data === undefined) return undefined;
  if (data.kind !== "est") return data.profile?.extendedKeyUsage?.includes(CLIENT_AUTH) === false ? undefined : data;
  return estIdentity(data) === undefined ? undefined : data;
}

/** What to do about an unreadable `ROLLCALL_CA_SIGNERS`. */
export const SIGNERS_FORM =
  'leave it out, or give a JSON array of CAs whose keys the app may use to prove possession: {"kind": "key-vault", "keyId": "https://<vault>.vault.azure.net/keys/<name>/<version>", "chainFile": "…"} or {"kind": "file-ca", "certFile": "…", "keyFile": "…"}';

export function readSigners(text: string): Signers | undefined {
  return Signers.safeParse(readJson(text)).data;
}

/** A blob container's name (Microsoft docs: Naming and referencing containers, blobs, and metadata). */
export function readContainerName(text: string): string | undefined {
  return /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text) ? text : undefined;
}

/** Reads the text of a file that a variable names under `field`. */
export type ReadNamedFile = (field: string, path: string) => string;

/** The same with the files' contents. */
export function withFiles(given: Signers[number], read: ReadNamedFile): AuthoritySettings {
  return given.kind === "file-ca"
    ? {
        kind: given.kind,
        certificatesPem: read("certFile", given.certFile),
        privateKeyPem: read("keyFile", given.keyFile),
      }
    : { kind: given.kind, keyId: given.keyId, chainPem: read("chainFile", given.chainFile) };
}

export function issuerWithFiles(given: Issuer, read: ReadNamedFile): IssuerSettings {
  if (given.kind !== "est") {
    const { profile, ...authority } = given;
    return { ...withFiles(authority, read), profile: CertificateProfile.parse({ ...DEFAULT_PROFILE, ...profile }) };
  }
  const as = estIdentity(given);
  if (as === undefined) throw new RangeError("readIssuer lets no such value pass");
  return {
    kind: "est",
    url: given.url,
    caPem: given.caFile === undefined ? undefined : read("caFile", given.caFile),
    as:
      as.kind === "password"
        ? as
        : {
            kind: as.kind,
            certificatePem: read("certFile", as.certFile),
            privateKeyPem: read("keyFile", as.keyFile),
          },
    profile: DEFAULT_PROFILE,
  };
}

/** User and password, or certificate and key: exactly one of the two. */
function estIdentity({ user, password, certFile, keyFile }: z.infer<typeof EstServer>) {
  const byPassword = user !== undefined && password !== undefined;
  const byCertificate = certFile !== undefined && keyFile !== undefined;
  if (byPassword && certFile === undefined && keyFile === undefined)
    return { kind: "password", user, password } as const;
  if (byCertificate && user === undefined && password === undefined)
    return { kind: "certificate", certFile, keyFile } as const;
  return undefined;
}
