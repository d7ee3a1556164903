import { z } from "zod";

/** What somebody may do. `reader` sees, `operator` starts and steers, `approver` lets plans and overrides pass. */
export const Role = z.enum(["reader", "operator", "approver"]);
export type Role = z.infer<typeof Role>;

/** Who asks. */
export interface Principal {
  /** `person`: signed in and named. `key`: somebody who holds the app's function key, whoever that is. */
  readonly kind: "person" | "key";
  /** What stands in journals and reports. */
  readonly name: string;
  /** Tells persons apart, whatever they are called: the directory's object id. */
  readonly id: string;
  readonly roles: readonly Role[];
}

/** Everybody who may do anything may read; nothing else implies anything. */
export function mayAct(principal: Principal, role: Role): boolean {
  return principal.roles.includes(role) || (role === "reader" && principal.roles.length > 0);
}
