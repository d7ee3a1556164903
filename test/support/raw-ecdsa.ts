import { randomBytes, type KeyObject } from "node:crypto";

/**
 * ECDSA over a digest that somebody else has made, as a key vault does it: node:crypto only signs whole messages. Textbook
 * arithmetic (SEC 1 §4.1.3), neither fast nor safe against an onlooker: for tests.
 */
export function signDigest(key: KeyObject, digest: Uint8Array): Buffer {
  const { crv = "", d = "" } = key.export({ format: "jwk" });
  const curve = curves[crv];
  if (curve === undefined) throw new RangeError(`no curve ${crv}`);
  const { n, bytes } = curve;
  const secret = number(Buffer.from(d, "base64url"));
  const z = number(digest.subarray(0, bytes));
  for (;;) {
    const k = (number(randomBytes(bytes)) % (n - 1n)) + 1n;
    const r = multiply(curve, k, curve.g).x % n;
    const s = (inverse(k, n) * (z + r * secret)) % n;
    if (r !== 0n && s !== 0n) return Buffer.concat([octets(r, bytes), octets(s, bytes)]);
  }
}

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

interface Curve {
  readonly p: bigint;
  readonly n: bigint;
  readonly g: Point;
  readonly bytes: number;
}

/** FIPS 186-4 §D.1.2; a = -3 in both. */
const curves: Readonly<Record<string, Curve>> = {
  "P-256": {
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    g: {
      x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
      y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
    },
    bytes: 32,
  },
  "P-384": {
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    g: {
      x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
      y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
    },
    bytes: 48,
  },
};

function multiply(curve: Curve, factor: bigint, point: Point): Point {
  let sum: Point | undefined;
  let doubled = point;
  for (let left = factor; left > 0n; left >>= 1n) {
    if (left & 1n) sum = sum === undefined ? doubled : add(curve, sum, doubled);
    doubled = add(curve, doubled, doubled);
  }
  if (sum === undefined) throw new RangeError("a factor of zero");
  return sum;
}

function add({ p }: Curve, a: Point, b: Point): Point {
  const slope =
    a.x === b.x && a.y === b.y
      ? (3n * a.x * a.x - 3n) * inverse(2n * a.y, p)
      : (b.y - a.y) * inverse(modulo(b.x - a.x, p), p);
  const x = modulo(slope * slope - a.x - b.x, p);
  return { x, y: modulo(slope * (a.x - x) - a.y, p) };
}

/** Extended Euclid; `m` is prime. */
function inverse(value: bigint, m: bigint): bigint {
  let [a, b, u, v] = [modulo(value, m), m, 1n, 0n];
  while (a !== 0n) {
    const q = b / a;
    [a, b, u, v] = [b - q * a, a, v - q * u, u];
  }
  return modulo(v, m);
}

function modulo(value: bigint, m: bigint): bigint {
  return ((value % m) + m) % m;
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function octets(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, "0"), "hex");
}
