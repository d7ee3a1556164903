import type { z } from "zod";
import { canonical } from "./canonical";
import { CLOSING, OPENING, SEAL, SIGNATURE, signedText } from "./layout";
import { EvidenceLine, EvidenceSeal, EvidenceSignature, type DeviceLine, type EvidenceSigner } from "./lines";
import type { EvidenceHashes } from "./merkle";
import { EvidenceTally } from "./page";
import { totalsOf, type EvidenceTotals } from "./seal";

/** The first thing that does not fit; `line` counts from 1. */
export interface EvidenceFault {
  readonly check: "layout" | "form" | "chain" | "totals" | "merkle-root" | "signature";
  readonly line: number;
  readonly detail: string;
}

export type EvidenceVerdict =
  | { readonly outcome: "fault"; readonly fault: EvidenceFault }
  /** `signer` undefined: nobody has signed it; then everything in it fits, and anybody may have made it. */
  | { readonly outcome: "sound"; readonly seal: EvidenceSeal; readonly signer: EvidenceSigner | undefined };

export interface VerifierDeps {
  readonly hashes: EvidenceHashes;
  /** True if `value` (base64) is the signer's signature over the text. */
  readonly isSigned: (text: string, signature: EvidenceSignature) => boolean;
  /** Called for each device that may still be open to its old credential. */
  readonly onExposed?: (device: DeviceLine) => void;
}

type Stage = "opening" | "lines" | "closing" | "seal" | "signature" | "end";

/** Checks a report line by line, with no more in memory than a line and the tree's frontier. */
export class EvidenceVerifier {
  private readonly tally: EvidenceTally;
  private stage: Stage = "opening";
  private line = 0;
  private seal: EvidenceSeal | undefined;
  private signer: EvidenceSigner | undefined;
  private fault: EvidenceFault | undefined;

  constructor(private readonly deps: VerifierDeps) {
    this.tally = new EvidenceTally(deps.hashes);
  }

  /** The next line, without its line end. False: a fault was found, nothing more has to be read. */
  read(text: string): boolean {
    this.line += 1;
    this.fault ??= this.check(text);
    return this.fault === undefined;
  }

  /** After the last line. `ended`: the text ended with a line end. */
  finish(ended: boolean): EvidenceVerdict {
    const whole = this.stage === "end" && ended;
    this.fault ??= whole ? undefined : this.broken("layout", "the report ends in the middle, or goes on after its end");
    if (this.fault !== undefined) return { outcome: "fault", fault: this.fault };
    if (this.seal === undefined) throw new Error("the end comes after the seal");
    return { outcome: "sound", seal: this.seal, signer: this.signer };
  }

  private check(text: string): EvidenceFault | undefined {
    switch (this.stage) {
      case "opening":
        this.stage = "lines";
        return text === OPENING ? undefined : this.broken("layout", `a report begins with ${OPENING}`);
      case "lines":
        return this.checkLine(text);
      case "closing":
        this.stage = "seal";
        return text === CLOSING ? undefined : this.broken("layout", `${CLOSING} follows the last line`);
      case "seal":
        this.stage = "signature";
        return this.checkSeal(text);
      case "signature":
        this.stage = "end";
        return this.checkSignature(text);
      case "end":
        return this.broken("layout", "nothing follows the signature");
      default:
        return this.stage satisfies never;
    }
  }

  private checkLine(text: string): EvidenceFault | undefined {
    const more = text.endsWith(",");
    if (!more) this.stage = "closing";
    const json = more ? text.slice(0, -1) : text;
    const line = this.parse(EvidenceLine, json);
    if ("check" in line) return line;
    if ((line.kind === "request") !== (this.line === 2))
      return this.broken("form", "the request is the first line, and only that");
    if (!this.tally.take(line, json)) return this.broken("chain", "the line is not linked to the one before");
    if (line.kind === "device" && line.exposed !== undefined) this.deps.onExposed?.(line);
    return undefined;
  }

  private checkSeal(text: string): EvidenceFault | undefined {
    if (!text.startsWith(SEAL) || !text.endsWith(",")) return this.broken("layout", `${SEAL}… follows the lines`);
    const seal = this.parse(EvidenceSeal, text.slice(SEAL.length, -1));
    if ("check" in seal) return seal;
    const { ties, sums } = this.tally.page;
    const { merkleRoot, ...totals } = totalsOf(ties, [sums], this.deps.hashes);
    for (const name of Object.keys({ ...totals, exposure: 0 }) as (keyof EvidenceTotals)[])
      if (canonical(seal[name]) !== canonical((totals as Partial<EvidenceTotals>)[name]))
        return this.broken("totals", `${name} is not what the lines add up to`);
    if (seal.merkleRoot !== merkleRoot) return this.broken("merkle-root", "the root is not that of the lines");
    this.seal = seal;
    return undefined;
  }

  private checkSignature(text: string): EvidenceFault | undefined {
    if (!text.startsWith(SIGNATURE) || !text.endsWith("}"))
      return this.broken("layout", `${SIGNATURE}… follows the seal`);
    const json = text.slice(SIGNATURE.length, -1);
    if (json === "null") return undefined;
    const signature = this.parse(EvidenceSignature, json);
    if ("check" in signature) return signature;
    const { seal } = this;
    if (seal === undefined || !this.deps.isSigned(signedText(seal, signature.signer), signature))
      return this.broken("signature", "the signature is not that of this key over this seal");
    this.signer = signature.signer;
    return undefined;
  }

  private parse<T extends object>(schema: z.ZodType<T>, json: string): T | EvidenceFault {
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch {
      return this.broken("form", "the line holds no JSON");
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) return this.broken("form", `unknown form: ${parsed.error.issues[0]?.path.join(".") ?? ""}`);
    if (canonical(value) !== json) return this.broken("form", "the line is not in its canonical form");
    return parsed.data;
  }

  private broken(check: EvidenceFault["check"], detail: string): EvidenceFault {
    return { check, line: this.line, detail };
  }
}
