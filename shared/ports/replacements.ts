import type { RegistrationId, RollId } from "../domain/ids";

/**
 * Where the leaves come from that are ready beforehand: in the request, or in a container that a factory or another service
 * fills. (`csr` and `device-managed` are kinds of a roll's replacement too; those leaves are made while the roll goes on and
 * are not found here.) Throws `RollError` when storage does not answer.
 */
export interface ReplacementSource {
  /**
   * What there is for one device. Its own certificate in the request goes before the roll's source. Reads anew each time,
   * until a chain is kept: from then on it is that one.
   */
  find(rollId: RollId, wanted: WantedReplacement): Promise<FoundReplacement>;

  /**
   * Keeps the chain that the rules accepted, so that stage and dispatch use the same bytes whatever happens at the source.
   * The first one stands; answers the one that stands. Safe to run twice, also at the same time.
   */
  keep(rollId: RollId, registrationId: RegistrationId, chainPem: string): Promise<string>;

  /** The chain that is kept for this device: accepted beforehand, or issued for its request. */
  kept(rollId: RollId, registrationId: RegistrationId): Promise<string | undefined>;
}

/** The part of a roll's target that says which leaf it is to get. */
export interface WantedReplacement {
  readonly registrationId: RegistrationId;
  readonly replacement: GivenReplacement;
  /** The roll's source, for targets that brought nothing themselves; absent: none. */
  readonly source?: "inline" | "blob" | "csr" | "device-managed" | "none" | undefined;
}

export type GivenReplacement =
  | { readonly kind: "inline"; readonly chainPem: string }
  | { readonly kind: "none" }
  | { readonly kind: "discarded"; readonly code: DiscardCode };

/** Why a text was not even kept for the rules to judge. */
export type DiscardCode = "private-key-in-input" | "certificate-unreadable";

export type FoundReplacement =
  | { readonly kind: "inline" | "blob"; readonly chainPem: string }
  | { readonly kind: "none" }
  /** Not used and not kept: it held a private key, or nothing readable. */
  | { readonly kind: "discarded"; readonly code: DiscardCode };
