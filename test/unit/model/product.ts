import { InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import type { OrchestrationHandler } from "durable-functions";
import { registerActivities, type ActivityDeps } from "../../../functions/activities/register";
import { cronCalendar } from "../../../shared/adapters/calendar/cron-calendar";
import { nodeHashes } from "../../../shared/adapters/evidence/node-hashes";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { ActivityReply } from "../../../shared/contract/activity";
import { DEFAULT_PROFILE } from "../../../shared/domain/certificate/profile";
import type { Clock } from "../../../shared/ports/clock";
import type { PossessionProver } from "../../../shared/ports/issuers";
import { orchestrators } from "../../replay/playbook";
import { MemoryControlStore } from "../../support/memory-control";
import { MemoryEvidenceStore } from "../../support/memory-evidence";
import { MemoryReplacementSource } from "../../support/memory-issuance";
import type { Bed } from "../steps/bed";
import { Play } from "./play";

/** All activities as the app registers them, by name. */
export type Activities = ReadonlyMap<string, (input: unknown) => Promise<ActivityReply>>;

/** The stores that rolls of all playbooks need beside those of the bed. */
export class MoreStores {
  readonly control = new MemoryControlStore();
  readonly replacements = new MemoryReplacementSource(nodeCertificateReader);
  readonly evidence = new MemoryEvidenceStore();
}

/** What the app is made with; `over`: what the model looks through at the bed's services and stores. */
export function depsOf(
  bed: Bed,
  { control, replacements, evidence }: MoreStores,
  prover: PossessionProver,
  over: Partial<ActivityDeps>,
): ActivityDeps {
  return {
    ...bed.parts,
    ...{ control, replacements, evidence, prover },
    calendar: cronCalendar,
    profile: DEFAULT_PROFILE,
    issuer: {
      issue: () => Promise.resolve({ outcome: "refused", refusal: { code: "no-issuer", detail: "none" } }),
    },
    quotas: {
      dps: { operationsPerMinute: 1_000_000, registrationsPerMinute: 1_000_000 },
      hubs: new Map(bed.azure.hubs.hostNames.map((host) => [host, { tier: "S3" as const, units: 200 }])),
      headroom: 1,
    },
    approvals: "as-ordered",
    hasIssuer: false,
    exports: bed.azure.blobs,
    registryRate: () => undefined,
    importWhenSlowerThanSeconds: 1_000_000,
    hashes: nodeHashes,
    evidenceKey: undefined,
    ...over,
  };
}

/** Registers the app's activities as at its start and catches them on their way to the host. */
export function registered(deps: ActivityDeps): Activities {
  const table = new Map<string, (input: unknown) => Promise<ActivityReply>>();
  const door = jest.spyOn(df.app, "activity").mockImplementation((name, { handler }) => {
    const context = new InvocationContext();
    table.set(name, async (input) => ActivityReply.parse(await handler(input, context)));
    return () => {
      throw new Error("nobody calls activities by what their registration answers");
    };
  });
  registerActivities(deps);
  door.mockRestore();
  return table;
}

const ends = (output: object): OrchestrationHandler =>
  function* () {
    yield* [];
    return output;
  };

/**
 * Left out: a report changes nothing in Azure, and takes a tenth of a roll's time to make; and identities of devices that
 * did not come through the group are found by an inventory of whole hubs, which knows nothing of time or races.
 */
const leftOut = { keepEvidence: ends({ outcome: "unsigned" }), containOthers: ends({}) };

export function playOf(clock: Clock): Play {
  return new Play({ ...orchestrators, ...leftOut }, clock);
}
