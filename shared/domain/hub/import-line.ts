import { z } from "zod";
import { DeviceId, Etag } from "../ids";
import { bulkRefusal, type BulkRefusal } from "./bulk-refusal";

/** An identity as an import is to leave it. */
export interface ImportedIdentity {
  readonly deviceId: DeviceId;
  /** Version of the identity that was read; another one is left alone. */
  readonly etag: Etag;
  readonly status: "enabled" | "disabled";
  /** At most 128 characters; undefined clears it. */
  readonly statusReason: string | undefined;
  /** Undefined leaves the slot empty; one of the two must be filled. */
  readonly primaryThumbprint: string | undefined;
  readonly secondaryThumbprint: string | undefined;
  readonly iotEdge: boolean;
}

/**
 * One line of an import, without its line break: the identity is updated if its ETag is still this one. All of the
 * authentication is there, because what a line leaves out becomes a default, and that is a shared key.
 */
export function importLine(identity: ImportedIdentity): string {
  const { primaryThumbprint = null, secondaryThumbprint = null } = identity;
  return JSON.stringify({
    id: identity.deviceId,
    eTag: identity.etag,
    importMode: "updateIfMatchETag",
    status: identity.status,
    statusReason: identity.statusReason ?? null,
    authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint, secondaryThumbprint } },
    capabilities: { iotEdge: identity.iotEdge },
  });
}

/** An identity as an export shows it: fresh when it was written, and only then. */
export interface ExportedIdentity {
  readonly deviceId: DeviceId;
  /** Set for the identity of a module. */
  readonly moduleId: string | undefined;
  readonly etag: Etag;
  readonly status: "enabled" | "disabled";
  readonly authentication: "selfSigned" | "certificateAuthority" | "sas" | "none";
  /** Upper-case hex; undefined where the slot is empty. */
  readonly primaryThumbprint: string | undefined;
  readonly secondaryThumbprint: string | undefined;
  readonly iotEdge: boolean;
}

const thumbprint = z
  .string()
  .toUpperCase()
  .nullish()
  .transform((text) => (text ? text : undefined));

const ExportLine = z.object({
  id: DeviceId,
  moduleId: z.string().nullish(),
  eTag: Etag,
  status: z.enum(["enabled", "disabled"]).default("enabled"),
  authentication: z.object({
    type: z.enum(["selfSigned", "certificateAuthority", "sas", "none"]),
    x509Thumbprint: z.object({ primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint }).nullish(),
  }),
  capabilities: z.object({ iotEdge: z.boolean().nullish() }).nullish(),
});

/** Reads a line of an export; undefined: it has not the documented form. */
export function readExportLine(line: string): ExportedIdentity | undefined {
  const read = ExportLine.safeParse(jsonOf(line));
  if (!read.success) return undefined;
  const { id, moduleId, eTag, status, authentication, capabilities } = read.data;
  return {
    deviceId: id,
    moduleId: moduleId ?? undefined,
    etag: eTag,
    status,
    authentication: authentication.type,
    primaryThumbprint: authentication.x509Thumbprint?.primaryThumbprint,
    secondaryThumbprint: authentication.x509Thumbprint?.secondaryThumbprint,
    iotEdge: capabilities?.iotEdge ?? false,
  };
}

/** A line that an import refused. */
export interface ImportError {
  readonly deviceId: DeviceId;
  readonly refusal: BulkRefusal;
  /** At most 300 characters. */
  readonly detail: string;
}

const ErrorLine = z.object({
  deviceId: DeviceId,
  errorCode: z.union([z.string(), z.number()]).nullish(),
  errorStatus: z.string().nullish(),
});

/** Reads a line of an import's error log; undefined: it names no device. */
export function readImportError(line: string): ImportError | undefined {
  const read = ErrorLine.safeParse(jsonOf(line));
  if (!read.success) return undefined;
  const { deviceId, errorCode, errorStatus } = read.data;
  const detail = `${errorCode ?? ""} ${errorStatus ?? ""}`.trim().slice(0, 300);
  return { deviceId, refusal: bulkRefusal(errorCode), detail };
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
