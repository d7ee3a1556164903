/**
 * `npm run verify -- report.json [--key trusted.pem] [--unsigned]`: checks a roll's report without any network. What a
 * report says is worth as much as the key that signed it: without `--key` compare the printed fingerprint yourself.
 *
 * Exit codes: 0 sound; 1 a fault, the first one named; 2 wrong use or no such file; 3 sound but not signed, or by another
 * key than `--key`.
 */
import { verifyReport } from "./verify-report";

void verifyReport(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`)).then((code) => {
  process.exitCode = code;
});
