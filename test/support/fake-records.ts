import { X509Certificate } from "node:crypto";
import type { ServiceFailure } from "../../shared/adapters/azure/sdk-errors";
import { Etag, Sha256Thumbprint } from "../../shared/domain/ids";
import { parseInstant } from "../../shared/domain/instant";
import type { EntryDeletion, SlotView } from "../../shared/ports/entries";
import type { Page } from "../../shared/ports/page";

/** ETags that no record had before, quotes and all, as DPS writes them. */
export class Versions {
  private version = 0;

  /** How many there were. */
  get count(): number {
    return this.version;
  }

  next(): Etag {
    this.version += 1;
    return Etag.parse(`"${this.version.toString(16).padStart(8, "0")}-0000-0800-0000-000000000000"`);
  }

  /** A registration record's: base64 of the quoted text. */
  nextOfRegistration(): Etag {
    return Etag.parse(Buffer.from(this.next()).toString("base64"));
  }
}

/** A page of at most a hundred in the order of their keys; the cursor is the last key, so that deletions skip nobody. */
export function pageOf<T>(records: ReadonlyMap<string, T>, cursor: string | undefined): Page<T> {
  const keys = [...records.keys()].sort().filter((key) => cursor === undefined || key > cursor);
  const shown = keys.slice(0, 100);
  return {
    items: shown.flatMap((key) => records.get(key) ?? []),
    next: keys.length > shown.length ? shown.at(-1) : undefined,
  };
}

/** What a status that a fault asks for means to a guarded write or deletion. */
export function refusedWrite({ status }: ServiceFailure): Exclude<EntryDeletion, { outcome: "deleted" }> | undefined {
  if (status === 412) return { outcome: "precondition-failed" };
  if (status === 404) return { outcome: "missing" };
  return status === 400 ? { outcome: "refused", detail: "fault" } : undefined;
}

/** What a status that a fault asks for means to the making of a record. */
export function refusedCreation({ status }: ServiceFailure): { outcome: "refused"; detail: string } | undefined {
  return status === 400 || status === 412 ? { outcome: "refused", detail: "fault" } : undefined;
}

/** A certificate as DPS shows it; undefined for text that is none. */
export function slotViewOf(pem: string): SlotView | undefined {
  try {
    const certificate = new X509Certificate(pem);
    return {
      sha256Thumbprint: Sha256Thumbprint.parse(certificate.fingerprint256.replaceAll(":", "")),
      notAfter: parseInstant(certificate.validTo),
      subjectName: certificate.subject.replaceAll("\n", ", "),
      issuerName: certificate.issuer.replaceAll("\n", ", "),
    };
  } catch {
    return undefined;
  }
}
