import type { LabClock } from "../../clock";
import { numberOf } from "../json";
import { type FunctionApp, functionsOf, triggerOf, WorkerLost } from "../function-app";
import { messageOf, textOf } from "../json";
import { Alarm } from "../engine/alarm";
import type { Store } from "../engine/store";
import { resolveSettings, type Settings } from "../settings";
import type { NamedData, RegisteredFunction } from "../worker/protocol";
import { type RetryDelay, retrying } from "./retry-policy";
import { parseSchedule, type Schedule } from "./schedule";

export interface TimerOptions {
  readonly app: FunctionApp;
  readonly store: Store;
  readonly clock: LabClock;
  readonly settings: Settings;
  readonly log: (level: string, text: string) => void;
  /** Values of the function's other input bindings. */
  readonly extraInputs: (fn: RegisteredFunction) => readonly NamedData[];
  readonly wait: RetryDelay;
}

/** Occurrences closer than this are not remembered over restarts (the default of `useMonitor` in WebJobs). */
const monitoredFromMs = 60_000;

interface Remembered {
  readonly last: number | null;
  readonly next: number | null;
}

/** Fires timer triggers: one invocation per function at a time, missed occurrences once, at start-up. */
export class TimerTriggers {
  private readonly timers: OneTimer[];

  /** Throws HostRefused when a schedule cannot be read. */
  constructor(options: TimerOptions) {
    this.timers = functionsOf(options.app, "timerTrigger").map((fn) => new OneTimer(fn, options));
  }

  start(): void {
    for (const timer of this.timers) timer.start();
  }

  stop(): void {
    for (const timer of this.timers) timer.stop();
  }

  /** Runs a function now, beside its schedule; undefined when it has no timer trigger. */
  fireNow(functionName: string): Promise<void> | undefined {
    return this.timers.find((timer) => timer.name.toLowerCase() === functionName.toLowerCase())?.fire(false);
  }

  /** Schedules as they were understood, for the list at start-up. */
  describe(): { readonly name: string; readonly schedule: string }[] {
    return this.timers.map(({ name, text }) => ({ name, schedule: text }));
  }
}

class OneTimer {
  readonly name: string;
  readonly text: string;
  private readonly schedule: Schedule;
  private readonly alarm: Alarm;
  private readonly monitored: boolean;
  private readonly runOnStartup: boolean;
  private running = false;
  private stopped = false;

  constructor(
    private readonly fn: RegisteredFunction,
    private readonly options: TimerOptions,
  ) {
    const binding = triggerOf(fn)?.binding;
    this.name = fn.name;
    this.text = resolveSettings(
      textOf(binding?.["schedule"]) ?? "",
      options.settings,
      `Function "${fn.name}": "schedule"`,
    );
    const timeZone = options.settings["WEBSITE_TIME_ZONE"] ?? "UTC";
    this.schedule = parseSchedule(this.text, timeZone, fn.name, options.clock.now());
    this.monitored = binding?.["useMonitor"] !== false && this.schedule.periodMs >= monitoredFromMs;
    this.runOnStartup = binding?.["runOnStartup"] === true;
    this.alarm = new Alarm(options.clock, () => {
      void this.fire(false);
      return undefined;
    });
  }

  start(): void {
    const now = this.options.clock.now();
    const remembered = this.monitored ? this.remembered() : undefined;
    const missed = remembered?.next !== undefined && remembered.next !== null && remembered.next < now;
    if (missed || this.runOnStartup) void this.fire(missed);
    else this.plan(now);
  }

  private isStopped(): boolean {
    return this.stopped;
  }

  stop(): void {
    this.stopped = true;
    this.alarm.stop();
  }

  async fire(pastDue: boolean): Promise<void> {
    if (this.running || this.isStopped()) return;
    this.running = true;
    try {
      await this.invoke(pastDue);
    } catch (error) {
      if (!this.isStopped()) this.options.log("error", `Timer function ${this.name}: ${messageOf(error)}`);
    } finally {
      this.running = false;
      if (!this.isStopped()) this.plan(this.options.clock.now());
    }
  }

  private async invoke(pastDue: boolean): Promise<void> {
    const { app, clock, wait, extraInputs } = this.options;
    const now = clock.now();
    const remembered = this.remembered();
    const next = this.schedule.next(now);
    const status = {
      Last: iso(remembered?.last ?? now),
      Next: iso(next ?? now),
      LastUpdated: iso(now),
    };
    const json = JSON.stringify({
      Schedule: { AdjustForDST: true },
      ScheduleStatus: this.monitored ? status : null,
      IsPastDue: pastDue,
    });
    const input: NamedData = { name: triggerOf(this.fn)?.name ?? "timer", data: { json } };
    const answer = await retrying(this.fn.retryOptions, wait, (retryContext) =>
      app.invoke({
        functionName: this.name,
        inputs: [input, ...extraInputs(this.fn)],
        ...(retryContext === undefined ? {} : { retryContext }),
      }),
    ).catch((error: unknown) => {
      // An occurrence whose process ended is an occurrence that was missed: the next one follows its schedule.
      if (error instanceof WorkerLost) return undefined;
      throw error;
    });
    if (answer?.ok === false) this.options.log("error", `Timer function ${this.name} failed: ${answer.message}`);
    if (this.monitored && !this.isStopped()) this.remember(now, this.schedule.next(clock.now()));
  }

  private plan(from: number): void {
    const next = this.schedule.next(from);
    if (next === undefined) return;
    if (this.monitored && this.remembered() === undefined) this.remember(null, next);
    this.alarm.set(next);
  }

  private remembered(): Remembered | undefined {
    return this.options.store.file.get(
      "SELECT last, next FROM host_timers WHERE function = ?",
      (row) => ({ last: numberOf(row["last"]) ?? null, next: numberOf(row["next"]) ?? null }),
      this.name,
    );
  }

  private remember(last: number | null, next: number | undefined): void {
    this.options.store.commit("checkpoint", () =>
      this.options.store.file.run(
        "INSERT OR REPLACE INTO host_timers VALUES (?, ?, ?, ?)",
        ...[this.name, last, next ?? null, this.options.clock.now()],
      ),
    );
  }
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
