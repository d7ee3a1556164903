import type { Agent } from "node:https";

/** What every client of the newer Azure SDKs gets: one quick repetition, and requests through this agent. */
export function pipelineOptions(agent: Agent) {
  return {
    retryOptions: { maxRetries: 1, retryDelayInMs: 200, maxRetryDelayInMs: 500 },
    additionalPolicies: [
      {
        position: "perRetry" as const,
        policy: {
          name: "rollcall-agent",
          sendRequest<R extends { agent?: unknown }, A>(request: R, next: (request: R) => A): A {
            request.agent = agent;
            return next(request);
          },
        },
      },
    ],
  };
}
