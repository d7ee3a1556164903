/** Part of a list that the service hands out in pages, read fresh. A page may be empty though more follow. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; asks for the page after this one. Undefined: this was the last one. */
  readonly next: string | undefined;
}
