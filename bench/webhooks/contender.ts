import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import postgres from "postgres";

/** What a contender says when it is ready. */
export interface Ready {
  readonly name: string;
  readonly baseUrl: string;
  /** A bearer token that may `POST /v1/events`. */
  readonly token: string;
  /** Its processes, each with all its descendants. */
  readonly roots: readonly number[];
  /** Some of them, to say where the CPU went. */
  readonly parts: Readonly<Record<string, readonly number[]>>;
}

/** A stack that delivers webhooks, in a process of its own. */
export interface Contender extends Ready {
  /** Holds deliveries back, or lets them go; resolves when that holds. */
  hold(held: boolean): Promise<void>;
  /** Ends it with all that it started. */
  stop(): Promise<void>;
}

type Told = { readonly kind: "hold"; readonly held: boolean } | { readonly kind: "stop" };
type Says = { readonly kind: "ready"; readonly ready: Ready } | { readonly kind: "done" };

/** Starts the contender of `file`, with its state under `folder`, delivering to `urls`. */
export async function startContender(file: string, folder: string, urls: readonly string[]): Promise<Contender> {
  const env = { ...process.env, FOLDER: folder, URLS: JSON.stringify(urls) };
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), { env });
  const { ready } = await said(child, "ready");
  return {
    ...ready,
    hold: async (held) => {
      const done = said(child, "done");
      child.send({ kind: "hold", held } satisfies Told);
      await done;
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      const exited = once(child, "exit");
      child.send({ kind: "stop" } satisfies Told);
      await exited;
    },
  };
}

/** The other side: what a contender's process does when it is ready, until it is stopped or nobody is there any more. */
export function serveContender(ready: Ready, does: Pick<Contender, "hold" | "stop">): void {
  const stop = async (): Promise<void> => {
    await does.stop();
    process.exit();
  };
  process.on("message", (told: Told) => {
    if (told.kind === "stop") process.disconnect();
    else void does.hold(told.held).then(() => say({ kind: "done" }));
  });
  process.once("disconnect", () => void stop());
  // The signal of a Ctrl-C comes here too; who started this goes, and then this ends in order.
  process.on("SIGINT", () => undefined);
  say({ kind: "ready", ready });
}

function say(message: Says): void {
  process.send?.(message);
}

/** The state folder and the endpoints' URLs that `startContender` gave. */
export function given(): { readonly folder: string; readonly urls: readonly string[] } {
  return { folder: process.env["FOLDER"] ?? "", urls: JSON.parse(process.env["URLS"] ?? "[]") as string[] };
}

/** The process above all others of the Postgres at a superuser's `url`. */
export async function postmasterOf(url: string): Promise<number> {
  const sql = postgres(url, { max: 1 });
  const [row] = await sql<{ pid: string }[]>`select split_part(pg_read_file('postmaster.pid'), chr(10), 1) as pid`;
  await sql.end();
  return Number(row?.pid);
}

function said<Kind extends Says["kind"]>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<Says, { readonly kind: Kind }>> {
  return new Promise((resolve, failed) => {
    const ended = (code: number | null): void => failed(new Error(`a contender ended with ${code}`));
    child.once("exit", ended);
    child.once("message", (message: Says) => {
      child.off("exit", ended);
      if (message.kind === kind) resolve(message as Extract<Says, { readonly kind: Kind }>);
      else failed(new Error(`a contender said ${message.kind}, not ${kind}`));
    });
  });
}
