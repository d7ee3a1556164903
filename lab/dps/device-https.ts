import { z } from "zod";
import type { ApiRequest, ApiResponse } from "./api";
import type { DpsContext } from "./context";
import { keyOf } from "./entries";
import { describe } from "./entry-schema";
import { dpsErrors } from "./errors";
import { underFaults, type Outcome } from "./fault-effects";
import { dpsLimits } from "./quotas";
import type { OperationAnswer, Registrar } from "./registration";
import { parseJson } from "./requests";

const deviceHostName = "global.azure-devices-provisioning.net";

/** The device API over HTTPS: `/{idScope}/registrations/{id}[/register|/operations/{op}]`. Throws DpsError. */
export async function answerDevice(
  request: ApiRequest,
  context: DpsContext,
  registrar: Registrar,
): Promise<Outcome<ApiResponse>> {
  const [idScope = "", , id = "", verb = "", operationId = "", ...more] = request.segments;
  if (id === "" || more.length > 0) throw dpsErrors.noSuchResource();
  if (idScope !== context.idScope) throw dpsErrors.unauthorized();
  const chain = request.chain();
  const kind = `${request.method} ${verb.toLowerCase()}`;
  if (kind === "PUT register" && operationId === "") {
    return underFaults(
      {
        name: "dps.device.register",
        subject: id,
        write: true,
        run: (commit) => {
          context.quotas.registration();
          const payload = readRegistration(request.body, id);
          const answer = registrar.register(id, chain, payload, commit);
          const location = `https://${deviceHostName}/${idScope}/registrations/${id}/register`;
          return toResponse(answer, context, { location });
        },
      },
      context,
    );
  }
  if (kind === "GET operations" && operationId !== "") {
    return underFaults(
      {
        name: "dps.device.poll",
        subject: id,
        write: false,
        run: () => {
          context.quotas.poll(id);
          return toResponse(registrar.poll(id, operationId, chain), context, {});
        },
      },
      context,
    );
  }
  if (request.method === "POST" && verb === "") {
    return underFaults(
      {
        name: "dps.device.lookup",
        subject: id,
        write: false,
        run: () => {
          readRegistration(request.body, id);
          return { status: 200, body: registrar.lookup(id, chain) };
        },
      },
      context,
    );
  }
  throw verb === "" || verb === "register" || verb === "operations"
    ? dpsErrors.methodNotAllowed()
    : dpsErrors.noSuchResource();
}

const registrationBody = z.object({ registrationId: z.string().nullish(), payload: z.unknown().optional() });

/** The device's payload out of the body of a registration; throws DpsError 400. */
export function readRegistration(body: Buffer, registrationId: string): unknown {
  if (body.length > dpsLimits.messageBytes) throw dpsErrors.badRequest("The message is larger than 96 KB.");
  const parsed = registrationBody.safeParse(body.length === 0 ? {} : parseJson(body.toString("utf8")));
  if (!parsed.success) throw dpsErrors.badRequest(describe(parsed.error));
  const named = parsed.data.registrationId;
  if (named !== null && named !== undefined && keyOf(named) !== keyOf(registrationId)) {
    throw dpsErrors.badRequest("The registrationId of the body is another than that of the request.");
  }
  return parsed.data.payload;
}

function toResponse(answer: OperationAnswer, context: DpsContext, headers: Record<string, string>): ApiResponse {
  const retryAfter = answer.status === 202 ? { "retry-after": String(context.switches.retryAfterSeconds) } : {};
  return { ...answer, headers: { ...headers, ...retryAfter } };
}
