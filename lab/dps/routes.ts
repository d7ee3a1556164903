import { header, type ApiRequest, type ApiResponse, type ServiceOperation } from "./api";
import { answerArm } from "./arm";
import { authorize } from "./authorization";
import { bulkOperation } from "./bulk";
import type { DpsContext } from "./context";
import { answerDevice } from "./device-https";
import { entryOperation } from "./enrollments";
import { dpsErrors } from "./errors";
import { underFaults, type Outcome } from "./fault-effects";
import type { Registrar } from "./registration";
import { registrationOperation } from "./registration-records";

/**
 * Answers a request to any of the three HTTP faces of DPS: ARM, the device API or the service API, told apart by path.
 * Throws DpsError.
 */
export async function route(
  request: ApiRequest,
  context: DpsContext,
  registrar: Registrar,
): Promise<Outcome<ApiResponse>> {
  const [first = "", second = ""] = request.segments.map((segment) => segment.toLowerCase());
  if (first === "subscriptions") return answerArm(request, context);
  const isService = ["enrollments", "enrollmentgroups", "registrations"].includes(first);
  if (second === "registrations" && !isService) return answerDevice(request, context, registrar);
  return answerService(request, context);
}

function answerService(request: ApiRequest, context: DpsContext): Promise<Outcome<ApiResponse>> {
  const operation = serviceOperation(request, context);
  authorize(
    header(request, "authorization"),
    operation.right,
    context.serviceHostName,
    context.policies,
    context.clock.now(),
  );
  if (!/^\d{4}-\d\d-\d\d(-preview)?$/.test(request.query.get("api-version") ?? "")) {
    throw dpsErrors.badRequest("api-version is missing or not valid.");
  }
  context.quotas.operation(operation.cost ?? 1);
  return underFaults(operation, context);
}

function serviceOperation(request: ApiRequest, context: DpsContext): ServiceOperation {
  const [collection = "", ...rest] = request.segments;
  switch (collection.toLowerCase()) {
    case "enrollments":
      if (rest.length === 0) return bulkOperation("individual", request, context);
      return entryOperation("individual", request, context);
    case "enrollmentgroups":
      if (rest.length === 0) return bulkOperation("group", request, context);
      return entryOperation("group", request, context);
    case "registrations":
      return registrationOperation(request, context);
    default:
      throw dpsErrors.noSuchResource();
  }
}
