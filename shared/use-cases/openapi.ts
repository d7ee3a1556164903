import { z } from "zod";
import type { ApiRoute } from "../contract/api-route";
import { API_ROUTES } from "../contract/api-routes";
import { MAX_ALERT_AGE_SECONDS } from "../contract/alert";

/** RFC 9457, as every refusal is written. */
const ProblemBody = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  correlationId: z.string().optional(),
});

/** The OpenAPI 3.1 document of all endpoints: its schemas are those that bodies, queries and answers pass. */
export function openApiDocument(): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [operationId, route] of Object.entries<ApiRoute>(API_ROUTES)) {
    const path = `/api/${route.path}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(operationId, route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Rollcall",
      version: "1",
      description: "Rolls X.509 device certificates across Azure IoT Hub fleets and proves that it did.",
    },
    paths,
    components: {
      schemas: { Problem: schemaOf(ProblemBody, "output") },
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "An access token of the directory with the app role Rollcall.Reader, .Operator or .Approver.",
        },
        functionKey: { type: "apiKey", in: "header", name: "x-functions-key" },
        signature: {
          type: "apiKey",
          in: "header",
          name: "x-roll-signature",
          description: `sha256=<hex HMAC-SHA256 of x-roll-timestamp + "." + body>; the time at most ${MAX_ALERT_AGE_SECONDS} s off.`,
        },
      },
    },
  };
}

function operation(operationId: string, route: ApiRoute): object {
  const answers: Record<string, object> = {};
  for (const [status, answer] of Object.entries(route.answers)) answers[status] = response(Number(status), answer);
  return {
    operationId,
    summary: route.summary,
    security: securityOf(route.who),
    parameters: [...pathParameters(route.path), ...queryParameters(route.query)],
    ...(route.body === undefined
      ? {}
      : { requestBody: { content: { "application/json": { schema: schemaOf(route.body, "input") } } } }),
    responses: {
      ...answers,
      default: {
        description: "Refused; code says why",
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

function securityOf(who: ApiRoute["who"]): object[] {
  if (who === "anyone") return [];
  if (who === "signed") return [{ signature: [] }];
  if (who === "service") return [{ bearer: [] }, { functionKey: [] }];
  // A function key is nobody's signature.
  return who === "approver" ? [{ bearer: [] }] : [{ bearer: [] }, { functionKey: [] }];
}

function response(status: number, answer: ApiRoute["answers"][number]): object {
  const description = { 200: "Done", 202: "Begun; Location says where it can be watched", 304: "Not changed" }[status];
  if (answer === "empty") return { description };
  const content =
    answer === "text/csv"
      ? { "text/csv": { schema: { type: "string" } } }
      : { "application/json": { schema: schemaOf(answer, "output") } };
  return { description: description ?? "Not now", content };
}

function pathParameters(path: string): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(query: z.ZodType | undefined): object[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(query, "input");
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function schemaOf(schema: z.ZodType, io: "input" | "output") {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
