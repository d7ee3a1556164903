import { invalid } from "../errors";

export interface Token {
  readonly kind: "word" | "string" | "number" | "symbol" | "end";
  readonly text: string;
  readonly at: number;
}

const pattern =
  /\s+|(?<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")|(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<word>[A-Za-z_$][\w$-]*)|(?<symbol><>|!=|<=|>=|[=<>+\-*/%(),.[\]])/y;

/** Splits a query into words, strings, numbers and symbols; throws 400 at what is none of them. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const groups = pattern.exec(text)?.groups;
    if (!groups && pattern.lastIndex === 0) throw invalid(`Query: unexpected '${text[at] ?? ""}' at position ${at}.`);
    const token = groups && tokenOf(groups, at);
    if (token) tokens.push(token);
  }
  tokens.push({ kind: "end", text: "", at: text.length });
  return tokens;
}

function tokenOf(groups: Record<string, string | undefined>, at: number): Token | undefined {
  const { string, number, word, symbol } = groups;
  if (string !== undefined) return { kind: "string", text: unquote(string), at };
  if (number !== undefined) return { kind: "number", text: number, at };
  if (word !== undefined) return { kind: "word", text: word, at };
  return symbol === undefined ? undefined : { kind: "symbol", text: symbol, at };
}

function unquote(literal: string): string {
  return literal.slice(1, -1).replaceAll("''", "'").replace(/\\(.)/g, "$1");
}
