import { labDpsStage, memoryDpsStage } from "../../support/dps-stages";
import { describeEnrollments } from "./enrollments-contract";

describeEnrollments("in memory", memoryDpsStage);
describeEnrollments("the SDKs against the lab's DPS", labDpsStage);
