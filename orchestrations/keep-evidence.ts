import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import * as contract from "../shared/contract/evidence";
import { call, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";

/** Pages per execution; then the history starts anew. */
const PAGES = 40;
/** How often the key is asked, a minute apart, before the report is left unsigned until somebody fetches it. */
const SIGNING_TRIES = 5;

/** What happened, as it stands when nothing more will: written while the roll's claims still keep others out. */
export function* keepEvidence(ctx: OrchestrationContext): Orchestration<z.input<typeof contract.keepEvidence.output>> {
  const { rollId, page: begin = 0 } = input(ctx, contract.keepEvidence);
  let page = begin;
  for (let pages = 1; ; pages += 1) {
    const written = yield* call(ctx, contract.writeEvidence, { rollId, page });
    if (written.outcome === "unreadable") return { outcome: "unreadable" };
    if (written.next === undefined) break;
    page = written.next;
    if (pages === PAGES) {
      continueAsNew(ctx, contract.keepEvidence, { rollId, page });
      return { outcome: "unsigned" };
    }
  }
  for (let tries = 1; ; tries += 1) {
    const { signed } = yield* call(ctx, contract.sealEvidence, { rollId, pages: page + 1 });
    if (signed || tries === SIGNING_TRIES) return { outcome: signed ? "signed" : "unsigned" };
    yield* sleepUntil(ctx, now(ctx) + 60_000);
  }
}
