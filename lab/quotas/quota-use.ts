/** Something that a service meters was asked for. */
export interface QuotaUse {
  /** The service's own name of the throttle: `operations`, `registrations` or `polls` of DPS, those of a hub as in `throttlesOf`. */
  readonly name: string;
  readonly cost: number;
  /** False: there was not enough left of it, so that the caller was refused or made to wait. */
  readonly granted: boolean;
}

/** Hears of each use, also while throttles are off; must not throw. */
export type QuotaListener = (use: QuotaUse) => void;
