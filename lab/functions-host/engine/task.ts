/**
 * A task whose continuations run at once, inside the call that settles it, as those of DurableTask.Core do while it
 * replays: a promise would move them behind the rest of the history and change which action gets which id.
 */
export class Task<T> {
  private outcome: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error } | undefined;
  private continuations: (() => void)[] = [];

  get isDone(): boolean {
    return this.outcome !== undefined;
  }

  get isFailed(): boolean {
    return this.outcome?.ok === false;
  }

  /** The value; throws the task's error when it failed, and a TypeError while it is open. */
  get(): T {
    if (this.outcome === undefined) throw new TypeError("The task is not done.");
    if (!this.outcome.ok) throw this.outcome.error;
    return this.outcome.value;
  }

  /** Settles the task; false when it was settled before, which changes nothing. */
  complete(value: T): boolean {
    return this.settle({ ok: true, value });
  }

  /** Settles the task with an error; false when it was settled before. */
  fail(error: Error): boolean {
    return this.settle({ ok: false, error });
  }

  /** Runs `continuation` when the task settles, or now when it has. */
  onDone(continuation: () => void): void {
    if (this.outcome === undefined) this.continuations.push(continuation);
    else continuation();
  }

  private settle(outcome: NonNullable<typeof this.outcome>): boolean {
    if (this.outcome !== undefined) return false;
    this.outcome = outcome;
    const waiting = this.continuations;
    this.continuations = [];
    for (const continuation of waiting) continuation();
    return true;
  }
}

/** An orchestration step written as a generator: it yields the task it awaits and reads its result afterwards. */
export type Steps<T> = Generator<Task<unknown>, T, undefined>;

/** Runs a generator to its end, as far as settled tasks allow now and onwards as they settle. */
export function run<T>(steps: Steps<T>): Task<T> {
  const result = new Task<T>();
  const step = (): void => {
    for (;;) {
      let next: IteratorResult<Task<unknown>, T>;
      try {
        next = steps.next();
      } catch (error) {
        result.fail(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      if (next.done === true) {
        result.complete(next.value);
        return;
      }
      if (!next.value.isDone) {
        next.value.onDone(step);
        return;
      }
    }
  };
  step();
  return result;
}

/** Done as soon as one of the tasks is; never fails itself. */
export function whenAny(tasks: readonly Task<unknown>[]): Task<undefined> {
  const any = new Task<undefined>();
  for (const task of tasks) task.onDone(() => void any.complete(undefined));
  return any;
}

/** Done when all of the tasks are, failures included: the extension waits for the last one before it goes on. */
export function whenAll(tasks: readonly Task<unknown>[]): Task<undefined> {
  const all = new Task<undefined>();
  let open = tasks.length;
  if (open === 0) all.complete(undefined);
  for (const task of tasks) {
    task.onDone(() => {
      open -= 1;
      if (open === 0) all.complete(undefined);
    });
  }
  return all;
}
