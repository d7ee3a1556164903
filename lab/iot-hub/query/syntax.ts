import { invalid } from "../errors";
import { tokenize, type Token } from "./lexer";

export type Source = "devices" | "devices.modules" | "devices.jobs";
export type Aggregate = "count" | "avg" | "sum" | "min" | "max";

export type Expression =
  | { readonly kind: "value"; readonly value: string | number | boolean | null }
  | { readonly kind: "path"; readonly path: readonly string[] }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "defined"; readonly path: readonly string[] }
  | { readonly kind: "not" | "negate"; readonly of: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression };

export interface Projection {
  /** The key in the answer. */
  readonly name: string;
  readonly aggregate?: Aggregate;
  /** Absent only for `COUNT()`. */
  readonly expression?: Expression;
}

export interface Query {
  readonly source: Source;
  /** Undefined: `SELECT *`. */
  readonly projections?: readonly Projection[];
  readonly top?: number;
  readonly where?: Expression;
  readonly groupBy?: readonly (readonly string[])[];
}

/** Microsoft docs, iot-hub-devguide-query-language. */
const longestQuery = 8_192;
const aggregates: readonly Aggregate[] = ["count", "avg", "sum", "min", "max"];

/** Reads a query; throws 400 where it is not in the language of twins and jobs. */
export function parseQuery(text: string): Query {
  if (text.length > longestQuery) throw invalid(`The query is longer than ${longestQuery} characters.`);
  return new Parser(tokenize(text)).query();
}

/** Reads a condition alone, as jobs have it. */
export function parseCondition(text: string): Expression {
  if (text.length > longestQuery) throw invalid(`The query is longer than ${longestQuery} characters.`);
  return new Parser(tokenize(text)).condition();
}

class Parser {
  private position = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  query(): Query {
    this.expectWord("select");
    const top = this.takeWord("top") ? this.count() : undefined;
    const projections = this.takeSymbol("*") ? undefined : this.projections();
    this.expectWord("from");
    const source = this.source();
    const where = this.takeWord("where") ? this.or() : undefined;
    const groupBy = this.takeWord("group") ? this.groupBy() : undefined;
    this.expectEnd();
    if (source === "devices.jobs" && (projections ?? groupBy))
      throw invalid("Query: devices.jobs takes SELECT * only.");
    return {
      source,
      ...(projections ? { projections } : {}),
      ...(top === undefined ? {} : { top }),
      ...(where ? { where } : {}),
      ...(groupBy ? { groupBy } : {}),
    };
  }

  condition(): Expression {
    const expression = this.or();
    this.expectEnd();
    return expression;
  }

  private projections(): Projection[] {
    const list = [this.projection()];
    while (this.takeSymbol(",")) list.push(this.projection());
    return list;
  }

  private projection(): Projection {
    const aggregate = this.aggregate();
    const expression = aggregate ? this.argument() : this.sum();
    const alias = this.takeWord("as") ? this.word() : undefined;
    const path = expression?.kind === "path" ? expression.path.at(-1) : undefined;
    const name = alias ?? lowerFirst(path ?? aggregate ?? `$${this.position}`);
    return { name, ...(aggregate ? { aggregate } : {}), ...(expression ? { expression } : {}) };
  }

  private aggregate(): Aggregate | undefined {
    const found = aggregates.find((name) => this.isWord(name));
    if (!found || this.tokens[this.position + 1]?.text !== "(") return undefined;
    this.position += 1;
    return found;
  }

  private argument(): Expression | undefined {
    this.expectSymbol("(");
    if (this.takeSymbol(")")) return undefined;
    const expression = this.sum();
    this.expectSymbol(")");
    return expression;
  }

  private source(): Source {
    const path = this.path().join(".").toLowerCase();
    if (path === "devices" || path === "devices.modules" || path === "devices.jobs") return path;
    throw invalid(`Query: FROM '${path}' is not a collection; use devices, devices.modules or devices.jobs.`);
  }

  private groupBy(): string[][] {
    this.expectWord("by");
    const paths = [this.path()];
    while (this.takeSymbol(",")) paths.push(this.path());
    return paths;
  }

  private or(): Expression {
    let left = this.and();
    while (this.takeWord("or")) left = { kind: "binary", operator: "or", left, right: this.and() };
    return left;
  }

  private and(): Expression {
    let left = this.not();
    while (this.takeWord("and")) left = { kind: "binary", operator: "and", left, right: this.not() };
    return left;
  }

