/** A route template of an HTTP trigger (`orders/{id:int}/{*rest}`), compiled. */
export interface Route {
  readonly template: string;
  /** Upper case; empty: every method. */
  readonly methods: readonly string[];
  /** The parameters of a matching path (without leading slash), absent ones left out; undefined: no match. */
  match(path: string): Readonly<Record<string, string>> | undefined;
  /** Lower is tried first: literals before constrained parameters, before others, before the rest of a path. */
  readonly rank: string;
}

const constraints: Readonly<Record<string, RegExp>> = {
  int: /^-?\d+$/,
  long: /^-?\d+$/,
  decimal: /^-?\d+(\.\d+)?$/,
  double: /^-?\d+(\.\d+)?$/,
  float: /^-?\d+(\.\d+)?$/,
  bool: /^(true|false)$/i,
  alpha: /^[a-z]+$/i,
  guid: /^\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$/i,
  datetime: /^\d{4}-\d{2}-\d{2}/,
};

interface Segment {
  readonly kind: "literal" | "parameter" | "rest";
  readonly text: string;
  readonly optional: boolean;
  readonly tests: readonly RegExp[];
}

/** Compiles a template; throws with the reason when it names a constraint that is not known here. */
export function compileRoute(template: string, methods: readonly string[]): Route {
  const segments = template
    .split("/")
    .filter((part) => part !== "")
    .map(parseSegment);
  const order = { literal: "0", parameter: "2", rest: "3" } as const;
  return {
    template,
    methods: methods.map((method) => method.toUpperCase()),
    rank: segments.map(({ kind, tests }) => (kind === "parameter" && tests.length > 0 ? "1" : order[kind])).join(""),
    match: (path) => matchSegments(segments, path === "" ? [] : path.split("/")),
  };
}

function parseSegment(part: string): Segment {
  const match = /^\{(\*{0,2})([^:?=}]+)((?::[^}?]+)*)(\?)?\}$/.exec(part);
  if (match === null) return { kind: "literal", text: part.toLowerCase(), optional: false, tests: [] };
  const names = (match[3] ?? "").split(":").filter((name) => name !== "");
  const tests = names.map((name) => {
    const test = constraints[name.toLowerCase()];
    if (test === undefined) {
      throw new Error(`the route constraint "${name}" is not supported; known: ${Object.keys(constraints).join(", ")}`);
    }
    return test;
  });
  const kind = match[1] === "" ? "parameter" : "rest";
  return { kind, text: match[2] ?? "", optional: match[4] === "?" || kind === "rest", tests };
}

function matchSegments(segments: readonly Segment[], parts: readonly string[]): Record<string, string> | undefined {
  const parameters: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const part = parts[index];
    if (segment.kind === "rest") {
      const rest = parts.slice(index).join("/");
      if (rest !== "") parameters[segment.text] = rest;
      return parameters;
    }
    if (part === undefined || part === "") {
      if (!segment.optional) return undefined;
      continue;
    }
    if (segment.kind === "literal") {
      if (part.toLowerCase() !== segment.text) return undefined;
    } else {
      if (!segment.tests.every((test) => test.test(part))) return undefined;
      parameters[segment.text] = part;
    }
  }
  return parts.length > segments.length ? undefined : parameters;
}
