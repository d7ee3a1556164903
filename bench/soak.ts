import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { soakFunctionsHost } from "../lab/functions-host/soak/soak";
import { playAlone } from "../lab/scenarios/play";
import { firstRoll } from "../lab/scenarios/stories/first-roll";
import { soakModel } from "./soak-model";

const usage = `npm run soak -- [--seeds N] [--rolls N] [--stories N] [--no-mutants]   what takes longer than CI may

  --seeds N   crash fuzz of the Functions host, N seeds (default 200)
  --rolls N   the first roll, N times; every claim must hold each time (default 20)
  --stories N the model test, N stories of each fleet that no run has told before (default 2,000)
  --no-mutants  does not break the app on purpose to see whether the model test notices
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      rolls: { type: "string" },
      stories: { type: "string" },
      "no-mutants": { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const print = (line: string): void => console.log(line);
  let broken = await soakFunctionsHost(resolve("test/fixtures/apps/golden"), count(values.seeds, 200), print);
  for (let roll = 1; roll <= count(values.rolls, 20); roll += 1) {
    const { claims, timings } = await playAlone(firstRoll({ devices: 40, breached: 25, offline: 2 }), {
      screen: { print: () => undefined },
    });
    const red = claims.filter(({ holds }) => !holds);
    if (red.length > 0) broken += 1;
    const verdict =
      red.length === 0 ? "every claim holds" : red.map(({ name, sentence }) => `${name}: ${sentence}`).join("; ");
    print(`first roll ${roll}: exposure max ${timings.exposure.maxMs} ms, ${verdict}`);
  }
  broken += soakModel({ stories: count(values.stories, 2_000), mutants: values["no-mutants"] !== true }, print);
  print(broken === 0 ? "soak: nothing broke" : `soak: ${broken} broken`);
  return broken === 0 ? 0 : 1;
}

function count(text: string | undefined, fallback: number): number {
  const n = Number(text ?? fallback);
  if (!Number.isInteger(n) || n < 0) throw new Error(`"${text ?? ""}" is not a number of runs\n\n${usage}`);
  return n;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  },
);
