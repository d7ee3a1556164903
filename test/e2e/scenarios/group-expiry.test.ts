import { playsOut } from "../../support/stories";

describe("a group's CA or leaves run out", () => {
  playsOut("group-expiry-root", "group-expiry-intermediate", "group-expiry-leaf");
});
