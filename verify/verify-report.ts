import { createHash, createPublicKey } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { parseArgs } from "node:util";
import { nodeHashes } from "../shared/adapters/evidence/node-hashes";
import { isSigned, readSigner } from "../shared/adapters/evidence/signatures";
import type { DeviceLine, EvidenceSeal, EvidenceSigner } from "../shared/domain/evidence/lines";
import { EvidenceVerifier, type EvidenceVerdict } from "../shared/domain/evidence/verify";

const USE = "use: npm run verify -- report.json [--key trusted.pem] [--unsigned]";

/** Devices that are named one by one; of more the number is told. */
const NAMED = 20;

interface Wish {
  readonly file: string;
  /** Certificate or public key that must have signed. */
  readonly trusted: EvidenceSigner | undefined;
  /** A report that nobody signed will do. */
  readonly unsigned: boolean;
}

/** Checks the report that the arguments name and prints what came of it; answers the exit code, see main.ts. */
export async function verifyReport(args: readonly string[], print: (line: string) => void): Promise<number> {
  const wish = await readWish(args);
  if (typeof wish === "string") {
    print(wish);
    return 2;
  }
  const exposed: DeviceLine[] = [];
  let verdict: EvidenceVerdict;
  try {
    verdict = await judge(wish.file, (device) => exposed.push(device));
  } catch (error) {
    print(`cannot read ${wish.file}: ${error instanceof Error ? error.message : "unknown error"}`);
    return 2;
  }
  if (verdict.outcome === "fault") {
    const { check, line, detail } = verdict.fault;
    print(`FAULT in line ${line}, ${check}: ${detail}`);
    return 1;
  }
  tell(verdict.seal, exposed, print);
  return weighSigner(verdict.signer, wish, print);
}

async function readWish(args: readonly string[]): Promise<Wish | string> {
  try {
    const options = { key: { type: "string" }, unsigned: { type: "boolean", default: false } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) return USE;
    const trusted = values.key === undefined ? undefined : readSigner(await readFile(values.key, "utf8"));
    return { file, trusted, unsigned: values.unsigned };
  } catch (error) {
    return `${error instanceof Error ? error.message : "unknown error"}\n${USE}`;
  }
}

/** Reads the file piece by piece: reports of large fleets are longer than a string may be. */
async function judge(file: string, onExposed: (device: DeviceLine) => void): Promise<EvidenceVerdict> {
  const verifier = new EvidenceVerifier({ hashes: nodeHashes, isSigned, onExposed });
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of createReadStream(file)) {
    const lines = (rest + decoder.write(chunk as Buffer)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (!verifier.read(line)) return verifier.finish(false);
  }
  return verifier.finish(rest + decoder.end() === "");
}

function tell(seal: EvidenceSeal, exposed: readonly DeviceLine[], print: (line: string) => void): void {
  const counts = Object.entries(seal.counts).map(([state, devices]) => `${devices} ${state}`);
  print(`roll ${seal.rollId} (${seal.playbook}), ${seal.outcome}, finished ${seal.finishedAt}`);
  print(`devices: ${seal.devices} (${counts.join(", ")}); journal: ${seal.journal} entries`);
  if (seal.planHash !== undefined) print(`plan: ${seal.planHash}`);
  const { exposure } = seal;
  if (exposure !== undefined)
    print(`exposed for: p50 ${exposure.p50Ms} ms, p95 ${exposure.p95Ms} ms, at most ${exposure.maxMs} ms`);
  for (const device of exposed.slice(0, NAMED))
    print(`still exposed: ${device.registrationId}: ${device.exposed ?? ""}`);
  if (exposed.length > NAMED) print(`still exposed: ${exposed.length - NAMED} more`);
  print(`root: ${seal.merkleRoot}`);
}

function weighSigner(signer: EvidenceSigner | undefined, wish: Wish, print: (line: string) => void): number {
  if (signer === undefined) {
    print("SOUND, but nobody signed it: anybody may have made it");
    return wish.unsigned && wish.trusted === undefined ? 0 : 3;
  }
  const key = createPublicKey(signer.publicKeyPem).export({ type: "spki", format: "der" });
  print(`signed with ${signer.algorithm} by the key with SHA-256 ${createHash("sha256").update(key).digest("hex")}`);
  if (wish.trusted !== undefined && wish.trusted.publicKeyPem !== signer.publicKeyPem) {
    print("SOUND, but signed by another key than the trusted one");
    return 3;
  }
  print(wish.trusted === undefined ? "SOUND; compare the key" : "SOUND, signed by the trusted key");
  return 0;
}
