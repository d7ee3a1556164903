import { playsOut } from "../../support/stories";

playsOut("group-expiry-leaf");
