import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const repository = join(__dirname, "../../..");
const program = join(repository, "dist/lab/main.js");

/** What a program said, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** A folder like a clone of the project as far as Node's look-up of packages goes, to start labs and programs in. */
export class Workplace {
  private readonly running = new Set<LabProcess>();

  private constructor(readonly folder: string) {}

  static async open(): Promise<Workplace> {
    const folder = await mkdtemp(join(tmpdir(), "lab-cli-"));
    await symlink(join(repository, "node_modules"), join(folder, "node_modules"));
    return new Workplace(folder);
  }

  /** `node dist/lab/main.js …` to its end. */
  run(...args: string[]): Promise<Ended> {
    return ended(process.execPath, [program, ...args], this.folder);
  }

  /** A shell that stops at the first command that fails. */
  shell(text: string, variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return ended("sh", ["-e", "-c", text], this.folder, variables);
  }

  /** A program on the environment that a lab left in `.rollcall/lab.env`. */
  async program(name: string, source: string): Promise<Ended> {
    await writeFile(join(this.folder, name), source);
    return ended(process.execPath, ["--env-file=.rollcall/lab.env", name], this.folder);
  }

  /** `node dist/lab/main.js lab …`; resolves when it says that it is up, rejects with its words when it ends before. */
  lab(...args: string[]): Promise<LabProcess> {
    return this.up(["lab", ...args], "Ctrl-C ends the lab.");
  }

  /** `npm start` in what looks like a clone that was built; resolves when its story is over and it stays up. */
  async start(variables: Readonly<Record<string, string>> = {}): Promise<LabProcess> {
    for (const name of ["package.json", "host.json", "dist"])
      await symlink(join(repository, name), join(this.folder, name));
    return this.up(["start"], "Ctrl-C ends it.", variables);
  }

  private up(args: readonly string[], word: string, variables = {}): Promise<LabProcess> {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: this.folder,
      env: { ...environment(), ...variables },
    });
    let said = "";
    const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    const lab: LabProcess = {
      said: () => said,
      interrupt: async () => {
        child.kill("SIGINT");
        const code = await exited;
        this.running.delete(lab);
        return code;
      },
    };
    this.running.add(lab);
    return new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk: Buffer) => {
          said += chunk.toString();
          if (said.includes(word)) resolve(lab);
        });
      }
      void exited.then((code) => {
        this.running.delete(lab);
        reject(new Error(`The lab ended with ${String(code)}: ${said}`));
      });
    });
  }

  async close(): Promise<void> {
    for (const lab of this.running) await lab.interrupt();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export interface LabProcess {
  /** All output so far. */
  said(): string;
  /** Ctrl-C; answers the exit code. */
  interrupt(): Promise<number | null>;
}

function ended(
  command: string,
  args: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const env = { ...environment(), ...variables };
  return new Promise((resolve) => {
    const child = execFile(command, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, output: stdout + stderr }),
    );
  });
}

/** Without what the test runner set for itself. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_ENV: _env, ...rest } = process.env;
  return rest;
}
