import type { ApiRoute } from "../../shared/contract/api-route";
import { API_ROUTES, type ApiRouteName } from "../../shared/contract/api-routes";

/** Method and route of an endpoint for `app.http`, from the table that the OpenAPI document is made of. */
export function endpoint(name: ApiRouteName): { readonly methods: [ApiRoute["method"]]; readonly route: string } {
  const { method, path } = API_ROUTES[name];
  return { methods: [method], route: path };
}
