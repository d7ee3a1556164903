import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Writes variables so that `node --env-file` and a shell (`set -a; . FILE; set +a`) read the same values. Neither can
 * be told of a single quote inside single quotes, so such values stand in double quotes. Its folder is made if need be.
 */
export async function writeEnvFile(file: string, variables: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(variables).map(([name, value]) => {
    const quote = value.includes("'") ? '"' : "'";
    return `${name}=${quote}${value}${quote}\n`;
  });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, lines.join(""), { mode: 0o600 });
}
