import { ask, expectStatus } from "./api.ts";
import type { Demo } from "./demo.ts";
import { startReceiver, type Receiver } from "./receiver.ts";

type Say = (line: string) => void;

/** Milliseconds within which a webhook must arrive. */
const arrivesMs = 10_000;

/** A webhook on its way: emitted, delivered to a receiver that verifies it, stored sealed, opened only on the record. */
export async function deliveredAndOpened(demo: Demo, token: string, say: Say): Promise<void> {
  const receiver = await startReceiver();
  const made = await expectStatus<{ id: string; secret: string }>(201, demo.base_url, "/v1/webhook-endpoints", {
    method: "POST",
    token,
    body: { url: `${receiver.url}/tour`, event_types: ["invoice.*"], description: "The tour's receiver" },
  });
  receiver.secrets.set("/tour", made.body.secret);
  try {
    await deliver(demo, token, receiver, say);
  } finally {
    await ask(demo.base_url, `/v1/webhook-endpoints/${made.body.id}`, { method: "DELETE", token });
    await receiver.close();
  }
}

async function deliver(demo: Demo, token: string, receiver: Receiver, say: Say): Promise<void> {
  const data = { invoice: "in_42", amount: 1999, currency: "eur" };
  const accepted = await expectStatus<{ id: string; region: string }>(202, demo.base_url, "/v1/events", {
    method: "POST",
    token,
    body: { type: "invoice.paid", data },
  });
  const { id, region } = accepted.body;
  say(`✓ Gus emits invoice.paid: 202, committed in ${region} with its delivery`);
  const began = Date.now();
  while (!receiver.received.some((one) => one.id === id)) {
    if (Date.now() - began > arrivesMs) throw new Error("the webhook has not arrived within 10 s");
    await new Promise((waited) => setTimeout(waited, 5));
  }
  const received = receiver.received.find((one) => one.id === id);
  if (received?.verified === null) throw new Error("the standardwebhooks package does not verify the webhook");
  say(
    `✓ a receiver gets it ${Math.max(0, (received?.at ?? began) - began)} ms after the answer, and the standardwebhooks package verifies its signature`,
  );
  const body = { reason: "The tour shows how a payload is opened" };
  const opened = await expectStatus<{ data: unknown }>(200, demo.base_url, `/v1/events/${id}/decrypt`, {
    method: "POST",
    token,
    body,
  });
  if (JSON.stringify(opened.body.data) !== JSON.stringify(data)) throw new Error("the payload is not what was emitted");
  const log = await expectStatus<{ data: { resource_id: string; detail: string }[] }>(
    200,
    demo.base_url,
    "/v1/audit-logs?action=event.decrypt",
    { token },
  );
  const recorded = log.body.data.find((record) => record.resource_id === id);
  if (recorded?.detail !== body.reason) throw new Error("the decryption is not in the audit log");
  say(
    `✓ its payload is stored sealed; Gus opens it, and the audit log has his reason from before: "${recorded.detail}"`,
  );
}
