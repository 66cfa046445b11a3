import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { removePostgres } from "../dev/postgres.ts";
import { nextMessage } from "./child-messages.ts";
import { processTree, type ProcessGroups } from "./cpu.ts";

/** What a contender reports when it is ready. Its `roots` and their descendants are all its processes. */
export interface Ready extends ProcessGroups {
  readonly name: string;
  readonly baseUrl: string;
  /** A bearer token that may `GET /v1/me` and `POST /v1/events`. */
  readonly token: string;
}

/** A stack that is measured, in a process of its own. */
export interface Contender extends Ready {
  /** Holds deliveries back, or releases them; resolves when that is in effect. */
  hold(held: boolean): Promise<void>;
  /** Ends it with all that it started. */
  stop(): Promise<void>;
}

/** How long a contender may take to start, to hold deliveries back, and to stop, in milliseconds. */
const limits = { start: 120_000, hold: 30_000, stop: 30_000 } as const;

type Command = { readonly kind: "hold"; readonly held: boolean } | { readonly kind: "stop" };
type Report = { readonly kind: "ready"; readonly ready: Ready } | { readonly kind: "done" };

/**
 * Starts the contender of `file`, with its state in the folder `stateDir` and an endpoint for each of `urls`. Rejects
 * if it ends or is not ready in time.
 */
export async function startContender(file: URL, stateDir: string, urls: readonly string[]): Promise<Contender> {
  mkdirSync(stateDir, { recursive: true });
  // In a process group of its own: Ctrl-C or `timeout` end this process only, and the contender then stops in order.
  const child = fork(fileURLToPath(file), {
    detached: true,
    env: { ...process.env, STATE_DIR: stateDir, URLS: JSON.stringify(urls) },
  });
  try {
    const { ready } = await nextMessage<Report, "ready">(child, "ready", limits.start);
    return {
      ...ready,
      hold: async (held) => {
        const done = nextMessage<Report, "done">(child, "done", limits.hold);
        child.send({ kind: "hold", held } satisfies Command);
        await done;
      },
      stop: () => stop(child, ready, stateDir),
    };
  } catch (error) {
    await stop(child, { name: file.pathname, roots: [child.pid ?? 0] }, stateDir);
    throw error;
  }
}

/**
 * The contender's side: obeys `startContender` until it is stopped or its parent process ends. Then it removes its
 * state.
 */
export function serveContender(ready: Ready, actions: Pick<Contender, "hold" | "stop">): void {
  const end = async (): Promise<void> => {
    await actions.stop();
    const { stateDir } = contenderInput();
    await removePostgres(stateDir);
    rmSync(stateDir, { recursive: true, force: true });
    process.exit();
  };
  process.on("message", (command: Command) => {
    if (command.kind === "stop") process.disconnect();
    else void actions.hold(command.held).then(() => report({ kind: "done" }));
  });
  process.once("disconnect", () => void end());
  // The parent may have ended while this process started.
  if (process.connected) report({ kind: "ready", ready });
  else void end();
}

/** The state folder and the endpoints' URLs that `startContender` passed. */
export function contenderInput(): { readonly stateDir: string; readonly urls: readonly string[] } {
  return { stateDir: process.env["STATE_DIR"] ?? "", urls: JSON.parse(process.env["URLS"] ?? "[]") as string[] };
}

/** The parent process of all processes of the Postgres at a superuser's `url`. */
export async function postmasterOf(url: string): Promise<number> {
  const sql = postgres(url, { max: 1 });
  const [row] = await sql<{ pid: string }[]>`select split_part(pg_read_file('postmaster.pid'), chr(10), 1) as pid`;
  await sql.end();
  return Number(row?.pid);
}

function report(message: Report): void {
  process.send?.(message);
}

/** Stops a contender in order; kills its processes when that takes too long. */
async function stop(child: ChildProcess, { name, roots }: Pick<Ready, "name" | "roots">, stateDir: string) {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, "exit", { signal: AbortSignal.timeout(limits.stop) });
    if (child.connected) child.send({ kind: "stop" } satisfies Command);
    await exited.catch(() => {
      console.error(`${name} did not stop within ${limits.stop / 1000} s; its processes are killed.`);
      for (const pid of processTree(roots)) kill(pid);
    });
  }
  // It has done so itself, unless it crashed or was killed.
  await removePostgres(stateDir);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // ESRCH: it has ended already.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
