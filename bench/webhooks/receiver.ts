// The customers' receivers: ENDPOINTS plain HTTP servers in a process of their own, the same for both stacks. They answer 204 at once
// and note when what came in. Started by run.ts.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { epochMs } from "./clock.ts";

/** What came in since `expect`: how many posts there were, and for each delivery its event, its endpoint and when it came first, epoch milliseconds. */
export interface Inbox {
  readonly posts: number;
  readonly deliveries: readonly { readonly event: string; readonly endpoint: number; readonly at: number }[];
}

/** What the process says. */
export type ReceiverSays =
  | { readonly kind: "listening"; readonly urls: readonly string[] }
  | { readonly kind: "expecting" }
  | { readonly kind: "received"; readonly inbox: Inbox };

/** What it is told: to begin anew, and to say when so many deliveries are in. */
export interface Expect {
  readonly kind: "expect";
  readonly deliveries: number;
}

const seen = new Map<string, Inbox["deliveries"][number]>();
let posts = 0;
let expected = Infinity;

function say(message: ReceiverSays): void {
  process.send?.(message);
}

function take(endpoint: number, request: IncomingMessage, response: ServerResponse): void {
  request.resume().once("end", () => {
    const event = String(request.headers["webhook-id"]);
    const key = `${endpoint} ${event}`;
    posts += 1;
    if (!seen.has(key)) seen.set(key, { event, endpoint, at: epochMs() });
    response.writeHead(204).end();
    if (seen.size < expected) return;
    expected = Infinity;
    say({ kind: "received", inbox: { posts, deliveries: [...seen.values()] } });
  });
}

async function listen(endpoint: number): Promise<string> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => take(endpoint, request, response));
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`;
}

process.on("message", ({ deliveries }: Expect) => {
  seen.clear();
  posts = 0;
  expected = deliveries;
  say({ kind: "expecting" });
});
process.once("disconnect", () => process.exit());
const numbers = Array.from({ length: Number(process.env["ENDPOINTS"]) }, (_, at) => at);
say({ kind: "listening", urls: await Promise.all(numbers.map(listen)) });
