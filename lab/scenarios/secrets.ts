import { TableClient, TableServiceClient, type TableServiceClientOptions } from "@azure/data-tables";
import { BlobServiceClient, RestError, type ContainerClient } from "@azure/storage-blob";
import { readFile } from "node:fs/promises";

export interface SecretSearch {
  /** Of the storage account to search: every table and every blob. */
  readonly storageConnectionString: string;
  /** Files to search, as bytes; a file that does not exist is passed over. */
  readonly files: readonly string[];
  /** Texts to search, by a name for the report. */
  readonly texts: ReadonlyMap<string, string>;
  /** What must not be found, by what it is. */
  readonly needles: readonly Needle[];
}

export interface Needle {
  /** Such as "the private key of pump-001". */
  readonly what: string;
  /** Any of these gives it away. Each has at least 15 characters. */
  readonly fragments: readonly string[];
}

/** Private key PEM → fragments that give it away on whatever lines it was broken into. */
export function privateKeyNeedle(what: string, privateKeyPem: string): Needle {
  const body = privateKeyPem.replace(/-----[^-]+-----|\s/g, "");
  // PKCS #8 of a P-256 key: 36 bytes of header, then the 32 secret ones. PEM breaks its lines at 64 characters.
  return { what, fragments: [body.slice(48, 64), body.slice(64, 88)] };
}

/** The key inside a connection string, if it has one worth hiding. */
export function connectionStringNeedle(what: string, connectionString: string): Needle {
  const key = /(?:SharedAccessKey|AccountKey)=([^;]{16,})/.exec(connectionString)?.[1];
  return { what, fragments: key === undefined ? [] : [key] };
}

/**
 * Thousands of needles in one walk through a text, a block at a time: wherever a fragment stands, a whole block of the
 * text lies within its first characters.
 */
class NeedleIndex {
  private readonly byBlock = new Map<string, { what: string; fragment: string; offset: number }[]>();

  /** @throws Error for a fragment that is too short to be found like this. */
  constructor(needles: readonly Needle[]) {
    for (const { what, fragments } of needles) for (const fragment of fragments) this.add(what, fragment);
  }

  /** Which of them stand there, each once. */
  findIn(text: string): Set<string> {
    const found = new Set<string>();
    for (let at = 0; at + blockLength <= text.length; at += blockLength) {
      for (const { what, fragment, offset } of this.byBlock.get(text.slice(at, at + blockLength)) ?? [])
        if (at >= offset && text.startsWith(fragment, at - offset)) found.add(what);
    }
    return found;
  }

  private add(what: string, fragment: string): void {
    if (fragment.length < 2 * blockLength - 1) throw new Error(`A fragment of ${what} is too short.`);
    for (let offset = 0; offset < blockLength; offset += 1) {
      const block = fragment.slice(offset, offset + blockLength);
      const known = this.byBlock.get(block);
      if (known === undefined) this.byBlock.set(block, [{ what, fragment, offset }]);
      else known.push({ what, fragment, offset });
    }
  }
}

const blockLength = 8;

/** Looks for secrets where none should be. */
export async function searchForSecrets(search: SecretSearch): Promise<{ leaks: string[]; placesSearched: number }> {
  const leaks: string[] = [];
  let placesSearched = 0;
  const index = new NeedleIndex(search.needles);
  const look = (place: string, text: string): void => {
    placesSearched += 1;
    for (const what of index.findIn(text)) leaks.push(`${what} stands in ${place}.`);
    if (text.includes("PRIVATE KEY-----")) leaks.push(`A private key stands in ${place}.`);
  };
  for await (const [place, text] of tables(search.storageConnectionString)) look(place, text);
  for await (const [place, text] of blobs(search.storageConnectionString)) look(place, text);
  for (const file of search.files) {
    const bytes = await readFile(file).catch(() => undefined);
    if (bytes !== undefined) look(file, bytes.toString("latin1"));
  }
  for (const [name, text] of search.texts) look(name, text);
  return { leaks, placesSearched };
}

/** Between two requests a long text is searched: a connection that was kept may be one that the server has closed. */
const tableOptions: TableServiceClientOptions = {
  allowInsecureConnection: true,
  additionalPolicies: [
    {
      position: "perCall",
      policy: {
        name: "freshConnections",
        sendRequest: (request, next) => next(Object.assign(request, { disableKeepAlive: true })),
      },
    },
  ],
};

async function* tables(connectionString: string): AsyncGenerator<[string, string]> {
  for await (const { name } of TableServiceClient.fromConnectionString(connectionString, tableOptions).listTables()) {
    if (name === undefined) continue;
    let text = "";
    for await (const entity of TableClient.fromConnectionString(connectionString, name, tableOptions).listEntities()) {
      text += Object.values(entity).map(asText).join("\n");
    }
    yield [`table ${name}`, text];
  }
}

async function* blobs(connectionString: string): AsyncGenerator<[string, string]> {
  const service = BlobServiceClient.fromConnectionString(connectionString, { keepAliveOptions: { enable: false } });
  for await (const { name: container } of service.listContainers()) {
    const client = service.getContainerClient(container);
    for (const name of (await namesIn(client).catch(unlessGone)) ?? []) {
      const bytes = await client.getBlobClient(name).downloadToBuffer().catch(unlessGone);
      if (bytes !== undefined) yield [`blob ${container}/${name}`, bytes.toString("latin1")];
    }
  }
}

async function namesIn(container: ContainerClient): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat()) names.push(name);
  return names;
}

/** Other rolls go on meanwhile, and what was listed may have been deleted since. */
function unlessGone(error: unknown): undefined {
  if (error instanceof RestError && error.statusCode === 404) return;
  throw error;
}

function asText(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  return typeof value === "string" ? value : JSON.stringify(value);
}
