import type { ApiContext, ApiRequest, ApiResponse } from "./api";

/** Reads, signals and lists entities. */
export function entityRoutes(
  _context: ApiContext,
  _request: ApiRequest,
  _name: string | undefined,
  _key: string | undefined,
): ApiResponse {
  return { status: 404 };
}
