import type { HttpResponseInit } from "@azure/functions";
import type { RollId } from "../../shared/domain/ids";
import { jsonResponse } from "./problem";

export type Started =
  | { readonly outcome: "accepted"; readonly rollId: RollId; readonly unknown: readonly string[] }
  | { readonly outcome: "known" | "merged"; readonly rollId: RollId };

/** 202 for a roll that has just been started, 200 for one that was there already; either says where it can be watched. */
export function startedResponse(answer: Started): HttpResponseInit {
  const { outcome, rollId } = answer;
  const statusUrl = `/api/rolls/${rollId}`;
  const unknown = outcome === "accepted" ? answer.unknown : [];
  return jsonResponse(
    outcome === "accepted" ? 202 : 200,
    {
      rollId,
      statusUrl,
      duplicate: outcome === "known",
      ...(outcome === "merged" ? { merged: true } : {}),
      ...(unknown.length === 0 ? {} : { unknown }),
    },
    { location: statusUrl, "retry-after": "2" },
  );
}
