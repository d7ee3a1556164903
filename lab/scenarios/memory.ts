import { readFileSync } from "node:fs";

/** The most memory a process and its children ever had resident, summed, in MB; 0 where /proc does not tell. */
export function peakMemoryMb(pid: number | "self"): number {
  const own = /VmHWM:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1];
  const children = read(`/proc/${pid}/task/${pid === "self" ? process.pid : pid}/children`)
    .split(/\s+/)
    .filter((child) => child !== "");
  return Number(own ?? 0) / 1024 + children.reduce((sum, child) => sum + peakMemoryMb(Number(child)), 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
