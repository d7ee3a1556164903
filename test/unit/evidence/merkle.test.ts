import fc from "fast-check";
import { nodeHashes } from "../../../shared/adapters/evidence/node-hashes";
import { canonical } from "../../../shared/domain/evidence/canonical";
import { EMPTY, grow, rootOf, type Hash } from "../../../shared/domain/evidence/merkle";

/** RFC 6962 §2.1, word for word. */
function treeHash(leaves: readonly string[]): Hash {
  const [only = ""] = leaves;
  if (leaves.length === 0) return nodeHashes.nothing;
  if (leaves.length === 1) return nodeHashes.leaf(only);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHashes.node(treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
}

const grown = (leaves: readonly string[]): Hash =>
  rootOf(
    leaves.reduce((tree, leaf) => grow(tree, nodeHashes.leaf(leaf), nodeHashes), EMPTY),
    nodeHashes,
  );

describe("the tree", () => {
  it("has the roots that RFC 6962 gives, however it grows", () => {
    fc.assert(fc.property(fc.array(fc.string(), { maxLength: 70 }), (leaves) => grown(leaves) === treeHash(leaves)));
  });

  it("has the known hashes of certificate transparency for no leaf, the empty leaf and two leaves", () => {
    expect(grown([])).toBe("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855");
    expect(grown([""])).toBe("6E340B9CFFB37A989CA544E6BB780A2C78901D3FB33738768511A30617AFA01D");
    expect(grown(["", "\u0000"])).toBe("FAC54203E7CC696CF0DFCB42C92A1D9DBAF70AD9E621F4BD8D98662F00E3C125");
  });

  it("keeps one hash per binary digit of its size", () => {
    let tree = EMPTY;
    for (let n = 1; n <= 200; n += 1) {
      tree = grow(tree, nodeHashes.leaf(String(n)), nodeHashes);
      expect(tree.peaks).toHaveLength(n.toString(2).replaceAll("0", "").length);
    }
  });
});

describe("the canonical text", () => {
  it("does not depend on the order of properties, and reads back as the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonical(value);
        expect(canonical(JSON.parse(text))).toBe(text);
        expect(canonical(turned(value))).toBe(text);
      }),
    );
  });

  it("leaves out what is undefined and knows no infinity", () => {
    expect(canonical({ b: undefined, a: [1, "x", null] })).toBe('{"a":[1,"x",null]}');
    expect(() => canonical(Infinity)).toThrow(RangeError);
  });
});

/** The same value with the properties of each object in the opposite order. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, one]) => [name, turned(one)]),
  );
}
