import { TableIssuanceStore } from "../../../shared/adapters/store/issuance-store";
import { addMs, instant } from "../../../shared/domain/instant";
import { RegistrationId } from "../../../shared/domain/ids";
import type { IssuanceIntent, IssuanceStore, IssuedCertificate } from "../../../shared/ports/issuers";
import { azuriteForThisFile, operations } from "../../support/azurite";
import { otherRollId, registrationId, rollId, t0, thumbprint } from "../../support/builders";
import { MemoryIssuanceStore } from "../../support/memory-issuance";

const storage = azuriteForThisFile();

const anIntent = (changes: Partial<IssuanceIntent> = {}): IssuanceIntent => ({
  rollId,
  registrationId,
  serialNumber: "4A01",
  publicKeySha256: "B".repeat(64),
  notBefore: addMs(t0, -1_000),
  notAfter: addMs(t0, 1_000),
  at: t0,
  ...changes,
});

const anIssued = (changes: Partial<IssuedCertificate> = {}): IssuedCertificate => ({
  rollId,
  registrationId,
  serialNumber: "4A01",
  sha256Thumbprint: thumbprint("A"),
  publicKeySha256: "B".repeat(64),
  issuerThumbprint: thumbprint("C"),
  notAfter: addMs(t0, 1_000),
  at: t0,
  ...changes,
});

async function all(store: IssuanceStore, since: number, limit = 1_000): Promise<readonly IssuedCertificate[]> {
  const list: IssuedCertificate[] = [];
  for (let after: string | undefined; ;) {
    const page = await store.listIssued({ since: instant(since), limit, after });
    expect(page.issued.length).toBeLessThanOrEqual(limit);
    list.push(...page.issued);
    if (page.next === undefined) return list;
    after = page.next;
  }
}

describe.each([
  ["in memory", (): IssuanceStore => new MemoryIssuanceStore()],
  ["on Azure Tables", (): IssuanceStore => new TableIssuanceStore(storage.open())],
])("issuance %s", (_where, make) => {
  test("the first intent per roll and device stands", async () => {
    const store = make();
    expect(await store.intended(rollId, registrationId)).toBeUndefined();
    expect(await store.intend(anIntent())).toEqual(anIntent());
    expect(await store.intend(anIntent({ serialNumber: "4A02" }))).toEqual(anIntent());
    expect(await store.intended(rollId, registrationId)).toEqual(anIntent());
    const other = anIntent({ rollId: otherRollId, serialNumber: undefined });
    expect(await store.intend(other)).toMatchObject({ rollId: otherRollId });
  });

  test("of intents at once one stands, and every caller is told which", async () => {
    const store = make();
    const told = await Promise.all(
      ["4A01", "4A02", "4A03", "4A04"].map((serialNumber) => store.intend(anIntent({ serialNumber }))),
    );
    expect(new Set(told.map(({ serialNumber }) => serialNumber)).size).toBe(1);
  });

  test("the first chain stands, also of several at once", async () => {
    const store = make();
    const id = RegistrationId.parse("dev:1.a_b-c");
    expect(await store.kept(rollId, id)).toBeUndefined();
    const told = await Promise.all(["one\n", "two\n", "three\n"].map((pem) => store.keep(rollId, id, pem)));
    expect(new Set(told).size).toBe(1);
    expect(await store.kept(rollId, id)).toBe(told[0]);
    expect(await store.kept(otherRollId, id)).toBeUndefined();
    expect(await store.keep(rollId, id, "four\n")).toBe(told[0]);
  });

  test("the ledger lists what was issued since a moment, in the order of time, over months and pages", async () => {
    const store = make();
    const day = 86_400_000;
    const issued = [0, 1, 1, 20, 40, 70, 400].map((days, n) =>
      anIssued({ at: addMs(t0, days * day), serialNumber: `4A0${n}`, registrationId: RegistrationId.parse(`d-${n}`) }),
    );
    for (const row of [...issued].reverse()) await store.record(row);
    await store.record(issued[3]!); // again
    for (const limit of [1, 2, 3, 7, 1_000]) {
      expect(await all(store, t0, limit)).toEqual(issued);
      expect(await all(store, t0 + day, limit)).toEqual(issued.slice(1));
      expect(await all(store, t0 + day + 1, limit)).toEqual(issued.slice(3));
    }
    expect(await all(store, t0 + 401 * day)).toEqual([]);
  });

  test("the ledger takes certificates of authorities that did not show themselves", async () => {
    const store = make();
    const { issuerThumbprint: _left, ...without } = anIssued();
    await store.record(without);
    expect(await all(store, t0)).toEqual([without]);
  });
});

test("storage operations are as few as documented", async () => {
  const clients = storage.open();
  const store = new TableIssuanceStore(clients);
  const table = await clients.table("issuance");
  expect(await operations(table, () => store.intend(anIntent()))).toBe(1);
  expect(await operations(table, () => store.intend(anIntent()))).toBe(2);
  expect(await operations(table, () => store.intended(rollId, registrationId))).toBe(1);
  expect(await operations(table, () => store.record(anIssued()))).toBe(1);
  expect(await operations(table, () => store.listIssued({ since: t0, limit: 10 }))).toBe(2);
});
