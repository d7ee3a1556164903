import { labDpsStage, memoryDpsStage } from "../../support/dps-stages";
import { describeAuthorities } from "./authorities-contract";

describeAuthorities("in memory", memoryDpsStage);
describeAuthorities("the SDKs against the lab's ARM", labDpsStage);
