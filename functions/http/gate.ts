import type { HttpRequest } from "@azure/functions";
import { mayAct, type Principal, type Role } from "../../shared/domain/operator";
import { problem, type Problem } from "../../shared/domain/outcome";
import { RollError } from "../../shared/domain/roll-error";
import type { Operators } from "../../shared/ports/operators";

/** Stands before every operator endpoint. */
export interface Gate {
  /** For `app.http`: the host asks for a function key only where nobody signs in. */
  readonly authLevel: "anonymous" | "function";
  /** Who may pass, or why not. Problems: `sign-in-needed`, `role-missing`, `person-needed`, `directory-unavailable`. */
  admit(request: HttpRequest, role: Role): Promise<Principal | Problem>;
}

/** Whoever holds the function key: may start and read, but a key is nobody's signature. */
const KEY_HOLDER: Principal = { kind: "key", id: "function-key", name: "function key", roles: ["reader", "operator"] };

/** `operators` undefined: no directory is configured, and the host's function key decides. */
export function createGate(operators: Operators | undefined): Gate {
  if (operators === undefined) {
    return {
      authLevel: "function",
      admit: (_request, role) =>
        Promise.resolve(
          role === "approver"
            ? problem(403, "person-needed", "approvals and overrides need a named person; set ROLLCALL_OPERATORS")
            : KEY_HOLDER,
        ),
    };
  }
  return {
    authLevel: "anonymous",
    admit: async (request, role) => {
      const principal = await identify(operators, request);
      if (principal === undefined)
        return problem(401, "sign-in-needed", "send a valid access token for this app: Authorization: Bearer <token>");
      if ("outcome" in principal || mayAct(principal, role)) return principal;
      return problem(
        403,
        "role-missing",
        `this needs the app role Rollcall.${role[0]?.toUpperCase() ?? ""}${role.slice(1)}`,
      );
    },
  };
}

async function identify(operators: Operators, request: HttpRequest): Promise<Principal | Problem | undefined> {
  try {
    return await operators.identify({
      authorization: request.headers.get("authorization") ?? undefined,
      clientPrincipal: request.headers.get("x-ms-client-principal") ?? undefined,
    });
  } catch (error) {
    if (!(error instanceof RollError)) throw error;
    return problem(503, "directory-unavailable", "the directory's keys cannot be read just now; try again");
  }
}
