import { RollError } from "../../shared/domain/roll-error";
import type { ImportExportBlobs, JobContainer } from "../../shared/ports/import-export-blobs";

interface Content {
  lines: string[];
  errors: string[];
}

/** Containers of import and export jobs in memory; hubs of the same fake Azure read and write them. */
export class FakeImportExportBlobs implements ImportExportBlobs {
  private readonly containers = new Map<string, Content>();

  open(key: string): Promise<JobContainer> {
    const name = `job-${key}`;
    if (!this.containers.has(name)) this.containers.set(name, { lines: [], errors: [] });
    return Promise.resolve({ name, uri: `https://fake/${name}`, access: { kind: "signature" } });
  }

  async writeLines({ name }: JobContainer, lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
    const written: string[] = [];
    for await (const line of lines) written.push(line);
    this.content(name).lines = written;
  }

  readLines({ name }: JobContainer): AsyncIterable<string> {
    return each(() => this.content(name).lines);
  }

  readErrors({ name }: JobContainer): AsyncIterable<string> {
    return each(() => this.content(name).errors);
  }

  discard({ name }: JobContainer): Promise<void> {
    this.containers.delete(name);
    return Promise.resolve();
  }

  /** What a hub sees. Throws `RollError` where there is no such container. */
  content(name: string): Content {
    const content = this.containers.get(name);
    if (content === undefined) throw new RollError("service-answer-unreadable", `no container ${name}`, false);
    return content;
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- asynchronous by the port's promise, in memory there is nothing to await
async function* each(lines: () => readonly string[]): AsyncIterable<string> {
  yield* lines();
}
