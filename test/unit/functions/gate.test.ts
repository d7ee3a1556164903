import type { HttpRequest } from "@azure/functions";
import { createGate } from "../../../functions/http/gate";
import type { Principal, Role } from "../../../shared/domain/operator";
import { RollError } from "../../../shared/domain/roll-error";
import type { Operators } from "../../../shared/ports/operators";

const request = { headers: new Headers() } as unknown as HttpRequest;

function people(roles: readonly Role[] | "nobody" | "away"): Operators {
  const person = (): Principal | undefined =>
    roles === "nobody" || roles === "away" ? undefined : { kind: "person", id: "1", name: "Ada", roles };
  return {
    identify: () =>
      roles === "away" ? Promise.reject(new RollError("service-unavailable", "away", true)) : Promise.resolve(person()),
  };
}

describe("the gate", () => {
  it.each<[readonly Role[] | "nobody" | "away", Role, string]>([
    [["reader"], "reader", "Ada"],
    [["approver"], "reader", "Ada"],
    [["operator"], "operator", "Ada"],
    [["operator"], "approver", "role-missing"],
    [["approver"], "operator", "role-missing"],
    [[], "reader", "role-missing"],
    ["nobody", "reader", "sign-in-needed"],
    ["away", "reader", "directory-unavailable"],
  ])("lets %j act as %s: %s", async (roles, wanted, outcome) => {
    const gate = createGate(people(roles));
    expect(gate.authLevel).toBe("anonymous");
    const answer = await gate.admit(request, wanted);
    expect("outcome" in answer ? answer.code : answer.name).toBe(outcome);
  });

  it("leaves it to the function key where no directory is configured, but a key approves nothing", async () => {
    const gate = createGate(undefined);
    expect(gate.authLevel).toBe("function");
    expect(await gate.admit(request, "operator")).toMatchObject({ kind: "key" });
    expect(await gate.admit(request, "approver")).toMatchObject({ status: 403, code: "person-needed" });
  });
});
