import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { QueueRefuses, type Broker } from "./broker.ts";

const queueHeader = "domicile-queue";
const delayHeader = "domicile-queue-delay-ms";

/** The headers that a binding sends: its queue, and for how many milliseconds a message is under way to it. */
export function queueHeaders(queue: string, delayMs = 0): Record<string, string> {
  return { [queueHeader]: queue, ...(delayMs > 0 && { [delayHeader]: String(delayMs) }) };
}

/** Limits of Cloudflare (https://developers.cloudflare.com/queues/platform/limits/), in bytes and messages. */
const maximumMessageBytes = 128 * 1000;
const maximumBatchBytes = 288 * 1000;
const maximumBatchMessages = 100;

const contentTypeSchema = z.enum(["text", "json", "bytes", "v8"]).default("v8");
const delaySchema = z.coerce.number().int().min(0).max(86_400).default(0);

const underWaySchema = z.coerce.number().min(0).max(10_000).default(0);

const batchSchema = z.object({
  messages: z
    .array(z.object({ contentType: contentTypeSchema, delaySecs: delaySchema.optional(), body: z.base64() }))
    .max(maximumBatchMessages),
});

/** Listens on loopback for what workerd's Queue bindings say: `POST /message`, `POST /batch`, `GET /metrics`. */
export async function serveQueues(broker: Broker): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    void answer(broker, request, response);
  });
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

async function answer(broker: Broker, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const body = await readAll(request);
    const queue = String(request.headers[queueHeader]);
    const delayMs = underWaySchema.parse(request.headers[delayHeader]);
    if (delayMs > 0) await setTimeout(delayMs);
    if (request.url === "/message") takeMessage(broker, queue, request, body);
    else if (request.url === "/batch") takeBatch(broker, queue, request, body);
    else if (request.url === "/metrics") return reply(response, 200, broker.metrics(queue));
    else return reply(response, 404, {});
    return reply(response, 200, { metadata: { metrics: broker.metrics(queue) } });
  } catch (error) {
    if (error instanceof RangeError) return reply(response, 413, { error: error.message });
    if (error instanceof z.ZodError || error instanceof SyntaxError) return reply(response, 400, { error: error.name });
    return reply(response, error instanceof QueueRefuses ? 503 : 500, { error: String(error) });
  }
}

function takeMessage(broker: Broker, queue: string, { headers }: IncomingMessage, body: Buffer): void {
  if (body.length > maximumMessageBytes) throw new RangeError(`a message has ${maximumMessageBytes} bytes at most`);
  const contentType = contentTypeSchema.parse(headers["x-msg-fmt"]);
  broker.send(queue, [{ contentType, body, delaySeconds: delaySchema.parse(headers["x-msg-delay-secs"]) }]);
}

function takeBatch(broker: Broker, queue: string, { headers }: IncomingMessage, body: Buffer): void {
  const delay = delaySchema.parse(headers["x-msg-delay-secs"]);
  const { messages } = batchSchema.parse(JSON.parse(body.toString()));
  const sent = messages.map((message) => {
    const delaySeconds = message.delaySecs ?? delay;
    return { contentType: message.contentType, body: Buffer.from(message.body, "base64"), delaySeconds };
  });
  if (sent.some((message) => message.body.length > maximumMessageBytes))
    throw new RangeError(`a message has ${maximumMessageBytes} bytes at most`);
  if (sent.reduce((sum, message) => sum + message.body.length, 0) > maximumBatchBytes)
    throw new RangeError(`a batch has ${maximumBatchBytes} bytes at most`);
  broker.send(queue, sent);
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((closed) => {
    server.close(() => closed());
  });
}
