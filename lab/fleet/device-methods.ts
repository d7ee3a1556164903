import { generateKeyPairSync } from "node:crypto";
import { z } from "zod";
import { certificateRequest } from "./csr";
import { attemptKey } from "./device-state";
import type { Attempt, DeviceState } from "./device-state";
import type { MethodAnswer } from "./transport";

const order = z.object({ rollId: z.string().min(1), attemptId: z.string().min(1), nonce: z.string().min(1) });
const reprovisionOrder = order.extend({
  reason: z.string().optional(),
  deadline: z.iso.datetime({ offset: true }).optional(),
  spreadSeconds: z.number().min(0).optional(),
  chainPem: z.string().optional(),
});
const prepareOrder = order.omit({ nonce: true });
const commitOrder = z.object({ rollId: z.string().min(1) });

/** The answer to a method, and the attempt to begin if it is one that the device has not seen before. */
export interface MethodOutcome {
  readonly answer: MethodAnswer;
  readonly begin?: Attempt;
}

/**
 * Decides a direct method of the device contract and notes it in `state`; the caller saves the state before it answers,
 * so that what was accepted is never forgotten. `now`: milliseconds since the epoch. 400: the payload is not what the contract says. 404: no such method.
 */
export function decideMethod(state: DeviceState, name: string, payload: unknown, now: number): MethodOutcome {
  switch (name) {
    case "reprovision":
      return withPayload(reprovisionOrder, payload, ({ deadline, ...given }) =>
        accept(state, {
          kind: "reprovision",
          ...definedOnly(given),
          ...(deadline === undefined ? {} : { deadline: Date.parse(deadline) }),
          status: "working",
          acceptedAt: now,
        }),
      );
    case "report":
      return withPayload(order, payload, (given) =>
        accept(state, { kind: "report", ...given, status: "working", acceptedAt: now }),
      );
    case "prepareCertificate":
      return withPayload(prepareOrder, payload, ({ rollId }) => {
        const key = (state.preparedKeys[rollId] ??= generateKeyPairSync("ec", {
          namedCurve: "P-256",
          privateKeyEncoding: { type: "pkcs8", format: "pem" },
          publicKeyEncoding: { type: "spki", format: "pem" },
        }).privateKey);
        return { answer: { status: 200, payload: { csrPem: certificateRequest(state.registrationId, key) } } };
      });
    case "commit":
      return withPayload(commitOrder, payload, () => {
        delete state.previous;
        return { answer: { status: 200 } };
      });
    default:
      return { answer: { status: 404, payload: { error: `This device has no method ${name}.` } } };
  }
}

function accept(state: DeviceState, wanted: Omit<Attempt, "calls" | "acts">): MethodOutcome {
  const accepted: MethodAnswer = { status: 202 };
  const key = attemptKey(wanted.rollId, wanted.attemptId);
  const known = state.attempts[key];
  if (known !== undefined) {
    known.calls += 1;
    return { answer: accepted };
  }
  const attempt = { ...wanted, calls: 1, acts: 0 };
  state.attempts[key] = attempt;
  return { answer: accepted, begin: attempt };
}

function withPayload<T>(schema: z.ZodType<T>, payload: unknown, decide: (given: T) => MethodOutcome): MethodOutcome {
  const read = schema.safeParse(payload);
  return read.success
    ? decide(read.data)
    : { answer: { status: 400, payload: { error: z.prettifyError(read.error) } } };
}

interface Given {
  rollId: string;
  attemptId: string;
  nonce: string;
  spreadSeconds?: number | undefined;
  chainPem?: string | undefined;
}

function definedOnly({ rollId, attemptId, nonce, spreadSeconds, chainPem }: Given) {
  return {
    rollId,
    attemptId,
    nonce,
    ...(spreadSeconds === undefined ? {} : { spreadSeconds }),
    ...(chainPem === undefined ? {} : { chainPem }),
  };
}
