import { TableClient, TableServiceClient } from "@azure/data-tables";
import { BlobServiceClient } from "@azure/storage-blob";
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
  /** Any of these gives it away. */
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

/** Looks for secrets where none should be. */
export async function searchForSecrets(search: SecretSearch): Promise<{ leaks: string[]; placesSearched: number }> {
  const leaks: string[] = [];
  let placesSearched = 0;
  const look = (place: string, text: string): void => {
    placesSearched += 1;
    for (const { what, fragments } of search.needles) {
      if (fragments.some((fragment) => text.includes(fragment))) leaks.push(`${what} stands in ${place}.`);
    }
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

async function* tables(connectionString: string): AsyncGenerator<[string, string]> {
  const insecure = { allowInsecureConnection: true };
  for await (const { name } of TableServiceClient.fromConnectionString(connectionString, insecure).listTables()) {
    if (name === undefined) continue;
    let text = "";
    for await (const entity of TableClient.fromConnectionString(connectionString, name, insecure).listEntities()) {
      text += Object.values(entity).map(asText).join("\n");
    }
    yield [`table ${name}`, text];
  }
}

async function* blobs(connectionString: string): AsyncGenerator<[string, string]> {
  const service = BlobServiceClient.fromConnectionString(connectionString);
  for await (const { name: container } of service.listContainers()) {
    const client = service.getContainerClient(container);
    for await (const { name } of client.listBlobsFlat()) {
      yield [`blob ${container}/${name}`, (await client.getBlobClient(name).downloadToBuffer()).toString("latin1")];
    }
  }
}

function asText(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  return typeof value === "string" ? value : JSON.stringify(value);
}
