import * as contract from "../../shared/contract/examination";
import { createCutOthers, createHoldOthers, type CutOthersDeps } from "../../shared/steps/cut-others";
import { createGatherOthers, type GatherOthersDeps } from "../../shared/steps/gather-others";
import {
  createBeginExamination,
  createNoteExamination,
  type NoteExaminationDeps,
} from "../../shared/steps/note-examination";
import { activity } from "./activity";

export type ExaminationDeps = GatherOthersDeps & CutOthersDeps & NoteExaminationDeps;

/** What looks for devices that no list of the affected groups shows. */
export function registerExamination(deps: ExaminationDeps): void {
  activity(contract.gatherOthers, createGatherOthers(deps));
  activity(contract.cutOthers, createCutOthers(deps));
  activity(contract.beginExamination, createBeginExamination(deps));
  activity(contract.noteExamination, createNoteExamination(deps));
  activity(contract.holdOthers, createHoldOthers(deps));
}
