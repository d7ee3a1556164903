import type { LoadedApp } from "./function-app";
import { CoreModule } from "./worker/core-module";
import { invoke } from "./worker/invoke";
import type { Invocation, InvocationAnswer, RegisteredFunction } from "./worker/protocol";

/**
 * An app in the host's own process, so that tests can give it their clock. Whoever loads it hands out `core.api()` as
 * `@azure/functions-core` before anything loads `@azure/functions`, and calls `loaded` afterwards.
 */
export class InProcessApp implements LoadedApp {
  readonly core: CoreModule;
  readonly httpUri = undefined;
  readonly pids = [];
  functions: ReadonlyMap<string, RegisteredFunction> = new Map();
  /** Called whenever an invocation begins or ends. */
  onChange: () => void = () => undefined;
  private readonly appHookData = {};
  private running = 0;

  constructor(private readonly log: (level: string, category: string, text: string) => void = () => undefined) {
    this.core = new CoreModule("4.1037.0", log);
  }

  /** Nothing of it runs. */
  get isIdle(): boolean {
    return this.running === 0;
  }

  /** Every function is registered. */
  loaded(): void {
    this.core.lock();
    this.functions = new Map([...this.core.functions].map(([name, { metadata }]) => [name, metadata]));
  }

  async invoke(invocation: Invocation): Promise<InvocationAnswer> {
    this.running += 1;
    try {
      return await invoke(this.core, this.appHookData, invocation, this.log);
    } finally {
      this.running -= 1;
      this.onChange();
    }
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
