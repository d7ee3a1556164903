import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TLSSocket } from "node:tls";
import { issueLeaf, type CertificateAuthority, type LabCertificate } from "../../lab/pki/certificates";
import { objectIdentifier, sequence, tlv, unsignedInteger } from "../../lab/pki/der";
import { serverCertificate } from "./lab-dps-pki";

/** What the server does with the next enrollment instead of issuing. */
export type EstScript =
  | { readonly status: number; readonly body?: string; readonly headers?: Record<string, string> }
  | { readonly issue: LabCertificate }
  | { readonly hang: true };

export interface EstServer {
  readonly port: number;
  /** Enrollments that were answered with a certificate of the server's making. */
  readonly issued: readonly LabCertificate[];
  /** `method path` of every request that came in. */
  readonly seen: readonly string[];
  next(...scripts: EstScript[]): void;
  stop(): Promise<void>;
}

/**
 * A small EST server (RFC 7030): `/cacerts` and `/simpleenroll` under `/.well-known/est/devices`, for a user by password or
 * a client certificate below `clients`. It issues to whatever name and key a request holds, without judging it.
 */
export async function startEstServer(o: {
  readonly issuer: CertificateAuthority;
  readonly caCertificates: readonly Buffer[];
  readonly user?: string;
  readonly password?: string;
  readonly clients?: CertificateAuthority;
}): Promise<EstServer> {
  const issued: LabCertificate[] = [];
  const seen: string[] = [];
  const scripts: EstScript[] = [];
  const basic = `Basic ${Buffer.from(`${o.user ?? ""}:${o.password ?? ""}`).toString("base64")}`;
  const server = createServer({
    key: serverCertificate.privateKeyPem,
    cert: serverCertificate.chainPem,
    ...(o.clients === undefined ? {} : { requestCert: true, rejectUnauthorized: false, ca: o.clients.certificatePem }),
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => answer(request, response, Buffer.concat(chunks).toString("latin1")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    seen.push(`${request.method ?? ""} ${request.url ?? ""}`);
    const known = request.socket instanceof TLSSocket && request.socket.authorized;
    if (!known && request.headers.authorization !== basic) return void response.writeHead(401).end("who are you?");
    if (request.url === "/.well-known/est/devices/cacerts") {
      certsOnly(response, o.caCertificates);
      return;
    }
    if (request.url !== "/.well-known/est/devices/simpleenroll") return void response.writeHead(404).end();
    const script = scripts.shift();
    if (script === undefined) {
      certsOnly(response, [issue(body)]);
      return;
    }
    if ("hang" in script) return;
    if ("issue" in script) {
      certsOnly(response, [script.issue.der]);
      return;
    }
    response.writeHead(script.status, script.headers).end(script.body);
  }

  function issue(base64: string): Buffer {
    const { commonName, spkiDer } = readRequest(Buffer.from(base64, "base64"));
    const leaf = issueLeaf({ commonName, issuer: o.issuer, keyPair: { privateKeyPem: "", spkiDer } });
    issued.push(leaf);
    return leaf.der;
  }

  return {
    port: (server.address() as AddressInfo).port,
    issued,
    seen,
    next: (...more) => void scripts.push(...more),
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** RFC 5652 SignedData without content and signers; base64 in lines, as RFC 7030 servers send it. */
function certsOnly(response: ServerResponse, certificates: readonly Buffer[]): void {
  const signedData = sequence(
    unsignedInteger(Buffer.from([1])),
    tlv(0x31),
    sequence(objectIdentifier("1.2.840.113549.1.7.1")),
    tlv(0xa0, ...certificates),
    tlv(0x31),
  );
  const der = sequence(objectIdentifier("1.2.840.113549.1.7.2"), tlv(0xa0, signedData));
  response
    .writeHead(200, { "content-type": "application/pkcs7-mime; smime-type=certs-only" })
    .end((der.toString("base64").match(/.{1,76}/g) ?? []).join("\r\n"));
}

/** Name and key of a request whose name is one common name: fixed places, as this server's clients write it. */
function readRequest(der: Buffer): { commonName: string; spkiDer: Buffer } {
  const values = (bytes: Buffer): Buffer[] => {
    const list: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const first = bytes[at + 1] ?? 0;
      const octets = first < 0x80 ? 0 : first & 0x7f;
      const length = octets === 0 ? first : bytes.readUIntBE(at + 2, octets);
      list.push(bytes.subarray(at, at + 2 + octets + length));
      at += 2 + octets + length;
    }
    return list;
  };
  const inside = (bytes: Buffer | undefined): Buffer[] => {
    if (bytes === undefined) return [];
    const first = bytes[1] ?? 0;
    return values(bytes.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f)));
  };
  const [, name, spkiDer] = inside(inside(der)[0]);
  const text = inside(inside(inside(name)[0])[0])[1];
  if (text === undefined || spkiDer === undefined) throw new Error("not a request of the tests");
  return { commonName: text.subarray(2).toString("utf8"), spkiDer };
}
