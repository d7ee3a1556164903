import { first, seconds } from "./verdict";
import type { Judge } from "./verdict";

/** Work that was under way when somebody said "pause" may still reach a device. */
const pauseTakesMs = 2_500;

export const noDeviceActsTwice: Judge = ({ actedTwice }) => ({
  complaint: actedTwice[0] === undefined ? undefined : `${actedTwice[0]} was acted on twice.`,
  sentence: "No device acted twice on one attempt.",
});

export const oneAlertOneRoll: Judge = ({ repeated }) => {
  const same = repeated.status === 200 && repeated.sameRoll;
  return {
    complaint: same
      ? undefined
      : `The same alert again was answered ${repeated.status}${repeated.sameRoll ? "" : " with another roll"}.`,
    sentence: "The same alert, posted again, was answered with the same roll.",
  };
};

export const secretsStayOut: Judge = ({ leaks, placesSearched }) => ({
  complaint: placesSearched === 0 ? "No place was searched for secrets." : leaks[0],
  sentence: `No private key and no access key stands in any of ${placesSearched} tables, blobs, files and logs.`,
});

/** The canaries are told first, and nobody else before every one of them is proven. */
export const canariesFirst: Judge = (evidence) => {
  const { canary, stated } = evidence;
  const orders = evidence.orders
    .filter(({ kind, at }) => kind === "reprovision" && at >= evidence.orderedAt)
    .sort((left, right) => left.at - right.at);
  const told = [...new Set(orders.map(({ registrationId }) => registrationId))];
  const canaries = told.slice(0, canary);
  const provenAt = Math.max(...canaries.map((id) => stated.get(id)?.provenAt ?? Number.POSITIVE_INFINITY));
  const early = orders.find(({ registrationId, at }) => !canaries.includes(registrationId) && at < provenAt);
  return {
    complaint:
      canary === 0 || told.length <= canary
        ? `Only ${told.length} devices were told to move, so no second wave was seen.`
        : early === undefined
          ? undefined
          : `${early.registrationId} was told to move before the ${canary} canaries were proven.`,
    sentence: `${canary} canaries were proven before any of the other ${told.length - canary} was told to move.`,
  };
};

/** While the roll is paused nobody is told to move; and somebody still had to be, or the pause would show nothing. */
export const nothingWhilePaused: Judge = ({ commands, orders, endedAt }) => {
  const pauses = commands
    .filter(({ name, status }) => name === "pause" && status < 300)
    .map(({ at }) => ({
      from: at + pauseTakesMs,
      to: commands.find((each) => each.name === "resume" && each.at > at)?.at ?? endedAt,
    }));
  const moves = orders.filter(({ kind }) => kind === "reprovision");
  const paused = pauses.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0);
  const late = moves.find(({ at }) => pauses.some(({ from, to }) => at >= from && at < to));
  const after = moves.filter(({ at }) => pauses.some(({ to }) => at >= to)).length;
  return {
    complaint:
      paused === 0
        ? "The roll was never paused for long enough to show anything."
        : late !== undefined
          ? `${late.registrationId} was told to move while the roll was paused.`
          : after === 0
            ? "Nobody was told to move after the pause, so there was nothing to hold back."
            : undefined,
    sentence: `In ${seconds(paused)} of pause nobody was told to move; ${after} devices were afterwards.`,
  };
};

/** Once the roll is contained, one that was under way before it tells its devices nothing more. */
export const earlierRollGaveWay: Judge = ({ earlierRollId, orders, roll }) => {
  const from = roll?.containedAt;
  const earlier = orders.filter(({ rollId }) => rollId === earlierRollId);
  const late = earlier.find(({ at }) => from === undefined || at > from);
  return {
    complaint:
      earlierRollId === undefined || earlier.length === 0
        ? "No earlier roll had told a device anything."
        : late === undefined
          ? undefined
          : `The earlier roll still told ${late.registrationId} what to do.`,
    sentence: `The earlier roll had told ${earlier.length} devices what to do, and none after containment.`,
  };
};

/** Too many devices for single writes are cut off by an import job, not one by one. */
export const importJobRan: Judge = ({ writes, rolled }) => {
  const jobs = writes.filter(({ operation }) => operation === "hub.job.create").length;
  const single = writes.filter(({ operation }) => operation.startsWith("hub.registry.")).length;
  return {
    complaint:
      jobs === 0
        ? "No import job was asked for."
        : single >= rolled.length
          ? `${single} single calls were made for ${rolled.length} devices.`
          : undefined,
    sentence: `${jobs} jobs and ${single} single calls of the registry did for ${rolled.length} devices.`,
  };
};

/** A roll of leaves below a healthy CA has nothing to change in DPS. */
export const dpsWroteNothing: Judge = ({ writes }) => ({
  complaint: first(
    writes
      .filter(({ operation }) => operation.startsWith("dps."))
      .map(({ operation, subject }) => `The roll wrote ${operation} of ${subject}.`),
  ),
  sentence: "The roll changed nothing in DPS.",
});

/** What the story tells after the roll came true. */
export const epilogueCameTrue: Judge = ({ epilogue }) => ({
  complaint: epilogue === undefined ? "The story had no epilogue." : epilogue.complaint,
  sentence: epilogue?.sentence ?? "",
});

/** A dry run reads and plans, and changes nothing. */
export const rehearsalWritesNothing: Judge = ({ rehearsal }) => ({
  complaint:
    rehearsal === undefined
      ? "There was no dry run."
      : first(rehearsal.writes.map(({ operation, subject }) => `The dry run wrote ${operation} of ${subject}.`)),
  sentence: "The dry run wrote nothing to DPS and nothing to a hub.",
});

/** The plan names the devices and what cannot be undone, before it is done. */
export const planToldIt: Judge = ({ plan, rolled, writes }) => {
  const deletions = writes.filter(({ operation }) => operation.endsWith(".delete")).length;
  const problem =
    plan === undefined
      ? "The product told no plan."
      : plan.devices !== rolled.length
        ? `The plan is about ${plan.devices} devices, the roll about ${rolled.length}.`
        : deletions > 0 && plan.irreversible.length === 0
          ? `${deletions} things were deleted, and the plan called nothing irreversible.`
          : undefined;
  return {
    complaint: problem,
    sentence: `The plan named ${plan?.devices ?? 0} devices and ${plan?.irreversible.length ?? 0} steps that cannot be undone.`,
  };
};
