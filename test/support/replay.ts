import { createRequire } from "node:module";
import { DummyOrchestrationContext, type OrchestrationHandler } from "durable-functions";
import { z } from "zod";

// Drives orchestrators through the replay engine of durable-functions itself, turn by turn as the Durable extension does:
// the whole history goes in, all actions of this execution come out. Time is virtual.

/** The version that histories are recorded under: host.json `defaultVersion`. */
export const VERSION = "1.0";

interface Program {
  readonly orchestrators: Readonly<Record<string, OrchestrationHandler>>;
  /** Called once per scheduled activity, with its input and the virtual time in epoch milliseconds. */
  readonly activities: Readonly<Record<string, (input: unknown, now: number) => unknown>>;
  /** Sees every execution when it has ended, those of children too. */
  readonly observe?: (name: string, execution: Execution) => void;
  /** Executions in a row after which an orchestrator counts as endless. Default 100. */
  readonly mostExecutions?: number;
}

/** Azure's history event numbers, as far as orchestrators here cause them. */
const Kind = {
  started: 0,
  taskScheduled: 4,
  taskCompleted: 5,
  taskFailed: 6,
  childCreated: 7,
  childCompleted: 8,
  childFailed: 9,
  timerCreated: 10,
  timerFired: 11,
  turnStarted: 12,
  turnCompleted: 13,
} as const;

/** One event; times as ISO 8601, so that it can be kept in a file. */
const HistoryEvent = z.looseObject({ EventType: z.int(), EventId: z.int(), Timestamp: z.string() });
export type HistoryEvent = z.infer<typeof HistoryEvent>;

/** One thing the orchestrator asked for; `input` and the rest as the SDK writes them. */
const Action = z.looseObject({ actionType: z.int() });
export type Action = z.infer<typeof Action>;

/** One execution: from a start or a continue-as-new to its end. */
export const Execution = z.object({
  input: z.unknown(),
  history: z.array(HistoryEvent),
  actions: z.array(Action),
  output: z.unknown().optional(),
});
export type Execution = z.infer<typeof Execution>;

export interface Run {
  readonly executions: readonly Execution[];
  readonly output: unknown;
  /** The message, if the orchestrator threw. */
  readonly error: string | undefined;
  /** Virtual time of the end, epoch milliseconds. */
  readonly endedAt: number;
}

const State = z.object({
  isDone: z.boolean(),
  actions: z.array(z.array(Action)),
  output: z.unknown().optional(),
  error: z.string().optional(),
});
type State = z.infer<typeof State>;

type Listener = (trigger: object, context: object) => Promise<unknown>;
const isFunction = (value: unknown): boolean => typeof value === "function";
/** Not part of the SDK's types, but of its package: its own testing support. */
const engine = z
  .object({
    createOrchestrator: z.custom<(handler: OrchestrationHandler) => Listener>(isFunction),
    DurableOrchestrationInput: z.custom<new (...args: readonly unknown[]) => object>(isFunction),
  })
  .parse(createRequire(__filename)("durable-functions/lib/src/util/testingUtils"));

const SCHEMA_V4 = 3;
const FAILURE_MARKER = "\n\n$OutOfProcData$:";

/** One turn: what the orchestrator has asked for so far, given this history. */
export async function turn(
  handler: OrchestrationHandler,
  history: readonly HistoryEvent[],
  input: unknown,
): Promise<State> {
  const timed = history.map((event) => {
    const fireAt = event["FireAt"];
    const Timestamp = new Date(event.Timestamp);
    return {
      ...event,
      IsPlayed: false,
      Timestamp,
      ...(typeof fireAt === "string" ? { FireAt: new Date(fireAt) } : {}),
    };
  });
  const settings = ["3.00:00:00", "6.00:00:00", 30_000, SCHEMA_V4, false, ""];
  const trigger = new engine.DurableOrchestrationInput("instance", timed, structuredClone(input), ...settings);
  const context = new DummyOrchestrationContext("orchestrator", "invocation", () => undefined);
  try {
    return parse(await engine.createOrchestrator(handler)(trigger, context));
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const at = message.indexOf(FAILURE_MARKER);
    if (at < 0) throw error;
    return parse(JSON.parse(message.slice(at + FAILURE_MARKER.length)));
  }
}

/** Through JSON, as the extension reads it. */
function parse(state: unknown): State {
  return State.parse(JSON.parse(JSON.stringify(state)));
}

/** Runs an orchestrator to its end, through every continue-as-new. `start` is epoch milliseconds. */
export async function run(program: Program, name: string, input: unknown, start: number): Promise<Run> {
  const executions: Execution[] = [];
  let [next, now] = [input, start];
  for (;;) {
    const { execution, state, endedAt } = await execute(program, name, next, now);
    executions.push(execution);
    program.observe?.(name, execution);
    const again = state.actions.flat().find(({ actionType }) => actionType === 4);
    if (again === undefined) return { executions, output: state.output, error: state.error, endedAt };
    [next, now] = [again["input"], endedAt];
    if (executions.length > (program.mostExecutions ?? 100)) throw new Error(`${name} continues as new without end`);
  }
}

