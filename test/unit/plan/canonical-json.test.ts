import { canonicalJson } from "../../../shared/domain/plan/canonical-json";

it("is one text for one value, whatever the order in which it was put together", () => {
  const one = { b: [1, { d: "ü", c: null }], a: undefined, "\u0000": true };
  const other = { "\u0000": true, b: [1, { c: null, d: "ü" }] };
  expect(canonicalJson(one)).toBe(canonicalJson(other));
  expect(canonicalJson(one)).toBe('{"\\u0000":true,"b":[1,{"c":null,"d":"ü"}]}');
  expect(JSON.parse(canonicalJson(one))).toEqual(other);
});

it("keeps the places of a list, and tells an empty place from none", () => {
  expect(canonicalJson([undefined, 1])).toBe("[null,1]");
  expect(canonicalJson([1])).not.toBe(canonicalJson([1, undefined]));
  expect(canonicalJson(["1"])).not.toBe(canonicalJson([1]));
});
