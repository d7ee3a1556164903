import type { InvocationAnswer } from "../worker/protocol";
import { isObject, tryParse } from "../json";
import type { Action, OrchestratorAnswer } from "./actions";
import type { DurableLimits } from "./engine-context";
import { EventType, type HistoryEvent } from "./history";
import { maskCredentials } from "./mask-credentials";

const statusLimitBytes = 16 * 1024;

/** A custom status over 16 KB of UTF-16 is refused by the extension in every mode. */
export function customStatusTooLong(text: string): boolean {
  return text.length * 2 > statusLimitBytes;
}

/**
 * The first trap an answer walks into that Azure would show as a wrong result, a failure without its reason or an
 * instance that runs for ever; undefined when it is safe. Each sentence says what to do instead.
 */
export function trapIn(
  answer: OrchestratorAnswer,
  raw: InvocationAnswer,
  now: number,
  limits: DurableLimits,
): string | undefined {
  const { observed } = raw;
  if (observed?.divergence !== undefined) {
    return (
      `The orchestrator is not deterministic: two runs over the same history gave different answers (${observed.divergence}). ` +
      "Take time from context.df.currentUtcDateTime, ids from context.df.newGuid, and everything else from activities."
    );
  }
  if (observed?.reusedTask !== undefined) {
    return (
      `The task "${observed.reusedTask}" is awaited in two compounds (Task.any or Task.all): Azure schedules it twice and ` +
      "later results reach the wrong tasks. After Task.any yield the task alone, or make a new one per compound."
    );
  }
  if (!raw.ok && maskCredentials(raw.message) !== raw.message) {
    return (
      "An orchestrator failed with text that looks like a credential (sig=, key=, Password= …) in its error or in an " +
      "input: Azure masks it and thereby destroys the orchestrator's state. Keep such text out of errors and inputs."
    );
  }
  for (const action of answer.actions) {
    const trap = trapInAction(action, now, limits);
    if (trap !== undefined) return trap;
  }
  return undefined;
}

const compounds = { any: "Task.any", all: "Task.all" } as const;

function trapInAction(action: Action, now: number, limits: DurableLimits): string | undefined {
  switch (action.kind) {
    case "any":
    case "all":
      for (const child of action.children) {
        if ("retry" in child) {
          return (
            `"${child.name}" is called with retries inside ${compounds[action.kind]}: when it fails, ` +
            "Azure and the SDK number later tasks differently. Retry inside the activity or in a sub-orchestration."
          );
        }
        const trap = trapInAction(child, now, limits);
        if (trap !== undefined) return trap;
      }
      return undefined;
    case "activity":
      if (typeof action.input === "boolean") {
        return `Activity "${action.name}" gets a boolean: it arrives as the text "True" or "False". Pass an object.`;
      }
      return trapInRetry(action) ?? trapInValue(action.input, `the input of "${action.name}"`);
    case "child":
      return trapInRetry(action) ?? trapInValue(action.input, `the input of "${action.name}"`);
    case "continue-as-new":
      if (typeof action.input === "string") {
        return "continueAsNew with a text: it arrives quoted once more in the next generation. Pass an object.";
      }
      return trapInValue(action.input, "the input of continueAsNew");
    case "timer":
      if (action.cancelled && action.fireAt - now > limits.maximumShortTimerMs) {
        return (
          "A timer of more than six days is cancelled: once its first three days are over, cancelling it fails the instance " +
          "in Azure. Use shorter timers in a loop."
        );
      }
      return undefined;
    default:
      return undefined;
  }
}

function trapInRetry(action: Action & { kind: "activity" | "child" }): string | undefined {
  return action.retry !== undefined && Number.isFinite(action.retry.retryTimeoutInMilliseconds)
    ? `"${action.name}" uses retryTimeoutInMilliseconds: when it expires, the instance hangs for ever in Azure. Limit the number of attempts.`
    : undefined;
}

function trapInValue(value: unknown, where: string): string | undefined {
  return hasTimestamp(value)
    ? `A property called "Timestamp" in ${where} becomes a Date on its way to an orchestrator. Give it another name.`
    : undefined;
}

function hasTimestamp(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasTimestamp);
  if (!isObject(value)) return false;
  return typeof value["Timestamp"] === "string" || Object.values(value).some(hasTimestamp);
}

/** Traps in what reaches an orchestration from outside. */
export function trapInMessage(event: HistoryEvent): string | undefined {
  if (event.EventType === EventType.ExecutionStarted && event.Input !== null) {
    return trapInValue(tryParse(event.Input), "the orchestration's input");
  }
  if (event.EventType === EventType.EventRaised && /^\d+$/.test(event.Name)) {
    return `An event called "${event.Name}" is taken for the result of task number ${event.Name}. Give events names with letters.`;
  }
  return undefined;
}

/** Falsy values are not transmitted by the SDK; undefined and null never were meant to be. */
export function idleForEver(name: string, events: readonly HistoryEvent[]): string {
  const raised = [
    ...new Set(events.flatMap((event) => (event.EventType === EventType.EventRaised ? [event.Name] : []))),
  ];
  const hint =
    raised.length === 0 ? "" : ` Events that arrived: ${raised.join(", ")}; their names must match in case too.`;
  return `Orchestrator function '${name}' waits for something that can never come: the host has nothing open for it.${hint}`;
}
