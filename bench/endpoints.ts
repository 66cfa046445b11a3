import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { LateMessageError, nextMessage } from "./child-messages.ts";
import type { Inbox, ReceiverCommand, ReceiverReport } from "./receiver.ts";

/** The receivers of receiver.ts. */
export interface Endpoints {
  readonly urls: readonly string[];
  /** Forgets what arrived. */
  clear(): Promise<void>;
  /**
   * Resolves to what arrived since `clear`, when every one of these events is at every endpoint; rejects if that takes
   * too long.
   */
  receive(events: readonly string[]): Promise<Inbox>;
  close(): void;
}

/** How long deliveries may take, in milliseconds. */
const deliveriesMs = 300_000;
/** How long the process may take to start or to report, in milliseconds. */
const reportMs = 30_000;

/** Starts so many receivers in a process of their own. */
export async function startEndpoints(count: number): Promise<Endpoints> {
  const file = fileURLToPath(new URL("receiver.ts", import.meta.url));
  const child = fork(file, { env: { ...process.env, ENDPOINTS: String(count) } });
  const { urls } = await nextMessage<ReceiverReport, "listening">(child, "listening", reportMs);
  return {
    urls,
    clear: async () => {
      await send(child, { kind: "clear" }, "cleared", reportMs);
    },
    receive: async (events) => {
      const late = await send(child, { kind: "await", events }, "complete", deliveriesMs).then(() => null, onlyLate);
      const { inbox } = await send(child, { kind: "report" }, "inbox", reportMs);
      if (late === null) return inbox;
      const expected = events.length * count;
      throw new Error(`${inbox.receipts.length} of ${expected} deliveries arrived within ${deliveriesMs / 1000} s`);
    },
    close: () => child.kill(),
  };
}

/** Sends a command, and waits for the report that follows it. */
function send<Kind extends ReceiverReport["kind"]>(
  child: ChildProcess,
  command: ReceiverCommand,
  kind: Kind,
  withinMs: number,
): Promise<Extract<ReceiverReport, { readonly kind: Kind }>> {
  const report = nextMessage<ReceiverReport, Kind>(child, kind, withinMs);
  child.send(command);
  return report;
}

function onlyLate(error: unknown): LateMessageError {
  if (error instanceof LateMessageError) return error;
  throw error;
}
