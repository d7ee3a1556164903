import type { Binding, Invocation, InvocationAnswer, RegisteredFunction } from "./worker/protocol";

/** The app as the engine sees it: functions that can be called. */
export interface FunctionApp {
  /** By lower-case name: the Functions host compares names without case. */
  readonly functions: ReadonlyMap<string, RegisteredFunction>;
  /**
   * Runs one function. A user error is an answer with `ok: false`; rejects with WorkerLost when the process that ran
   * it ended before it answered, and with FunctionTimeout when it took longer than `functionTimeout`.
   */
  invoke(invocation: Invocation): Promise<InvocationAnswer>;
}

/** An app that has been loaded, wherever it runs. */
export interface LoadedApp extends FunctionApp {
  /** Where the app's library listens for forwarded requests, when it asked for HTTP streaming. */
  readonly httpUri: string | undefined;
  /** Processes that run it beside the host's. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** The app's process ended in mid-invocation: whether the work was done is unknown, so it must be done again. */
export class WorkerLost extends Error {
  override readonly name = "WorkerLost";
}

/** The invocation took longer than host.json `functionTimeout`; its process was ended. */
export class FunctionTimeout extends Error {
  override readonly name = "FunctionTimeout";
}

/** The binding that makes a function run, with its name. */
export function triggerOf(fn: RegisteredFunction): { readonly name: string; readonly binding: Binding } | undefined {
  const found = Object.entries(fn.bindings).find(([, binding]) => /trigger$/i.test(binding.type));
  return found === undefined ? undefined : { name: found[0], binding: found[1] };
}

/** The functions whose trigger has this type (compared without case). */
export function functionsOf(app: FunctionApp, triggerType: string): RegisteredFunction[] {
  return [...app.functions.values()].filter(
    (fn) => triggerOf(fn)?.binding.type.toLowerCase() === triggerType.toLowerCase(),
  );
}
