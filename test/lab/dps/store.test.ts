import fc from "fast-check";
import { AttemptLog } from "../../../lab/dps/attempts";
import { PagedMap } from "../../../lab/dps/paged-map";

test("pages read while the map changes leave out nothing that stays and give nothing twice", () => {
  const change = fc.record({ key: fc.nat(150), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400 }), fc.integer({ min: 1, max: 20 }), (changes, limit) => {
      const map = new PagedMap<number>();
      for (let key = 0; key < 150; key += 1) map.set(String(key), key);
      const touched = new Set<number>();
      const seen: number[] = [];
      let rest = changes;
      let next: number | undefined = 0;
      while (next !== undefined) {
        const page: { items: number[]; next?: number } = map.page(next, limit);
        expect(page.items.length).toBeLessThanOrEqual(limit);
        seen.push(...page.items);
        next = page.next;
        for (const { key, remove } of rest.slice(0, 30)) {
          touched.add(key);
          if (remove) map.delete(String(key));
          else map.set(String(key), key);
        }
        rest = rest.slice(30);
      }
      const stayed = Array.from({ length: 150 }, (_, key) => key).filter((key) => !touched.has(key));
      expect(seen.filter((key) => !touched.has(key))).toEqual(stayed);
      expect([...map.values()].length).toBe(map.size);
    }),
    { numRuns: 100, seed: 20260101 },
  );
});

test("the last page is known as such, also when what followed was deleted", () => {
  const map = new PagedMap<string>();
  for (const key of ["a", "b", "c"]) map.set(key, key);
  map.delete("c");
  expect(map.page(0, 2)).toEqual({ items: ["a", "b"] });
  expect(map.page(0, 1).next).toBeDefined();
});

test("the log of attempts keeps the last 10,000, oldest first", () => {
  const log = new AttemptLog();
  for (let at = 0; at < 10_005; at += 1) {
    log.add({ at, registrationId: "dev", sha256Thumbprint: undefined, outcome: "accepted", status: 202 });
  }
  const kept = log.list();
  expect([kept.length, kept[0]?.at, kept.at(-1)?.at]).toEqual([10_000, 5, 10_004]);
});
