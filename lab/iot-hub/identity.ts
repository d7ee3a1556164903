import { randomBytes } from "node:crypto";
import { z } from "zod";
import { invalid } from "./errors";

export type AuthenticationType = "sas" | "selfSigned" | "certificateAuthority" | "none";

/** How a device or a module proves who it is. */
export interface Authentication {
  readonly type: AuthenticationType;
  /** 40 (SHA-1) or 64 (SHA-256) hex digits, upper case; null: the slot is free. */
  readonly primaryThumbprint: string | null;
  readonly secondaryThumbprint: string | null;
  /** Base64; set for `sas` only. */
  readonly primaryKey: string | null;
  readonly secondaryKey: string | null;
}

/** A device or a module as the registry holds it. Never changed in place: a write replaces it. */
export interface Identity {
  readonly deviceId: string;
  readonly moduleId?: string;
  /** Changes when the id is deleted and created again. */
  readonly generationId: string;
  /** Grows with every write; shown as base64 of its digits. */
  readonly version: number;
  readonly status: "enabled" | "disabled";
  readonly statusReason: string | null;
  /** Milliseconds since the epoch; 0: never. */
  readonly statusUpdatedAt: number;
  readonly authentication: Authentication;
  readonly iotEdge: boolean;
  readonly managedBy?: string;
}

/** The key of an identity in maps: module ids cannot contain a slash, device ids neither. */
export function identityKey(deviceId: string, moduleId?: string): string {
  return moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
}

export function etagOf(identity: Identity): string {
  return Buffer.from(String(identity.version)).toString("base64");
}

/** Microsoft docs, iot-hub-devguide-identity-registry: up to 128 of these characters, case-sensitive. */
const idPattern = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/;

export function checkDeviceId(id: string): void {
  if (!idPattern.test(id)) throw invalid(`The device id '${id}' is not valid.`);
}

export function checkModuleId(id: string): void {
  if (!idPattern.test(id)) throw invalid(`The module id '${id}' is not valid.`);
}

const thumbprint = z
  .string()
  .nullish()
  .transform((text) =>
    text === undefined || text === null || text === "" ? null : text.replaceAll(":", "").toUpperCase(),
  )
  .refine((text) => text === null || /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/.test(text), {
    message: "A thumbprint is 40 (SHA-1) or 64 (SHA-256) hex digits.",
  });

const key = z
  .string()
  .nullish()
  .transform((text) => (text === undefined || text === "" ? null : text))
  .refine(
    (text) => text === null || (/^[A-Za-z0-9+/]+={0,2}$/.test(text) && keyBytes(text) >= 16 && keyBytes(text) <= 64),
    {
      message: "A key is 16 to 64 bytes in base64.",
    },
  );

const authenticationSchema = z.object({
  type: z.enum(["sas", "selfSigned", "certificateAuthority", "none"]).nullish(),
  symmetricKey: z.object({ primaryKey: key, secondaryKey: key }).nullish(),
  x509Thumbprint: z.object({ primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint }).nullish(),
});

const identitySchema = z.object({
  status: z.enum(["enabled", "disabled"]).nullish(),
  statusReason: z.string().max(128).nullish(),
  authentication: authenticationSchema.nullish(),
  capabilities: z.object({ iotEdge: z.boolean().nullish() }).nullish(),
  managedBy: z.string().nullish(),
});

/** What a request may set of an identity. */
export interface IdentityFields {
  readonly status: "enabled" | "disabled";
  readonly statusReason: string | null;
  readonly authentication: Authentication;
  readonly iotEdge: boolean;
  readonly managedBy?: string;
}

/**
 * Reads the writable fields of a device or module. The registry takes a whole identity: what is absent gets its
 * default, so a body without `authentication` turns an X.509 device into one with generated keys.
 */
export function parseIdentityFields(body: unknown): IdentityFields {
  const parsed = identitySchema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "The identity is not valid."}`);
  }
  const { status, statusReason, authentication, capabilities, managedBy } = parsed.data;
  return {
    status: status ?? "enabled",
    statusReason: statusReason ?? null,
    authentication: authenticationOf(authentication),
    iotEdge: capabilities?.iotEdge ?? false,
    ...(managedBy ? { managedBy } : {}),
  };
}

function authenticationOf(wire: z.output<typeof authenticationSchema> | null | undefined): Authentication {
  const primaryThumbprint = wire?.x509Thumbprint?.primaryThumbprint ?? null;
  const secondaryThumbprint = wire?.x509Thumbprint?.secondaryThumbprint ?? null;
  const type =
    (wire?.type ?? (primaryThumbprint ?? secondaryThumbprint) === null) ? (wire?.type ?? "sas") : "selfSigned";
  if (type === "selfSigned") {
    if (primaryThumbprint === null && secondaryThumbprint === null) {
      throw invalid("A device with self-signed X.509 authentication needs at least one thumbprint.");
    }
    return { type, primaryThumbprint, secondaryThumbprint, primaryKey: null, secondaryKey: null };
  }
  if (type !== "sas") {
    return { type, primaryThumbprint: null, secondaryThumbprint: null, primaryKey: null, secondaryKey: null };
  }
  return {
    type,
    primaryThumbprint: null,
    secondaryThumbprint: null,
    primaryKey: wire?.symmetricKey?.primaryKey ?? randomBytes(32).toString("base64"),
    secondaryKey: wire?.symmetricKey?.secondaryKey ?? randomBytes(32).toString("base64"),
  };
}

/** Self-signed X.509 with these thumbprints; the second defaults to none. */
export function x509Authentication(primary: string, secondary: string | null = null): Authentication {
  return {
    type: "selfSigned",
    primaryThumbprint: primary,
    secondaryThumbprint: secondary,
    primaryKey: null,
    secondaryKey: null,
  };
}

function keyBytes(text: string): number {
  return Buffer.from(text, "base64").length;
}
