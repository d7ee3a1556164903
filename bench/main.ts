import { api } from "./api";
import type { Bench } from "./bench";
import { firstRoll } from "./first-roll";
import { host } from "./host";
import { intake } from "./intake";
import { inventory } from "./inventory";
import { labDps } from "./lab-dps";
import { labFleet } from "./lab-fleet";
import { labHub } from "./lab-hub";
import { roll } from "./roll";

const benches: readonly Bench[] = [firstRoll, roll, inventory, labDps, labHub, labFleet, host, intake, api];

async function main(args: readonly string[]): Promise<number> {
  const firstOption = args.findIndex((arg) => arg.startsWith("-"));
  const names = firstOption < 0 ? args : args.slice(0, firstOption);
  const options = firstOption < 0 ? [] : args.slice(firstOption);
  const help = benches.find(({ name }) => name === names[0])?.help;
  if (help !== undefined && options.includes("--help")) {
    console.log(help);
    return 0;
  }
  if (names.length === 0 || options.includes("--help")) {
    console.log("npm run bench -- NAME [NAME …]   measures and prints; nothing is asserted\n");
    for (const { name, summary } of benches) console.log(`  ${name.padEnd(14)} ${summary}`);
    return 0;
  }
  for (const name of names) {
    const bench = benches.find((candidate) => candidate.name === name);
    if (bench === undefined) {
      console.error(`there is no bench "${name}"; known: ${benches.map((candidate) => candidate.name).join(", ")}`);
      return 2;
    }
    console.log(`# ${bench.name}: ${bench.summary}`);
    if (bench.help === undefined && options.length > 0) {
      console.error(`${bench.name} takes no options`);
      return 2;
    }
    await bench.run((line) => console.log(line), options);
  }
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