/** Something asked for whose answer comes at `at`. */
interface Pending {
  readonly at: number;
  readonly event: { readonly EventType: number } & Readonly<Record<string, unknown>>;
}

const ACTIVITY_MS = 50;

async function execute(
  program: Program,
  name: string,
  input: unknown,
  start: number,
): Promise<{ readonly execution: Execution; readonly state: State; readonly endedAt: number }> {
  const handler = program.orchestrators[name];
  if (handler === undefined) throw new Error(`no orchestrator is called ${name}`);
  let now = start;
  const history: HistoryEvent[] = [];
  const note = (EventType: number, more: object = {}, EventId = -1): void => {
    history.push({ EventType, EventId, Timestamp: new Date(now).toISOString(), ...more });
  };
  note(Kind.turnStarted);
  note(Kind.started, { Name: name, Version: VERSION, Input: JSON.stringify(input) });

  let pending: Pending[] = [];
  let [seen, id] = [0, 0];
  for (;;) {
    const state = await turn(handler, history, input);
    const actions = state.actions.flat();
    if (state.isDone || state.error !== undefined) {
      note(Kind.turnCompleted);
      const { output } = state;
      return {
        execution: { input, history, actions, ...(output === undefined ? {} : { output }) },
        state,
        endedAt: now,
      };
    }
    for (const action of actions.slice(seen).flatMap(parts)) {
      pending.push(await schedule(program, action, id, now, note));
      id += 1;
    }
    seen = actions.length;
    note(Kind.turnCompleted);
    if (pending.length === 0) throw new Error(`${name} waits for nothing`);
    now = Math.max(now, Math.min(...pending.map(({ at }) => at)));
    note(Kind.turnStarted);
    for (const { event } of pending.filter(({ at }) => at <= now)) note(event.EventType, event);
    pending = pending.filter(({ at }) => at > now);
  }
}

/** A compound asks for all its parts at once, depth first. */
function parts(action: Action): Action[] {
  const compound = z.array(Action).safeParse(action["compoundActions"]);
  return compound.success ? compound.data.flatMap(parts) : [action];
}

async function schedule(
  program: Program,
  action: Action,
  id: number,
  now: number,
  note: (EventType: number, more: object, EventId: number) => void,
): Promise<Pending> {
  const Name = String(action["functionName"]);
  const given = action["input"];
  switch (action.actionType) {
    case 0: {
      note(Kind.taskScheduled, { Name, Input: JSON.stringify(given) }, id);
      const activity = program.activities[Name];
      if (activity === undefined) throw new Error(`no activity is called ${Name}`);
      return {
        at: now + ACTIVITY_MS,
        event: outcome(Kind.taskCompleted, Kind.taskFailed, id, () => activity(given, now)),
      };
    }
    case 2: {
      note(Kind.childCreated, { Name, Input: JSON.stringify(given), Version: action["version"] }, id);
      const child = await run(program, Name, given, now);
      const answer = (): unknown => {
        if (child.error !== undefined) throw new Error(`Orchestrator function '${Name}' failed: ${child.error}`);
        return child.output;
      };
      return { at: child.endedAt, event: outcome(Kind.childCompleted, Kind.childFailed, id, answer) };
    }
    case 5: {
      const FireAt = z.string().parse(action["fireAt"]);
      note(Kind.timerCreated, { FireAt }, id);
      return { at: Date.parse(FireAt), event: { EventType: Kind.timerFired, TimerId: id, FireAt } };
    }
    default:
      throw new Error(`action ${action.actionType} is outside the subset that orchestrators keep to`);
  }
}

function outcome(done: number, failed: number, TaskScheduledId: number, work: () => unknown): Pending["event"] {
  try {
    return { EventType: done, TaskScheduledId, Result: JSON.stringify(work()) };
  } catch (error) {
    const Reason = error instanceof Error ? error.message : String(error);
    return { EventType: failed, TaskScheduledId, Reason, Details: "" };
  }
}

/** Where each turn of a history ends: the history as the engine got it, turn by turn. */
export function turnsOf(history: readonly HistoryEvent[]): (readonly HistoryEvent[])[] {
  return history.flatMap((event, at) => (event.EventType === Kind.turnCompleted ? [history.slice(0, at)] : []));
}

/** What crossed the border to activities and children: their inputs and their answers, as text. */
export function payloadsOf({ history }: Execution): string[] {
  return history.flatMap(({ EventType, Input, Result }) =>
    EventType === Kind.started ? [] : [Input, Result].filter((text) => typeof text === "string"),
  );
}
