/** A request that cannot be carried out, for the caller to mend: becomes problem+json at the HTTP edge. */
export interface Problem {
  readonly outcome: "problem";
  /** HTTP status. */
  readonly status: 400 | 401 | 403 | 404 | 409 | 410 | 412 | 413 | 415 | 422 | 428 | 503;
  /** Stable kebab-case word, listed in docs/errors.md. */
  readonly code: string;
  /** One sentence for people: what was expected, what was found, what to do. */
  readonly detail: string;
  /** Places in the input and what is wrong there; never the values. */
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
}

export function problem(status: Problem["status"], code: string, detail: string, issues?: Problem["issues"]): Problem {
  return { outcome: "problem", status, code, detail, ...(issues === undefined ? {} : { issues }) };
}

/** Tells a problem from a result. */
export function isProblem(result: object): result is Problem {
  return "outcome" in result && result.outcome === "problem";
}
