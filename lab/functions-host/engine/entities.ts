import type { EngineContext } from "./engine-context";

/** Runs the batches of entities. */
export class EntityTurns {
  constructor(
    private readonly context: EngineContext,
    private readonly isStopped: () => boolean,
  ) {}

  turn(entityId: string): Promise<void> {
    if (!this.isStopped()) this.context.log("error", `Entities are not supported yet: ${entityId}`);
    return Promise.resolve();
  }
}
