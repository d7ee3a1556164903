import { z } from "zod";

/** The four operations: on which kind of entry, and why. */
export const Playbook = z.enum(["individual-breach", "individual-expiry", "group-breach", "group-expiry"]);
export type Playbook = z.infer<typeof Playbook>;

/** Which certificate of the hierarchy the roll is about (RFC 5280: end entity, intermediate or root CA). */
export const Authority = z.enum(["leaf", "intermediate", "root"]);
export type Authority = z.infer<typeof Authority>;

/**
 * How a breach makes an old credential useless at the hub.
 * `sentinel`: two writes, thumbprints that match no certificate; the twin survives. `replace`: the same with the new leaf's
 * thumbprint. `disable`: the identity stays disabled until DPS has written a new leaf. `delete`: the identity and its twin
 * go. `reprovision`: nothing is written, the device is told to register again.
 */
export const Containment = z.enum(["sentinel", "replace", "disable", "delete", "reprovision"]);
export type Containment = z.infer<typeof Containment>;

/**
 * What a breach does with its devices' modules, whose credentials are their own. `report`: names them. `rotate`: gives them
 * credentials that nobody holds. `delete`: deletes them.
 */
export const ModuleTreatment = z.enum(["report", "rotate", "delete"]);
export type ModuleTreatment = z.infer<typeof ModuleTreatment>;

/**
 * Where new leaves come from. `inline`: with the request. `blob`: one PEM per device in a container. `csr`: the device makes
 * a key and a request, an issuer signs it. `device-managed`: the device gets its leaf by itself. `none`: nobody has one yet.
 */
export const ReplacementKind = z.enum(["inline", "blob", "csr", "device-managed", "none"]);
export type ReplacementKind = z.infer<typeof ReplacementKind>;

/** How commands reach devices: a direct method each, or one job for many. */
export const Dispatch = z.enum(["method", "job"]);
export type Dispatch = z.infer<typeof Dispatch>;

export function isBreach(playbook: Playbook): boolean {
  return playbook === "individual-breach" || playbook === "group-breach";
}

export function isGroupRoll(playbook: Playbook): boolean {
  return playbook === "group-breach" || playbook === "group-expiry";
}

/**
 * Who goes first where two rolls want the same device, group or CA; higher wins. Equal never supersedes.
 */
export function priorityOf(playbook: Playbook, authority: Authority): number {
  if (!isBreach(playbook)) return 0;
  return { leaf: 1, intermediate: 2, root: 3 }[authority];
}
