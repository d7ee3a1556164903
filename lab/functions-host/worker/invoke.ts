import { randomUUID } from "node:crypto";
import { arrayOf, isObject, messageOf, objectOf, textOf } from "../json";
import type { Callback, CoreModule, HookName, Registration } from "./core-module";
import type { Invocation, InvocationAnswer, NamedData, Observed, TypedData } from "./protocol";
import { reusedTask } from "./reused-task";

/** Writes a line of the app's log. */
export type WriteLog = (level: string, category: string, text: string) => void;

/** Runs one invocation with the hooks around it, in the order of the Node worker's InvocationHandler. */
export async function invoke(
  core: CoreModule,
  appHookData: object,
  invocation: Invocation,
  log: WriteLog,
): Promise<InvocationAnswer> {
  const registration = core.functions.get(invocation.functionName.toLowerCase());
  if (registration === undefined) {
    return { ok: false, message: `The app has no function "${invocation.functionName}".`, stack: "" };
  }
  const begun = performance.now();
  const first = await attempt(core, appHookData, registration, invocation, log);
  const tookMs = performance.now() - begun;
  if (invocation.twice !== true) return { ...first.answer, observed: { tookMs, ...reuse(first.result) } };
  // The second run must be invisible: its log lines would double every line of the first.
  const second = await attempt(core, appHookData, registration, invocation, () => undefined);
  const observed: Observed = { tookMs, ...reuse(first.result), ...divergence(first.answer, second.answer) };
  return { ...first.answer, observed };
}

function reuse(result: unknown): { reusedTask?: string } {
  const found = reusedTask(result);
  return found === undefined ? {} : { reusedTask: found };
}

function divergence(first: InvocationAnswer, second: InvocationAnswer): { divergence?: string } {
  const one = comparable(first);
  const two = comparable(second);
  if (one === two) return {};
  let at = 0;
  while (one.charAt(at) === two.charAt(at)) at += 1;
  const from = Math.max(0, at - 60);
  return { divergence: `first …${one.slice(from, at + 120)}… then …${two.slice(from, at + 120)}…` };
}

function comparable(answer: InvocationAnswer): string {
  return answer.ok ? JSON.stringify(answer.returnValue ?? null) : answer.message;
}

interface Attempt {
  readonly answer: InvocationAnswer;
  /** What the handler returned, before it became text. */
  readonly result: unknown;
}

async function attempt(
  core: CoreModule,
  appHookData: object,
  { metadata, callback }: Registration,
  invocation: Invocation,
  log: WriteLog,
): Promise<Attempt> {
  let returned: unknown;
  try {
    const model = core.model;
    if (model === undefined) throw new Error("No programming model is set.");
    const invocationId = invocation.invocationId ?? randomUUID();
    const coreContext = {
      invocationId,
      request: {
        invocationId,
        functionId: metadata.name,
        inputData: invocation.inputs,
        triggerMetadata: invocation.triggerMetadata ?? null,
        traceContext: { traceParent: null, traceState: null, attributes: {} },
        retryContext: invocation.retryContext ?? null,
      },
      metadata,
      state: "invocation",
      log,
    };
    const invocationModel = model.getInvocationModel(coreContext);
    const { context, inputs } = await invocationModel.getArguments();
    const shared = fixed({ hookData: {}, appHookData });
    const before = { ...shared, invocationContext: context, functionCallback: callback, inputs };
    coreContext.state = "preInvocationHooks";
    await runHooks(core, "preInvocation", before);
    coreContext.state = "invocation";
    const after: { result: unknown; error: unknown; inputs: unknown[] } & Record<string, unknown> = {
      ...shared,
      invocationContext: context,
      inputs: before.inputs,
      result: null,
      error: null,
    };
    try {
      const call: Callback = before.functionCallback;
      after.result = await invocationModel.invokeFunction(context, before.inputs, call);
    } catch (error) {
      after.error = error ?? new Error("The function threw nothing.");
    }
    coreContext.state = "postInvocationHooks";
    await runHooks(core, "postInvocation", after);
    if (after.error !== null && after.error !== undefined) throw asError(after.error);
    returned = after.result;
    const response = objectOf(await invocationModel.getResponse(context, after.result));
    return { result: returned, answer: answerOf(response) };
  } catch (error) {
    return {
      result: returned,
      answer: { ok: false, message: messageOf(error), stack: error instanceof Error ? (error.stack ?? "") : "" },
    };
  }
}

/** Hooks may put data into both objects but not replace them. */
function fixed<T extends object>(properties: T): T {
  return Object.freeze(properties);
}

async function runHooks(core: CoreModule, name: HookName, context: object): Promise<void> {
  for (const hook of core.hooks.get(name) ?? []) await hook(context);
}

function answerOf(response: Readonly<Record<string, unknown>>): InvocationAnswer {
  const outputs = arrayOf(response["outputData"]).map((entry): NamedData => {
    const fields = objectOf(entry);
    return { name: textOf(fields["name"]) ?? "", data: typed(fields["data"]) };
  });
  const value = response["returnValue"];
  return { ok: true, outputs, ...(isObject(value) ? { returnValue: typed(value) } : {}) };
}

/** The library made this value; its form is the protocol's by contract. */
function typed(value: unknown): TypedData {
  return objectOf(value);
}

/** Whatever was thrown, as an error; text keeps its words. */
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}
