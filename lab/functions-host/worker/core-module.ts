import Module from "node:module";
import type { Binding, RegisteredFunction, RetryPolicy } from "./protocol";

/** The user's handler, or the wrapper durable-functions puts around it. */
export type Callback = (...args: unknown[]) => unknown;

export interface Registration {
  readonly metadata: RegisteredFunction;
  readonly callback: Callback;
}

/** What a programming model makes of one invocation (`InvocationModel` of `@azure/functions-core`). */
export interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: Callback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<unknown>;
}

export interface ProgrammingModel {
  readonly name: string;
  getInvocationModel(coreContext: unknown): InvocationModel;
  getCapabilities?(capabilities: Record<string, string>): Promise<Record<string, string>>;
}

const hookNames = ["preInvocation", "postInvocation", "appStart", "appTerminate", "log"] as const;
export type HookName = (typeof hookNames)[number];
export type Hook = (context: unknown) => unknown;

class Disposable {
  constructor(private readonly undo: () => void) {}
  dispose(): void {
    this.undo();
  }
}

/** Errors a user can tell from their own, as in the Node worker. */
class SystemError extends Error {
  readonly isAzureFunctionsSystemError = true;
}
class SystemRangeError extends RangeError {
  readonly isAzureFunctionsSystemError = true;
}

/** What the app registered with its `@azure/functions` library; one per process. */
export class CoreModule {
  readonly functions = new Map<string, Registration>();
  readonly hooks = new Map<HookName, Hook[]>(hookNames.map((name) => [name, []]));
  model: ProgrammingModel | undefined;
  private locked = false;

  constructor(
    private readonly hostVersion: string,
    private readonly write: (level: string, category: string, message: string) => void,
  ) {}

  /** After start-up nothing more can be registered. */
  lock(): void {
    this.locked = true;
  }

  /**
   * Makes `require("@azure/functions-core")` answer this module. Must run before anything loads `@azure/functions`,
   * which looks once and remembers a miss for ever.
   */
  install(): void {
    const api = this.api();
    const original: unknown = Reflect.get(Module.prototype, "require");
    if (typeof original !== "function") throw new TypeError("This Node has no Module.prototype.require to extend.");
    const replacement = new Proxy(original, {
      apply: (target, receiver: unknown, args: readonly unknown[]): unknown =>
        args[0] === "@azure/functions-core" ? api : Reflect.apply(target, receiver, args),
    });
    Reflect.set(Module.prototype, "require", replacement);
  }

  /** What `require("@azure/functions-core")` answers where this module is installed; another loader may hand it out itself. */
  api(): Readonly<Record<string, unknown>> {
    return {
      version: "3.10.0",
      hostVersion: this.hostVersion,
      Disposable,
      registerFunction: (metadata: FunctionMetadata, callback: Callback) => this.register(metadata, callback),
      registerHook: (name: string, hook: Hook) => this.registerHook(name, hook),
      setProgrammingModel: (model: ProgrammingModel) => {
        this.model = model;
      },
      getProgrammingModel: () => this.model,
      log: (level: string, category: string, message: string) => this.write(level, category, message),
    };
  }

  private register(metadata: FunctionMetadata, callback: Callback): Disposable {
    if (this.locked) {
      throw new SystemError(`A function can only be registered during app startup: "${metadata.name}" came too late.`);
    }
    const id = metadata.functionId ?? metadata.name;
    if (this.functions.has(id.toLowerCase())) {
      throw new SystemError(
        `A function with id "${id}" has already been registered; every function needs its own name.`,
      );
    }
    const { name, bindings, retryOptions } = metadata;
    this.functions.set(id.toLowerCase(), {
      metadata: { name, bindings, ...(retryOptions === undefined ? {} : { retryOptions }) },
      callback,
    });
    return new Disposable(() => {
      if (this.locked) throw new SystemError("A function can only be disposed during app startup.");
      this.functions.delete(id.toLowerCase());
    });
  }

  private registerHook(name: string, hook: Hook): Disposable {
    const known = hookNames.find((candidate) => candidate === name);
    const list = known === undefined ? undefined : this.hooks.get(known);
    if (list === undefined) throw new SystemRangeError(`Unrecognized hook "${name}"; known: ${hookNames.join(", ")}.`);
    list.push(hook);
    return new Disposable(() => {
      const at = list.indexOf(hook);
      if (at >= 0) list.splice(at, 1);
    });
  }
}

interface FunctionMetadata {
  readonly name: string;
  readonly functionId?: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly retryOptions?: RetryPolicy;
}
