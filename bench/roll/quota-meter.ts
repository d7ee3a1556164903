import type { QuotaListener } from "../../lab/quotas/quota-use";
import { hubThrottles, type Resource } from "./limit";

/** Throttles that answer 429 to the app; those of devices are counted apart. A job that waits for its turn is no refusal. */
const ofTheApp: ReadonlySet<string> = new Set([
  ...["operations", "registry", "queries", "methodKilobytes", "twinReads", "twinUpdates", "jobOperations"],
  "cloudToDevice",
]);
const ofDevices: ReadonlySet<string> = new Set(["registrations", "polls", "connections"]);

const resources: ReadonlyMap<string, Resource> = new Map<string, Resource>([
  ["operations", "operations"],
  ["registrations", "registrations"],
  ...Object.entries(hubThrottles).map(([resource, { throttle }]): [string, Resource] => [
    throttle,
    resource as Resource,
  ]),
]);

/** Whose throttles can be listened at. */
interface Metered {
  watchQuotas(listener: QuotaListener): void;
}

/** Listens at the lab's throttles: who used what when, and who was refused. */
export class QuotaMeter {
  private readonly moments = new Map<Resource, number[]>();
  private readonly refused = new Map<string, number>();

  constructor(private readonly services: { readonly dps: Metered; readonly hubs: readonly Metered[] }) {}

  /** From now on; what was counted before is forgotten. */
  start(): void {
    this.moments.clear();
    this.refused.clear();
    const listener: QuotaListener = ({ name, cost, granted }) => {
      if (!granted) this.refused.set(name, (this.refused.get(name) ?? 0) + 1);
      const resource = resources.get(name);
      if (!granted || resource === undefined) return;
      const moments = this.moments.get(resource) ?? [];
      if (moments.length === 0) this.moments.set(resource, moments);
      const units = resource === "methods" ? cost / hubThrottles.methods.costPerUnit : cost;
      const now = performance.now();
      for (let unit = 0; unit < units; unit += 1) moments.push(now);
    };
    this.services.dps.watchQuotas(listener);
    for (const hub of this.services.hubs) hub.watchQuotas(listener);
  }

  /** When each unit of it was granted, in milliseconds, in order. */
  uses(resource: Resource): readonly number[] {
    return this.moments.get(resource) ?? [];
  }

  /** By resource, in units, those that were used. */
  totals(): ReadonlyMap<Resource, number> {
    return new Map([...this.moments].map(([resource, moments]) => [resource, moments.length]));
  }

  /** Calls of the app that were answered 429. */
  get throttledCalls(): number {
    return this.sumOf(ofTheApp);
  }

  /** Registrations, polls and connections that were refused for now. */
  get throttledDevices(): number {
    return this.sumOf(ofDevices);
  }

  /** By the service's own names, what was refused: for whoever wants to know where. */
  refusals(): ReadonlyMap<string, number> {
    return this.refused;
  }

  private sumOf(names: ReadonlySet<string>): number {
    return [...this.refused].reduce((sum, [name, count]) => sum + (names.has(name) ? count : 0), 0);
  }
}
