import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { API_ROUTES } from "../../../shared/contract/api-routes";
import { openApiDocument } from "../../../shared/use-cases/openapi";

const folder = join(__dirname, "../../../functions/http");
const timers = readFileSync(join(folder, "../timers/expiry.ts"), "utf8");
const source = readdirSync(folder)
  .filter((name) => name !== "endpoint.ts")
  .map((name) => readFileSync(join(folder, name), "utf8"))
  .concat(timers)
  .join("\n");

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, unknown>>;
  readonly requestBody?: unknown;
}
const paths = openApiDocument()["paths"] as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
const operations = Object.values(paths).flatMap((path) => Object.values(path));

describe("the OpenAPI document", () => {
  it("has every endpoint that is registered, and none else", () => {
    const registered = [
      ...source.matchAll(/endpoint\((?:"|`)([^"`]+)/g),
      ...source.matchAll(/: "(alerts\w+)"/g),
      ...source.matchAll(/^ {2}(?:get|on)\("(\w+)"/gm),
    ].flatMap(([, name = ""]) =>
      name.startsWith("${verb}")
        ? ["approve", "pause", "resume", "abort", "retry"].map((verb) => `${verb}Roll`)
        : [name],
    );
    expect(new Set(registered)).toEqual(new Set(Object.keys(API_ROUTES)));
    expect(operations.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(API_ROUTES).sort());
  });

  it("is the only place that names routes and methods", () => {
    expect(source).not.toMatch(/\n\s+route: ["`]/);
    expect(source.match(/methods: \["/g)).toHaveLength(1);
  });

  it("describes bodies, parameters and refusals by schemas that stand by themselves", () => {
    const text = JSON.stringify(openApiDocument());
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to);
    expect(new Set(references)).toEqual(new Set(["#/components/schemas/Problem"]));
    for (const { responses } of operations) expect(responses).toHaveProperty("default");
    const list = paths["/api/rolls"]?.["get"];
    expect(list?.parameters.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["limit", "after", "playbook", "phase", "outcome", "since", "until"]),
    );
    expect(paths["/api/rolls"]?.["post"]?.requestBody).toBeDefined();
  });
});
