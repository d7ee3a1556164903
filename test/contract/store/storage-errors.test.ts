import { RestError } from "@azure/data-tables";
import { CredentialUnavailableError } from "@azure/identity";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { asRollError, attempt, demand } from "../../../shared/adapters/store/storage-errors";
import { openStore } from "../../../shared/adapters/store/tables";
import type { StoreAddress } from "../../../shared/adapters/store/tables";
import { TableRollStore } from "../../../shared/adapters/store/roll-store";
import { RollError } from "../../../shared/domain/roll-error";
import { azuriteForThisFile, intercept, operations } from "../../support/azurite";
import { aRoll, aRollId } from "./samples";

const storage = azuriteForThisFile();

/** Lets the service's answer to every call be this one. */
async function answering(status: number, code: string, retryAfter?: string) {
  const clients = storage.open();
  intercept(
    await clients.table("rolls"),
    async (_request, send) => {
      const answer = await send();
      answer.headers.set("content-type", "application/json");
      if (retryAfter !== undefined) answer.headers.set("retry-after", retryAfter);
      const bodyAsText = JSON.stringify({ "odata.error": { code, message: { lang: "en-US", value: "as told" } } });
      return { ...answer, status, bodyAsText };
    },
    { eachTry: true },
  );
  return new TableRollStore(clients);
}

describe("what the storage services answer, in the product's words", () => {
  test.each([
    [403, "AuthorizationPermissionMismatch", "service-denied-us", false],
    [401, "InvalidAuthenticationInfo", "service-denied-us", false],
    [400, "InvalidInput", "service-answer-unreadable", false],
    [404, "TableNotFound", "service-answer-unreadable", false],
    [503, "OperationTimedOut", "service-unavailable", true],
  ])("%i %s is %s", async (status, errorCode, code, retryable) => {
    const store = await answering(status, errorCode, "0");
    const read = store.create(aRoll(aRollId()));
    await expect(read).rejects.toMatchObject({ name: "RollError", code, retryable });
    await expect(read).rejects.toThrow(`${status} ${errorCode}`);
  });

  test("a busy storage account is throttling, with the wait it asks for", async () => {
    const store = await answering(503, "ServerBusy", "0");
    await expect(store.get(aRollId())).rejects.toMatchObject({
      code: "service-throttled",
      retryable: true,
      retryAfterMs: 0,
    });
  });

  test("a 409 and a 412 of single calls, of transactions and of blobs are outcomes, not errors", async () => {
    const clients = storage.open();
    const table = await clients.table("claims");
    const entity = { partitionKey: "p", rowKey: "r" };
    const stale = { etag: `W/"datetime'2020-01-01T00%3A00%3A00.0000000Z'"` };
    await table.createEntity(entity);
    expect(await attempt("x", () => table.createEntity(entity))).toEqual({ outcome: "exists" });
    expect(await attempt("x", () => table.submitTransaction([["create", entity]]))).toEqual({ outcome: "exists" });
    expect(await attempt("x", () => table.updateEntity(entity, "Replace", stale))).toEqual({ outcome: "changed" });
    expect(await attempt("x", () => table.submitTransaction([["update", entity, "Replace", stale]]))).toEqual({
      outcome: "changed",
    });
    expect(await attempt("x", () => table.getEntity("p", "other"))).toEqual({ outcome: "absent" });
    const blob = (await clients.container()).getBlockBlobClient("b");
    expect(await attempt("x", () => blob.download())).toEqual({ outcome: "absent" });
    const once = { conditions: { ifNoneMatch: "*" } };
    await blob.upload("1", 1, once);
    expect(await attempt("x", () => blob.upload("1", 1, once))).toEqual({ outcome: "exists" });
    const old = { conditions: { ifMatch: '"0x0"' } };
    expect(await attempt("x", () => blob.upload("1", 1, old))).toEqual({ outcome: "changed" });
    expect(await attempt("x", () => Promise.resolve(7))).toEqual({ outcome: "done", value: 7 });
  });

  test("an outcome that nobody foresaw is an error where only success will do", async () => {
    const table = await storage.open().table("claims");
    const read = demand("read", () => table.getEntity("p", "r"));
    await expect(read).rejects.toMatchObject({ code: "service-answer-unreadable" });
  });

  test("no answer, no credential and an unreadable answer are told apart; other errors pass unchanged", () => {
    const word = (error: unknown) => {
      const said = asRollError(error, "read");
      return said instanceof RollError ? [said.code, said.retryable] : said;
    };
    expect(word(new RestError("x", { code: "REQUEST_SEND_ERROR" }))).toEqual(["service-unavailable", true]);
    expect(word(new RestError("x", { code: "PARSE_ERROR", statusCode: 200 }))).toEqual([
      "service-answer-unreadable",
      false,
    ]);
    expect(word(new CredentialUnavailableError("x"))).toEqual(["service-denied-us", false]);
    const bug = new TypeError("x");
    expect(word(bug)).toBe(bug);
    const known = new RollError("lease-lost", "x", true);
    expect(asRollError(known, "read")).toBe(known);
  });
});

describe("opening the store", () => {
  test("each table and the container is created once, whoever comes first", async () => {
    const address = storage.address();
    const clients = openStore(address, "once");
    const [table, again] = await Promise.all([clients.table("facts"), clients.table("facts")]);
    expect(again).toBe(table);
    expect(table.tableName).toBe("oncefacts");
    expect((await clients.container()).containerName).toBe("once");
    expect(await operations(table, () => clients.table("facts"))).toBe(0);
    const second = openStore(address, "once");
    await Promise.all([second.table("facts"), second.container()]);
    expect(await (await second.container()).exists()).toBe(true);
  });

  test("an account that was away is asked again at the next use", async () => {
    let broken = true;
    const server = createServer((_request, response) => {
      response.writeHead(broken ? 403 : 201, { "content-type": "application/json" });
      response.end(broken ? '{"odata.error":{"code":"AuthorizationFailure","message":{"value":"no"}}}' : "{}");
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    try {
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/account`;
      const secret = Buffer.alloc(32).toString("base64");
      const connectionString = `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${secret};TableEndpoint=${endpoint};BlobEndpoint=${endpoint};`;
      const clients = openStore({ kind: "connection-string", connectionString });
      await expect(clients.table("rolls")).rejects.toMatchObject({ code: "service-denied-us" });
      broken = false;
      expect((await clients.table("rolls")).tableName).toBe("rollcallrolls");
    } finally {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  });

  test("with an identity the endpoints are used as given, and a prefix that no table may have is refused", () => {
    const address: StoreAddress = {
      kind: "identity",
      tableEndpoint: "https://contoso.table.core.windows.net",
      blobEndpoint: "https://contoso.blob.core.windows.net",
      credential: { getToken: () => Promise.resolve(null) },
    };
    for (const wrong of ["", "ab", "1abc", "Abc", "a-bc", "a".repeat(41)]) {
      expect(() => openStore(address, wrong)).toThrow(RangeError);
    }
    expect(openStore(address)).toBeDefined();
  });
});
