import type { Severity } from "../../domain/alert/policy";
import type { Authority } from "../../domain/roll/playbook";
import type { Slot } from "../../domain/ids";
import type { OrderedDevice } from "../alert";
import type { HubTold } from "../hub-events";

/** What an alert says is compromised. */
export type FindingScope =
  | { readonly kind: "devices"; readonly devices: readonly OrderedDevice[] }
  | {
      readonly kind: "group";
      readonly groupId: string;
      readonly authority: Authority;
      readonly slots?: readonly Slot[] | undefined;
      readonly thumbprints?: readonly string[] | undefined;
      readonly certificatePems?: readonly string[] | undefined;
      readonly devices?: readonly OrderedDevice[] | undefined;
    }
  /** A certificate by its thumbprint, hex: SHA-256, or SHA-1 where the source knows no better. */
  | { readonly kind: "certificate"; readonly thumbprint: string }
  /** The alert names nothing that could be rolled. */
  | { readonly kind: "none" };

/** An alert of whatever source, in one form. */
export interface Finding {
  /** Who found it: the first part of what keeps an alert from starting twice. */
  readonly source: string;
  /** Its id there: the second part. */
  readonly id: string;
  /** The source's word for what it is. */
  readonly type: string;
  readonly severity: Severity;
  /** Its sender chose to send this one here; false for sources that send everything they have. */
  readonly selected: boolean;
  readonly reason: string;
  /** ISO 8601. */
  readonly detectedAt?: string | undefined;
  /** Azure resource ids and names that it is about, as far as it names any. */
  readonly resources: readonly string[];
  readonly scope: FindingScope;
}

/** What a delivery holds: alerts, and what is none or cannot be read. */
export type ReadAlert =
  | { readonly kind: "finding"; readonly finding: Finding }
  /** Well-formed, and nothing to roll: an alert that was resolved, an event of another kind. */
  | {
      readonly kind: "nothing";
      readonly source: string;
      readonly id: string;
      readonly type: string;
      readonly why: string;
    }
  /** No alert: a hub tells of one of its devices. */
  | { readonly kind: "hub-told"; readonly id: string; readonly told: HubTold }
  | { readonly kind: "unreadable"; readonly issues: readonly { readonly path: string; readonly message: string }[] };

const LONGEST = { id: 200, reason: 1_000, type: 200 } as const;

/** Cuts what a foreign source may make as long as it likes. */
export function clip(text: string, most: keyof typeof LONGEST): string {
  const clean = text.replace(/\p{Cc}+/gu, " ").trim();
  return clean.length <= LONGEST[most] ? clean : `${clean.slice(0, LONGEST[most] - 1)}…`;
}

/** Places in the input and what is wrong there; never the values. */
export function unreadable(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): ReadAlert {
  return {
    kind: "unreadable",
    issues: error.issues.slice(0, 20).map(({ path, message }) => ({ path: path.map(String).join("."), message })),
  };
}
