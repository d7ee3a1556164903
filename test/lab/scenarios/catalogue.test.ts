import { scenarios } from "../../../lab/scenarios/catalogue";

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
