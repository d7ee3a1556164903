import { readFileSync } from "node:fs";
import { z } from "zod";

/** What the Functions host has spent since it was started. */
export interface HostCost {
  /** Turns of orchestrations. */
  readonly turns: number;
  /** CPU of the host and of all that it runs, in milliseconds; 0 where /proc does not tell. */
  readonly cpuMs: number;
}

const hostStatus = z.looseObject({ turns: z.number() });

/** @param pid of the host. */
export async function hostCost(url: string, pid: number): Promise<HostCost> {
  const response = await fetch(`${url}/admin/host/status`);
  const { turns } = hostStatus.parse(await response.json());
  return { turns, cpuMs: cpuMs(pid) };
}

export function costSince(before: HostCost, after: HostCost): HostCost {
  return { turns: after.turns - before.turns, cpuMs: after.cpuMs - before.cpuMs };
}

/** Linux counts in hundredths of a second, whatever the kernel's own clock. */
const MS_PER_TICK = 10;

function cpuMs(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
  const own = (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * MS_PER_TICK;
  const children = read(`/proc/${pid}/task/${pid}/children`)
    .split(/\s+/)
    .filter((child) => child !== "");
  return children.reduce((sum, child) => sum + cpuMs(Number(child)), own);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
