import type { PolicyVersion } from "../domain/policy/policies";

/** The policies and every version of them. Throws `RollError` (`service-unavailable`) when the storage does not answer. */
export interface PolicyStore {
  /** The version in force; the defaults while nobody has set any. */
  current(): Promise<PolicyVersion>;
  /** Makes `next` the version in force, if the one before it still is; false if somebody else came first. */
  set(next: PolicyVersion): Promise<boolean>;
  /** All versions that were set, newest first. */
  history(): Promise<readonly PolicyVersion[]>;
}
