import { formatInstant, type Instant } from "../instant";
import type { Refusal } from "../roll/device-row";
import { isBreach } from "../roll/playbook";
import type { RollRequest } from "../roll/request";
import type { Examined } from "./examined";
import type { PlanPace } from "./roll-plan";

export interface RefusalFacts {
  readonly request: RollRequest;
  readonly found: Examined;
  readonly pace: PlanPace;
  /** The first certificate to end of those that are rolled. */
  readonly firstNotAfter: Instant | undefined;
  /** An issuer for certificate requests is configured. */
  readonly hasIssuer: boolean;
}

type Rule = (facts: RefusalFacts) => Refusal | undefined;

/** Why a roll as a whole cannot be carried out, beyond what its CA is refused for. Each rule speaks for itself. */
const rules: readonly Rule[] = [
  // Whoever holds a stolen key answers `prepareCertificate` as well as the device does.
  ({ request }) =>
    isBreach(request.playbook) && request.replacement === "csr"
      ? {
          code: "csr-channel-suspect",
          detail:
            "a certificate request would come over the very credential that is compromised; bring the new certificates with the request, or by a container",
        }
      : undefined,

  ({ request, hasIssuer }) =>
    !isBreach(request.playbook) && request.replacement === "csr" && !hasIssuer
      ? {
          code: "no-issuer",
          detail: "no issuer is configured that could sign certificate requests; set ROLLCALL_ISSUER, or bring them",
        }
      : undefined,

  ({ request, found }) =>
    !isBreach(request.playbook) && found.changing === 0 && !rollsAuthority(request)
      ? {
          code: "nothing-to-roll",
          detail: `none of the ${found.devices} devices can be rolled; the plan lists why under found.refusals`,
        }
      : undefined,

  ({ pace }) =>
    pace.limitSeconds === undefined
      ? {
          code: "hub-tier-too-low",
          detail: `${pace.binding.host ?? "a hub"} offers no ${pace.binding.resource} at its tier, so that devices cannot be told; move it to a standard tier`,
        }
      : undefined,

  ({ request, firstNotAfter, pace }) =>
    firstNotAfter !== undefined &&
    !isBreach(request.playbook) &&
    request.times !== undefined &&
    pace.limitSeconds !== undefined &&
    pace.expectedEnd === undefined
      ? {
          code: "no-window-before-expiry",
          detail: `within its maintenance windows and freezes the roll is not over a day before the first certificate ends, at ${formatInstant(firstNotAfter)}; widen them`,
        }
      : undefined,
];

/** Every refusal that applies, in the order of the rules. */
export function refuseRoll(facts: RefusalFacts): Refusal[] {
  return rules.flatMap((rule) => rule(facts) ?? []);
}

function rollsAuthority({ group }: RollRequest): boolean {
  return group !== undefined && group.authority !== "leaf";
}
