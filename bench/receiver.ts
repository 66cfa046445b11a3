// The customers' receivers: ENDPOINTS plain HTTP servers in a process of their own, the same for both stacks. They
// answer 204 at once and record what arrived when. Started by endpoints.ts.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { epochMs } from "./clock.ts";

/** A delivery: an event at an endpoint, and when it arrived first, epoch milliseconds. */
export interface Receipt {
  readonly event: string;
  readonly endpoint: number;
  readonly at: number;
}

/** What arrived since the inbox was cleared. */
export interface Inbox {
  /** The first receipt of each awaited event at each endpoint. */
  readonly receipts: readonly Receipt[];
  /** Posts of awaited events that had arrived before. */
  readonly repeated: number;
  /** Posts of other events. */
  readonly foreign: number;
}

/** What the process reports. */
export type ReceiverReport =
  | { readonly kind: "listening"; readonly urls: readonly string[] }
  | { readonly kind: "cleared" }
  /** Every awaited event is at every endpoint. */
  | { readonly kind: "complete" }
  | { readonly kind: "inbox"; readonly inbox: Inbox };

/** What it obeys: forget what arrived; report when these events are at every endpoint; report what of them arrived. */
export type ReceiverCommand =
  | { readonly kind: "clear" }
  | { readonly kind: "await"; readonly events: readonly string[] }
  | { readonly kind: "report" };

const endpoints = Array.from({ length: Number(process.env["ENDPOINTS"]) }, (_, at) => at);
const first = new Map<string, Receipt>();
let posts: string[] = [];
let awaited: ReadonlySet<string> = new Set();
/** Deliveries of awaited events that have not arrived; null while none are awaited. */
let missing: number | null = null;

function report(message: ReceiverReport): void {
  process.send?.(message);
}

function receive(endpoint: number, request: IncomingMessage, response: ServerResponse): void {
  request.resume().once("end", () => {
    const event = String(request.headers["webhook-id"]);
    const key = `${endpoint} ${event}`;
    posts.push(event);
    const isNew = !first.has(key);
    if (isNew) first.set(key, { event, endpoint, at: epochMs() });
    response.writeHead(204).end();
    if (missing === null || !isNew || !awaited.has(event)) return;
    missing -= 1;
    reportIfComplete();
  });
}

function reportIfComplete(): void {
  if (missing !== 0) return;
  missing = null;
  report({ kind: "complete" });
}

function inboxNow(): Inbox {
  const receipts = [...first.values()].filter(({ event }) => awaited.has(event));
  const foreign = posts.filter((event) => !awaited.has(event)).length;
  return { receipts, foreign, repeated: posts.length - foreign - receipts.length };
}

async function listen(endpoint: number): Promise<string> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) =>
    receive(endpoint, request, response),
  );
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`;
}

process.on("message", (command: ReceiverCommand) => {
  switch (command.kind) {
    case "clear":
      first.clear();
      posts = [];
      awaited = new Set();
      missing = null;
      report({ kind: "cleared" });
      break;
    case "await":
      awaited = new Set(command.events);
      missing = awaited.size * endpoints.length - inboxNow().receipts.length;
      reportIfComplete();
      break;
    case "report":
      report({ kind: "inbox", inbox: inboxNow() });
  }
});
process.once("disconnect", () => process.exit());
report({ kind: "listening", urls: await Promise.all(endpoints.map(listen)) });
