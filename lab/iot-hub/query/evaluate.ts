import type { Expression, Projection, Query } from "./syntax";

type Row = Readonly<Record<string, unknown>>;

/** Whether a row meets a condition; what is unknown (an absent field) is not met, and neither is its negation. */
export function matches(condition: Expression | undefined, row: Row): boolean {
  return condition === undefined || evaluate(condition, row) === true;
}

/** The answer for one row of a query without aggregates: the row itself, or its projections that have a value. */
export function project(query: Query, row: Row): unknown {
  if (!query.projections) return row;
  const answer: Record<string, unknown> = {};
  for (const { name, expression } of query.projections) {
    const value = expression ? evaluate(expression, row) : undefined;
    if (value !== undefined) answer[name] = value;
  }
  return answer;
}

/** The answers of a query with aggregates or GROUP BY, over all rows that met its condition. */
export function aggregate(query: Query, rows: readonly Row[]): unknown[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify((query.groupBy ?? []).map((path) => lookUp(row, path) ?? null));
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  if (groups.size === 0 && !query.groupBy) groups.set("", []);
  return [...groups.values()].map((group) => summarize(query.projections ?? [], group));
}

export function hasAggregates(query: Query): boolean {
  return query.groupBy !== undefined || (query.projections ?? []).some((projection) => projection.aggregate);
}

function summarize(projections: readonly Projection[], group: readonly Row[]): unknown {
  const answer: Record<string, unknown> = {};
  for (const { name, aggregate: kind, expression } of projections) {
    const values = expression ? group.map((row) => evaluate(expression, row)).filter((v) => v !== undefined) : group;
    const value = kind ? reduce(kind, values) : values[0];
    if (value !== undefined) answer[name] = value;
  }
  return answer;
}

function reduce(kind: NonNullable<Projection["aggregate"]>, values: readonly unknown[]): number | undefined {
  if (kind === "count") return values.length;
  const numbers = values.filter((value) => typeof value === "number");
  if (numbers.length === 0) return undefined;
  const sum = numbers.reduce((total, value) => total + value, 0);
  switch (kind) {
    case "sum":
      return sum;
    case "avg":
      return sum / numbers.length;
    case "min":
      return Math.min(...numbers);
    case "max":
      return Math.max(...numbers);
  }
}

function evaluate(expression: Expression, row: Row): unknown {
  switch (expression.kind) {
    case "value":
      return expression.value;
    case "path":
      return lookUp(row, expression.path);
    case "list":
      return expression.items.map((item) => evaluate(item, row));
    case "defined":
      return lookUp(row, expression.path) !== undefined;
    case "not": {
      const value = evaluate(expression.of, row);
      return typeof value === "boolean" ? !value : undefined;
    }
    case "negate": {
      const value = evaluate(expression.of, row);
      return typeof value === "number" ? -value : undefined;
    }
    case "binary":
      return binary(expression.operator, expression.left, expression.right, row);
  }
}

function binary(operator: string, leftSide: Expression, rightSide: Expression, row: Row): unknown {
  const left = evaluate(leftSide, row);
  if (operator === "and") return left === false ? false : both(left, evaluate(rightSide, row));
  if (operator === "or") return left === true ? true : either(left, evaluate(rightSide, row));
  const right = evaluate(rightSide, row);
  if (operator === "in" || operator === "nin") {
    if (left === undefined || !Array.isArray(right)) return undefined;
    return right.includes(left) === (operator === "in");
  }
  if (operator === "=") return comparable(left, right) ? left === right : undefined;
  if (operator === "!=") return comparable(left, right) ? left !== right : undefined;
  if (typeof left === "string" && typeof right === "string") return order(operator, left < right, left === right);
  if (typeof left !== "number" || typeof right !== "number") return undefined;
  return order(operator, left < right, left === right) ?? arithmetic(operator, left, right);
}

function both(left: unknown, right: unknown): boolean | undefined {
  if (right === false) return false;
  return left === true && right === true ? true : undefined;
}

function either(left: unknown, right: unknown): boolean | undefined {
  if (right === true) return true;
  return left === false && right === false ? false : undefined;
}

/** Only primitives are compared. */
function comparable(left: unknown, right: unknown): boolean {
  const primitive = (value: unknown) => value !== undefined && (value === null || typeof value !== "object");
  return primitive(left) && primitive(right);
}

function order(operator: string, less: boolean, equal: boolean): boolean | undefined {
  switch (operator) {
    case "<":
      return less;
    case "<=":
      return less || equal;
    case ">":
      return !less && !equal;
    case ">=":
      return !less;
    default:
      return undefined;
  }
}

function arithmetic(operator: string, left: number, right: number): number | undefined {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      return left % right;
    default:
      return undefined;
  }
}

/** Names of collections may stand before a field; the first name of a field is compared without regard to case. */
function lookUp(row: Row, path: readonly string[]): unknown {
  const fields = withoutCollection(path);
  const [first = "", ...rest] = fields;
  const key = first in row ? first : Object.keys(row).find((name) => name.toLowerCase() === first.toLowerCase());
  let value: unknown = key === undefined ? undefined : row[key];
  for (const name of rest) {
    if (typeof value !== "object" || value === null || !(name in value)) return undefined;
    const inner: unknown = Reflect.get(value, name);
    value = inner;
  }
  return value;
}

function withoutCollection(path: readonly string[]): readonly string[] {
  if (path.length < 2 || path[0]?.toLowerCase() !== "devices") return path;
  const second = path[1]?.toLowerCase();
  return (second === "jobs" || second === "modules") && path.length > 2 ? path.slice(2) : path.slice(1);
}
