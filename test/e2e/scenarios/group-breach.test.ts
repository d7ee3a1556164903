import { playsOut } from "../../support/stories";

describe("a group's CA, or leaves below it, are compromised", () => {
  playsOut(
    "group-breach-root",
    "group-breach-intermediate",
    "group-breach-shadow-path",
    "group-breach-leaf-pin",
    "group-breach-rogue",
    "deny-and-lift",
  );
});
