/**
 * Faults a lab service can be told to show, and hooks that observe its writes. One instance is shared by all services
 * of a lab; operations are named `service.resource.verb` (`dps.enrollment.put`, `hub.registry.bulk`, `hub.twin.get`).
 */
export type FaultEffect =
  | { readonly kind: "latency"; readonly ms: number }
  /** Answers this status at once, in the service's own error form; nothing is done. */
  | {
      readonly kind: "status";
      readonly status: 400 | 401 | 404 | 412 | 429 | 500 | 503;
      readonly retryAfterSeconds?: number;
    }
  /** Accepts the request and never answers; nothing is done. */
  | { readonly kind: "hang" }
  /** Does the work, then drops the connection instead of answering. */
  | { readonly kind: "reply-lost" }
  /** Answers success; nothing is done. */
  | { readonly kind: "acknowledged-not-done" };

export interface FaultRule {
  /** Exact operation name, or a prefix ending in `*`. */
  readonly operation: string;
  readonly effect: FaultEffect;
  /** Only for this subject (a registration id, device id …); default: every subject. */
  readonly subject?: string;
  /** How often the rule fires before it is spent; default: without end. */
  readonly times?: number;
}

export interface ServiceCall {
  readonly operation: string;
  readonly subject: string;
  readonly write: boolean;
}

export class Faults {
  private readonly rules: { readonly rule: FaultRule; left: number }[] = [];
  private readonly observers = new Set<(call: ServiceCall) => void | Promise<void>>();
  /** How often each operation was asked for, faults included: tests count writes by it. */
  readonly calls = new Map<string, number>();

  /** Adds a rule; the result takes it out again. */
  add(rule: FaultRule): () => void {
    const entry = { rule, left: rule.times ?? Number.POSITIVE_INFINITY };
    this.rules.push(entry);
    return () => {
      const at = this.rules.indexOf(entry);
      if (at >= 0) this.rules.splice(at, 1);
    };
  }

  /** Called by a service at the start of each operation: the effects to show now, in the order the rules were added. */
  take(operation: string, subject: string): FaultEffect[] {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    const effects: FaultEffect[] = [];
    for (const entry of this.rules) {
      if (entry.left <= 0 || !matches(entry.rule, operation, subject)) continue;
      entry.left -= 1;
      effects.push(entry.rule.effect);
    }
    return effects;
  }

  /** Registers a hook that a service awaits after it has DONE an operation and before it answers. */
  observe(observer: (call: ServiceCall) => void | Promise<void>): () => void {
    this.observers.add(observer);
    return () => this.observers.delete(observer);
  }

  /** Called by a service after the work is done, before the answer is sent. */
  async done(call: ServiceCall): Promise<void> {
    for (const observer of this.observers) await observer(call);
  }
}

function matches(rule: FaultRule, operation: string, subject: string): boolean {
  if (rule.subject !== undefined && rule.subject !== subject) return false;
  return rule.operation.endsWith("*")
    ? operation.startsWith(rule.operation.slice(0, -1))
    : rule.operation === operation;
}
