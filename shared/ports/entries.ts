import type { Etag, Sha256Thumbprint } from "../domain/ids";
import type { Instant } from "../domain/instant";

/** A certificate in a slot of an individual enrollment or a group, as DPS shows it: never the certificate itself. */
export interface SlotView {
  readonly sha256Thumbprint: Sha256Thumbprint;
  readonly notAfter: Instant | undefined;
  readonly subjectName: string;
  /** Undefined where the service leaves it out. */
  readonly issuerName: string | undefined;
}

/** What came of a guarded write of an individual enrollment or a group. */
export type EntryWrite =
  | { readonly outcome: "written"; readonly etag: Etag; readonly lastUpdatedAt: Instant | undefined }
  /** 412: somebody else wrote since it was read. Read and decide again. */
  | { readonly outcome: "precondition-failed" }
  /** 404: it was deleted since it was read. */
  | { readonly outcome: "missing" }
  /** 400 or another refusal that trying again will not change. */
  | { readonly outcome: "refused"; readonly detail: string };

/** What came of a guarded deletion of an entry or a registration record. */
export type EntryDeletion =
  | { readonly outcome: "deleted" }
  /** Nobody has to delete it any more. */
  | { readonly outcome: "missing" }
  /** 412: somebody else wrote since it was read. */
  | { readonly outcome: "precondition-failed" }
  | { readonly outcome: "refused"; readonly detail: string };