  private not(): Expression {
    return this.takeWord("not") ? { kind: "not", of: this.not() } : this.comparison();
  }

  private comparison(): Expression {
    const left = this.sum();
    for (const operator of ["=", "!=", "<>", "<=", ">=", "<", ">"]) {
      if (this.takeSymbol(operator)) {
        return { kind: "binary", operator: operator === "<>" ? "!=" : operator, left, right: this.sum() };
      }
    }
    for (const operator of ["in", "nin"]) {
      if (this.takeWord(operator)) return { kind: "binary", operator, left, right: this.primary() };
    }
    return left;
  }

  private sum(): Expression {
    let left = this.product();
    for (;;) {
      const operator = ["+", "-"].find((symbol) => this.takeSymbol(symbol));
      if (!operator) return left;
      left = { kind: "binary", operator, left, right: this.product() };
    }
  }

  private product(): Expression {
    let left = this.primary();
    for (;;) {
      const operator = ["*", "/", "%"].find((symbol) => this.takeSymbol(symbol));
      if (!operator) return left;
      left = { kind: "binary", operator, left, right: this.primary() };
    }
  }

  private primary(): Expression {
    const token = this.peek();
    if (token.kind === "string") return this.literal(token.text);
    if (token.kind === "number") return this.literal(Number(token.text));
    if (this.takeSymbol("-")) return { kind: "negate", of: this.primary() };
    if (this.takeSymbol("(")) {
      const inner = this.or();
      this.expectSymbol(")");
      return inner;
    }
    if (this.takeSymbol("[")) return { kind: "list", items: this.items() };
    if (this.takeWord("true")) return { kind: "value", value: true };
    if (this.takeWord("false")) return { kind: "value", value: false };
    if (this.takeWord("null")) return { kind: "value", value: null };
    if (token.kind === "word") return this.pathOrFunction();
    throw this.unexpected();
  }

  private items(): Expression[] {
    const items: Expression[] = [];
    while (!this.takeSymbol("]")) {
      if (items.length > 0) this.expectSymbol(",");
      items.push(this.primary());
    }
    return items;
  }

  private pathOrFunction(): Expression {
    const path = this.path();
    if (!this.takeSymbol("(")) return { kind: "path", path };
    const name = path.join(".").toLowerCase();
    if (name !== "is_defined") {
      throw invalid(`Query: the function '${name}' is for message routes; twins and jobs know is_defined only.`);
    }
    const argument = this.path();
    this.expectSymbol(")");
    return { kind: "defined", path: argument };
  }

  private path(): string[] {
    const parts = [this.word()];
    for (;;) {
      if (this.takeSymbol(".")) parts.push(this.word());
      else if (this.peek().text === "[" && this.tokens[this.position + 1]?.kind === "string") {
        parts.push(this.tokens[this.position + 1]?.text ?? "");
        this.position += 2;
        this.expectSymbol("]");
      } else return parts;
    }
  }

  private literal(value: string | number): Expression {
    this.position += 1;
    return { kind: "value", value };
  }

  private count(): number {
    const token = this.peek();
    if (token.kind !== "number") throw this.unexpected();
    this.position += 1;
    return Number(token.text);
  }

  private peek(): Token {
    return this.tokens[this.position] ?? { kind: "end", text: "", at: 0 };
  }

  private word(): string {
    const token = this.peek();
    if (token.kind !== "word") throw this.unexpected();
    this.position += 1;
    return token.text;
  }

  private isWord(text: string): boolean {
    return this.peek().kind === "word" && this.peek().text.toLowerCase() === text;
  }

  private takeWord(text: string): boolean {
    if (!this.isWord(text)) return false;
    this.position += 1;
    return true;
  }

  private takeSymbol(text: string): boolean {
    if (this.peek().kind !== "symbol" || this.peek().text !== text) return false;
    this.position += 1;
    return true;
  }

  private expectWord(text: string): void {
    if (!this.takeWord(text)) throw this.unexpected();
  }

  private expectSymbol(text: string): void {
    if (!this.takeSymbol(text)) throw this.unexpected();
  }

  private expectEnd(): void {
    if (this.peek().kind !== "end") throw this.unexpected();
  }

  private unexpected(): Error {
    const { text, at } = this.peek();
    return invalid(`Query: unexpected '${text === "" ? "end" : text}' at position ${at}.`);
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
