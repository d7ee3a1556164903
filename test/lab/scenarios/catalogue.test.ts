import { readFileSync } from "node:fs";
import { join } from "node:path";
import { scenarios, stories } from "../../../lab/scenarios/catalogue";
import { claimNames } from "../../../lab/scenarios/claims/judge";

test("the catalogue has a story for every playbook and each of its turns; the first roll is the default", () => {
  expect(scenarios.map(({ name }) => name)).toEqual([
    "first-roll",
    "individual-breach",
    "individual-breach-both-slots",
    "individual-breach-no-new-leaf",
    "individual-breach-no-self-heal",
    "individual-breach-delete",
    "individual-breach-reprovision",
    "individual-breach-during-expiry",
    "individual-expiry",
    "individual-expiry-alternate-slot",
    "individual-expiry-csr",
    "individual-expiry-retire-after-not-after",
    "group-breach-root",
    "group-breach-intermediate",
    "group-breach-shadow-path",
    "group-breach-leaf-pin",
    "group-breach-import-job",
    "group-breach-rogue",
    "deny-and-lift",
    "group-expiry-root",
    "group-expiry-intermediate",
    "group-expiry-leaf",
  ]);
});

test("the page about stories explains every claim, and no claim that there is not", () => {
  const page = readFileSync(join(__dirname, "../../../docs/stories.md"), "utf8");
  const rows = page.slice(page.indexOf("## Claims")).split("\n").slice(4);
  const explained = rows.flatMap((row) =>
    [...(row.split("|")[1] ?? "").matchAll(/`([a-z-]+)`/g)].map(([, name]) => name),
  );
  expect(explained.sort()).toEqual([...claimNames].sort());
});

test("each story asks for claims that there are, each once", () => {
  for (const { claims } of stories) expect([...new Set(claims)]).toEqual(claims);
});
