import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

/** A webhook as it came in. */
export interface Received {
  readonly id: string;
  /** The path that it was posted to. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What the `standardwebhooks` library made of it; null: it was not asked, or it refused. */
  readonly verified: unknown;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** How a receiver answers: a status, after a while, with headers; `hang`: never; `stalls`: a status, and never the rest. */
export interface Answering {
  readonly status: number;
  readonly afterMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly hang?: boolean;
  readonly stalls?: boolean;
}

/** A customer's receiver of webhooks. */
export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Secrets (`whsec_…`) to verify with, by path. */
  readonly secrets: Map<string, string>;
  /** Decides on each answer; 204 at once if not set. */
  answer: (received: Received) => Answering;
  close(): Promise<void>;
}

/** Starts a receiver written as a customer would: with the `standardwebhooks` package. A webhook that it cannot verify gets 400. */
export async function startReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const secrets = new Map<string, string>();
  const server = createServer((request, response) => {
    void take(request).then((one) => reply(one, response));
  });
  const take = async (request: IncomingMessage): Promise<Received> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const path = request.url ?? "/";
    const verified = verify(secrets.get(path), headers, body);
    const one = { id: headers["webhook-id"] ?? "", path, headers, body, verified, at: Date.now() };
    received.push(one);
    return one;
  };
  const reply = (one: Received, response: ServerResponse): void => {
    const refused = secrets.has(one.path) && one.verified === null;
    const {
      status,
      afterMs = 0,
      headers = {},
      body,
      hang,
      stalls,
    }: Answering = refused ? { status: 400 } : receiver.answer(one);
    if (hang === true) return;
    setTimeout(() => {
      response.writeHead(status, headers);
      if (stalls === true) response.write("…");
      else response.end(body);
    }, afterMs);
  };
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    secrets,
    answer: () => ({ status: 204 }),
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
  return receiver;
}

function verify(secret: string | undefined, headers: Record<string, string>, body: string): unknown {
  if (secret === undefined) return null;
  try {
    return new Webhook(secret).verify(body, headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return null;
    throw error;
  }
}
