/**
 * The containers through which identities leave and enter a hub in bulk, one per export or import. Throws `RollError` for
 * outages of storage, and where a container that is to be read is gone: that must not pass for "nothing was refused".
 */
export interface ImportExportBlobs {
  /**
   * A container for one job, made if it is not there. The same `key` names the same one.
   * @param key 1 to 50 lower-case letters, digits and single `-` between them.
   */
  open(key: string): Promise<JobContainer>;
  /** Replaces the lines that an import will read; each without its line break. */
  writeLines(container: JobContainer, lines: Iterable<string> | AsyncIterable<string>): Promise<void>;
  /** The lines that an export wrote; none where it wrote nothing. Streams: a million lines fit. */
  readLines(container: JobContainer): AsyncIterable<string>;
  /** The lines of an import's error log; none where nothing was refused. */
  readErrors(container: JobContainer): AsyncIterable<string>;
  /** Deletes the container with all in it; one that is gone is no error. */
  discard(container: JobContainer): Promise<void>;
}

/** Where a hub finds its lines. Lives within one activity: `uri` may carry a signature and is neither stored nor logged. */
export interface JobContainer {
  readonly name: string;
  /** What the hub is told. */
  readonly uri: string;
  /** How the hub may enter: by the signature in `uri`, or by its own managed identity. */
  readonly access: HubStorageAccess;
}

export type HubStorageAccess =
  | { readonly kind: "signature" }
  /** Resource id of a user-assigned identity; undefined: the hub's system-assigned one. */
  | { readonly kind: "identity"; readonly userAssigned: string | undefined };
