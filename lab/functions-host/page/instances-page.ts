import type { Store } from "../engine/store";
import type { FunctionApp } from "../function-app";

/** The page at `/`: which functions there are and what the instances do. */
export function instancesPage(
  _store: Store,
  app: FunctionApp,
  url: URL,
): { readonly status: number; readonly type: string; readonly body: string } | undefined {
  if (url.pathname !== "/") return undefined;
  return { status: 200, type: "text/plain", body: `${app.functions.size} functions\n` };
}
