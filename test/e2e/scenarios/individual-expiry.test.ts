import { playsOut } from "../../support/stories";

describe("leaves of individual enrollments run out", () => {
  playsOut(
    "individual-expiry",
    "individual-expiry-alternate-slot",
    "individual-expiry-csr",
    "individual-expiry-retire-after-not-after",
  );
});
