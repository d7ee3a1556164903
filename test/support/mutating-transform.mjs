import { readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import swc from "@swc/jest";

const mutants = JSON.parse(
  readFileSync(join(dirname(fileURLToPath(import.meta.url)), "../unit/model/mutants.json"), "utf8"),
);

/** Compiles as ever, but for one line: the mutant that `MODEL_MUTANT` names, of those in test/unit/model/mutants.json. */
export default {
  createTransformer: (options) => {
    const inner = swc.createTransformer(options);
    const mutant = mutants.find(({ name }) => name === process.env.MODEL_MUTANT);
    if (mutant === undefined) throw new Error(`no mutant is called ${process.env.MODEL_MUTANT}`);
    const mutated = (source, file) => {
      if (!file.endsWith(sep + join(...mutant.file.split("/")))) return source;
      if (!source.includes(mutant.from)) throw new Error(`"${mutant.name}": ${mutant.file} has changed`);
      return source.replace(mutant.from, () => mutant.to);
    };
    return {
      ...inner,
      process: (source, file, o) => inner.process(mutated(source, file), file, o),
      getCacheKey: (source, file, o) => inner.getCacheKey(mutated(source, file), file, o),
    };
  },
};
