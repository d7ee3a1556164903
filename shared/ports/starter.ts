import type { RollId } from "../domain/ids";
import type { Playbook } from "../domain/roll/playbook";

/** Starts and looks up durable instances; a roll's instance is called like the roll. */
export interface RollStarter {
  /** Starts the playbook's orchestration, or its dry run; resolves if that instance runs already. */
  start(playbook: Playbook, rollId: RollId, how: { readonly dryRun: boolean }): Promise<void>;
  /** Starts what ends a roll whose books are closed, or resolves if that instance runs already. */
  finish(rollId: RollId): Promise<void>;
  status(rollId: RollId): Promise<"running" | "completed" | "failed" | "terminated" | "absent">;
}

/** Checks the signature of an alert; knows the secrets, which never leave the adapter. */
export interface AlertSignatures {
  /** True if `signature` (`sha256=<hex>`) is the HMAC-SHA256 over `timestamp + "." + body` under an active secret. */
  verify(timestamp: string, body: Uint8Array, signature: string): boolean;
}
