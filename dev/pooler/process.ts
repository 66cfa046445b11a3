import type { FromChild, ToChild } from "./options.ts";
import { Pooler } from "./pooler.ts";

/** The child process of `startPooler`. It ends when its owner has ended, for whatever reason. */

let pooler: Pooler | null = null;

process.on("message", (message: ToChild) => {
  void handle(message);
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C signals every process of the terminal. The owner closes this one after the Workers have stopped.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);

async function handle(message: ToChild): Promise<void> {
  switch (message.kind) {
    case "start":
      try {
        pooler = new Pooler(message.options);
        send({ kind: "listening", port: await pooler.listen(message.options.port ?? 0) });
      } catch (error) {
        send({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
      }
      return;
    case "stats":
      if (pooler !== null) send({ kind: "stats", id: message.id, stats: pooler.stats() });
      return;
    case "close":
      pooler?.close();
      process.exit(0);
  }
}

function send(message: FromChild): void {
  process.send?.(message);
}
