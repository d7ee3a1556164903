import fc from "fast-check";
import { z } from "zod";
import { inParallel } from "../../../shared/adapters/store/in-parallel";
import {
  formatKey,
  formatNumber,
  KEY_LIMIT,
  keysByPartition,
  newestFirstKey,
  parseKey,
} from "../../../shared/adapters/store/keys";
import { COLUMN_CHARS, MAX_COLUMNS, RowCodec, splitColumns } from "../../../shared/adapters/store/row-codec";
import { transactions } from "../../../shared/adapters/store/table-rows";
import { DeviceId, RegistrationId, RollId } from "../../../shared/domain/ids";
import { aRollId } from "./samples";

/** How a key that cannot be is refused. */
const refused = /cannot write a table key/;

const deviceIds = fc.stringMatching(/^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/);
const anyText = fc.string({ unit: "grapheme", maxLength: 60 });

describe("table keys", () => {
  test("a key is read back as the text it was made of, whatever the text", () => {
    fc.assert(fc.property(fc.oneof(anyText, deviceIds), (text) => parseKey(formatKey(text)) === text));
  });

  test("different texts have different keys, also those that look like keys", () => {
    const lookalikes = fc.oneof(anyText, fc.stringMatching(/^[A-F0-9=%]{0,6}$/));
    fc.assert(fc.property(lookalikes, lookalikes, (a, b) => (formatKey(a) === formatKey(b)) === (a === b)));
    expect(formatKey("a#b")).toBe("a=23b");
    expect(formatKey("a=23b")).toBe("a=3D23b");
  });

  test("whatever is no key is not read as one, and whatever is read is that key", () => {
    for (const wrong of ["a#b", "=2", "=2f", "=ZZ", "=41", "=FF", "=C3", "a|b", "=ED=A0=80"]) {
      expect([wrong, parseKey(wrong)]).toEqual([wrong, undefined]);
    }
    fc.assert(
      fc.property(fc.stringMatching(/^[a=0-9A-F]{0,9}$/), (key) => {
        const text = parseKey(key);
        return text === undefined || formatKey(text) === key;
      }),
    );
  });

  test("keys hold only what tables allow, and every id fits with room for a prefix", () => {
    const allowed = /^[A-Za-z0-9._:=-]*$/;
    fc.assert(fc.property(anyText, (text) => allowed.test(formatKey(text))));
    fc.assert(
      fc.property(deviceIds, (id) => {
        const key = formatKey(DeviceId.parse(id));
        return allowed.test(key) && key.length + "target|00".length <= KEY_LIMIT;
      }),
    );
    const longest = DeviceId.parse("#".repeat(128));
    expect(formatKey(longest)).toHaveLength(384);
  });

  test("plain registration ids stay readable", () => {
    expect(formatKey(RegistrationId.parse("pump-1_a.b:c"))).toBe("pump-1_a.b:c");
  });

  test("what no key can hold is refused, never cut", () => {
    expect(formatKey("a".repeat(KEY_LIMIT))).toHaveLength(KEY_LIMIT);
    expect(() => formatKey("a".repeat(KEY_LIMIT + 1))).toThrow(refused);
    expect(() => formatKey("a\ud83d")).toThrow(refused);
    for (const n of [-1, 0.5, 1_000_000, Number.NaN]) {
      expect(() => formatNumber(n)).toThrow(refused);
    }
    expect([formatNumber(0), formatNumber(999_999)]).toEqual(["000000", "999999"]);
  });

  test("the keys of later rolls come first", () => {
    const rollIds = fc.integer({ min: 0, max: 50_000_000 }).map((minute) => aRollId(minute));
    fc.assert(
      fc.property(rollIds, rollIds, (a, b) => {
        const [older, newer] = a < b ? [a, b] : [b, a];
        return older.slice(0, 19) === newer.slice(0, 19) || newestFirstKey(newer) < newestFirstKey(older);
      }),
    );
    const id = RollId.parse("20260102T030405678Z-1f0c9a3e");
    expect(newestFirstKey(id)).toBe("79739897969594321|20260102T030405678Z-1f0c9a3e");
  });

  test("ids are grouped by partition under their keys, each once", () => {
    const groups = keysByPartition(["a#", "b", "a#"], (id) => (id.startsWith("a") ? "p" : "q"));
    expect(groups).toEqual([
      ["p", new Map([["a=23", "a#"]])],
      ["q", new Map([["b", "b"]])],
    ]);
  });
});

describe("values in columns", () => {
  const codec = new RowCodec("facts", z.object({ text: z.string() }));

  test("text is cut into columns that fit and joined again, without breaking a character", () => {
    const nearTheEdge = fc.tuple(fc.integer({ min: COLUMN_CHARS - 3, max: COLUMN_CHARS + 3 }), anyText);
    fc.assert(
      fc.property(nearTheEdge, ([length, tail]) => {
        const text = `${"a".repeat(length)}🔑${tail}`;
        const pieces = splitColumns(text);
        return (
          pieces.join("") === text &&
          pieces.every((piece) => piece.length <= COLUMN_CHARS && !/[\ud800-\udbff]$/.test(piece) && piece.length > 0)
        );
      }),
    );
    expect(splitColumns("")).toEqual([""]);
  });

  test("a value that would not fit a row is refused before it is sent", () => {
    const fits = { text: "a".repeat(COLUMN_CHARS * MAX_COLUMNS - 100) };
    expect(Object.keys(codec.encode("p", "r", fits))).toHaveLength(MAX_COLUMNS + 2);
    expect(() => codec.encode("p", "r", { text: "a".repeat(COLUMN_CHARS * MAX_COLUMNS) })).toThrow(
      /too long for a row/,
    );
  });

  test("transactions stay within a hundred rows and the service's size", () => {
    const row = (n: number, text: string) => ["create", codec.encode("p", String(n), { text })] as ["create", never];
    const many = Array.from({ length: 250 }, (_, n) => row(n, ""));
    expect(transactions(many).map((part) => part.length)).toEqual([100, 100, 50]);
    const large = Array.from({ length: 20 }, (_, n) => row(n, "a".repeat(400_000)));
    expect(transactions(large).map((part) => part.length)).toEqual([7, 7, 6]);
    expect(transactions(large).flat()).toEqual(large);
    expect(transactions([])).toEqual([]);
  });
});

describe("calls in parallel", () => {
  test("answers come in the order of the items, never more calls at a time than allowed", async () => {
    let running = 0;
    let most = 0;
    const answers = await inParallel([5, 1, 4, 2, 3], 2, async (n) => {
      running += 1;
      most = Math.max(most, running);
      for (let i = 0; i < n; i += 1) await Promise.resolve();
      running -= 1;
      return n * 10;
    });
    expect(answers).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
    expect(await inParallel([], 2, () => Promise.resolve(1))).toEqual([]);
  });

  test("after a failure nothing new begins, and what runs has ended when the failure is thrown", async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const work = inParallel([1, 2, 3, 4], 2, async (n) => {
      begun.push(n);
      await Promise.resolve();
      if (n === 1) throw new Error("first");
      for (let i = 0; i < 5; i += 1) await Promise.resolve();
      ended.push(n);
    });
    await expect(work).rejects.toThrow("first");
    expect(begun).toEqual([1, 2]);
    expect(ended).toEqual([2]);
  });
});
