import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import { compiled } from "./compiled";
import { FunctionTimeout, type LoadedApp, WorkerLost } from "./function-app";
import type { FromWorker, Invocation, InvocationAnswer, RegisteredFunction, ToWorker } from "./worker/protocol";

export interface WorkerPoolOptions {
  readonly appDir: string;
  /** The whole environment of the app's processes. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Processes that run the app. */
  readonly workers: number;
  readonly hostVersion: string;
  /** Longest invocation in milliseconds; undefined: no limit. */
  readonly functionTimeoutMs?: number;
  readonly log: (level: string, category: string, text: string) => void;
}

interface Pending {
  readonly invocation: Invocation;
  readonly resolve: (answer: InvocationAnswer) => void;
  readonly reject: (error: Error) => void;
  timer?: NodeJS.Timeout;
}

interface Worker {
  readonly child: ChildProcess;
  readonly pending: Map<number, Pending>;
  state: "loading" | "ready" | "ending";
  /** The invocation that began last. */
  began: number | undefined;
  onPong: () => void;
}

/** How long a process that may hang is given to show that it does not. */
const pongMs = 250;
const shortestPauseMs = 50;
const longestPauseMs = 5_000;

/** The app in child processes: one that dies is replaced, and its invocations are reported lost. */
export class WorkerPool implements LoadedApp {
  functions: ReadonlyMap<string, RegisteredFunction> = new Map();
  httpUri: string | undefined;
  private readonly workers = new Set<Worker>();
  private readonly waiting: { readonly pending: Pending; readonly id: number }[] = [];
  private nextId = 1;
  private pauseMs = shortestPauseMs;
  private stopping = false;

  private constructor(private readonly options: WorkerPoolOptions) {}

  /** Resolves when every process has loaded the app; rejects with the reason when the app cannot be loaded. */
  static async start(options: WorkerPoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    try {
      await Promise.all(Array.from({ length: options.workers }, () => pool.spawn()));
    } catch (error) {
      await pool.stop();
      throw error;
    }
    return pool;
  }

  /** The processes' ids, for tests that end one. */
  get pids(): number[] {
    return [...this.workers].flatMap(({ child }) => (child.pid === undefined ? [] : [child.pid]));
  }

  invoke(invocation: Invocation): Promise<InvocationAnswer> {
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      const pending: Pending = { invocation, resolve, reject };
      const worker = this.leastBusy();
      if (worker === undefined) this.waiting.push({ pending, id });
      else this.dispatch(worker, id, pending);
    });
  }

  /** Ends every process: politely, then after two seconds without further notice. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const { pending } of this.waiting.splice(0)) pending.reject(new WorkerLost("The host is stopping."));
    await Promise.all(
      [...this.workers].map(({ child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
        return new Promise<void>((resolve) => {
          const force = setTimeout(() => child.kill("SIGKILL"), 2_000);
          child.once("exit", () => {
            clearTimeout(force);
            resolve();
          });
          if (child.connected) child.send({ type: "terminate" } satisfies ToWorker);
          else child.kill("SIGKILL");
        });
      }),
    );
  }

  private leastBusy(): Worker | undefined {
    let best: Worker | undefined;
    for (const worker of this.workers) {
      if (worker.state === "ready" && (best === undefined || worker.pending.size < best.pending.size)) best = worker;
    }
    return best;
  }

  private dispatch(worker: Worker, id: number, pending: Pending): void {
    worker.pending.set(id, pending);
    const limit = this.options.functionTimeoutMs;
    if (limit !== undefined) {
      pending.timer = setTimeout(() => void this.timeOut(worker, id, limit), limit);
      pending.timer.unref();
    }
    // A process that is just ending cannot be told; its end is reported by its exit.
    worker.child.send({ type: "invoke", id, invocation: pending.invocation } satisfies ToWorker, () => undefined);
  }

  private async timeOut(worker: Worker, id: number, limitMs: number): Promise<void> {
    if (worker.state === "ending") return;
    worker.state = "ending";
    // In a process that hangs every invocation is late; the one that blocks it is the one that began last.
    const late = (await this.responds(worker)) ? id : (worker.began ?? id);
    const pending = worker.pending.get(late);
    worker.pending.delete(late);
    const name = pending?.invocation.functionName ?? "";
    pending?.reject(new FunctionTimeout(`Timeout value of ${timeSpan(limitMs)} was exceeded by function: ${name}`));
    // Code that does not come back can be ended in no other way; whatever else ran there runs again.
    worker.child.kill("SIGKILL");
  }

  private responds(worker: Worker): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), pongMs);
      worker.onPong = () => {
        clearTimeout(timer);
        resolve(true);
      };
      worker.child.send({ type: "ping" } satisfies ToWorker, () => undefined);
    });
  }

  private spawn(): Promise<void> {
    const child = fork(compiled("worker/child.js"), [], {
      cwd: this.options.appDir,
      env: { ...this.options.env },
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const worker: Worker = { child, pending: new Map(), state: "loading", began: undefined, onPong: () => undefined };
    this.workers.add(worker);
    this.forwardOutput(child);
    child.send({ type: "load", appDir: this.options.appDir, hostVersion: this.options.hostVersion } satisfies ToWorker);
    return new Promise((resolve, reject) => {
      child.on("message", (message: FromWorker) => {
        if (message.type === "answer") this.answered(worker, message.id, message.answer);
        else if (message.type === "began") worker.began = message.id;
        else if (message.type === "pong") worker.onPong();
        else if (message.type === "log") this.options.log(message.level, message.category, message.text);
        else if (message.type === "refused") reject(new Error(message.message));
        else {
          this.functions = new Map(message.functions.map((fn) => [fn.name.toLowerCase(), fn]));
          this.httpUri = message.httpUri;
          worker.state = "ready";
          this.drain(worker);
          resolve();
        }
      });
      child.on("error", reject);
      child.once("exit", (code, signal) => {
        const how = signal ?? `code ${String(code)}`;
        this.lost(worker, `The app's process ended (${how}).`);
        reject(new Error(`The app's process ended (${how}) while it loaded the app.`));
      });
    });
  }

  private drain(worker: Worker): void {
    for (const { id, pending } of this.waiting.splice(0)) this.dispatch(worker, id, pending);
  }

  private answered(worker: Worker, id: number, answer: InvocationAnswer): void {
    const pending = worker.pending.get(id);
    if (pending === undefined) return;
    worker.pending.delete(id);
    clearTimeout(pending.timer);
    this.pauseMs = shortestPauseMs;
    pending.resolve(answer);
  }

  private lost(worker: Worker, reason: string): void {
    this.workers.delete(worker);
    for (const pending of worker.pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(new WorkerLost(reason));
    }
    if (this.stopping || worker.state === "loading") return;
    this.options.log("error", "system", `${reason} Starting another one; unfinished work runs again.`);
    this.respawn();
  }

  private respawn(): void {
    const pause = this.pauseMs;
    this.pauseMs = Math.min(longestPauseMs, pause * 2);
    setTimeout(() => {
      if (this.stopping) return;
      this.spawn().catch((error: unknown) => {
        this.options.log("error", "system", `The app did not start again: ${String(error)}`);
        this.respawn();
      });
    }, pause);
  }

  private forwardOutput(child: ChildProcess): void {
    for (const [stream, level] of [
      [child.stdout, "information"],
      [child.stderr, "error"],
    ] as const) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => this.options.log(level, "user", line));
    }
  }
}

function timeSpan(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}
