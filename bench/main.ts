import type { Bench } from "./bench";
import { firstRoll } from "./first-roll";
import { host } from "./host";
import { intake } from "./intake";
import { inventory } from "./inventory";
import { labDps } from "./lab-dps";
import { labFleet } from "./lab-fleet";
import { labHub } from "./lab-hub";

const benches: readonly Bench[] = [firstRoll, inventory, labDps, labHub, labFleet, host, intake];

async function main(names: readonly string[]): Promise<number> {
  if (names.length === 0 || names.includes("--help")) {
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
    await bench.run((line) => console.log(line));
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
