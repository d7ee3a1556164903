import { app } from "@azure/functions";
import type { createFindNotices } from "../../shared/use-cases/notices/find-notices";
import type { createSendNotices } from "../../shared/use-cases/notices/send-notices";

/** Every 30 seconds, where somebody is to be told: finds what is new, sends what is due. */
export function registerNotices(
  findNotices: ReturnType<typeof createFindNotices>,
  sendNotices: ReturnType<typeof createSendNotices>,
): void {
  app.timer("sendNotices", {
    schedule: "*/30 * * * * *",
    handler: async (_timer, context) => {
      await findNotices();
      const sent = await sendNotices();
      if (sent > 0) context.log(`${sent} notices sent`);
    },
  });
}
