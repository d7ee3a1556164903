import { app } from "@azure/functions";
import { isProblem } from "../../shared/domain/outcome";
import type { createReadEvidence } from "../../shared/use-cases/read-evidence";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { guarded, problemResponse } from "./problem";

/** `GET /api/rolls/{rollId}/evidence`: the report of a finished roll, byte for byte as it is verified. */
export function registerEvidence(gate: Gate, readEvidence: ReturnType<typeof createReadEvidence>): void {
  app.http("getEvidence", {
    ...endpoint("getEvidence"),
    authLevel: gate.authLevel,
    handler: (request, context) =>
      guarded(context, async () => {
        const who = await gate.admit(request, "reader");
        if ("outcome" in who) return problemResponse(who);
        const found = await readEvidence(request.params["rollId"] ?? "", request.query.get("part"));
        if (isProblem(found)) return problemResponse(found);
        return {
          status: 200,
          headers: { "content-type": "application/json", "cache-control": "no-store" },
          body: found.text,
        };
      }),
  });
}
