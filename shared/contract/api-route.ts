import type { z } from "zod";
import type { Role } from "../domain/operator";

/** One endpoint: what is registered with the host and what the OpenAPI document says, from one place. */
export interface ApiRoute {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** After `/api/`, with parameters in braces. */
  readonly path: string;
  readonly summary: string;
  /** `signed`: the body's signature is the authentication. `service`: a service of Azure by its own identity. `anyone`: none. */
  readonly who: Role | "signed" | "service" | "anyone";
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** By status; text is a content type without a schema. What goes wrong is problem+json, whatever the route. */
  readonly answers: Readonly<Record<number, z.ZodType | "text/csv" | "empty">>;
}
