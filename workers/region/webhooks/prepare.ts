import type { Recipient } from "../../../durable-objects/courier/encrypt.ts";
import type { SigningSecret } from "../../../durable-objects/courier/sign.ts";
import type { Outgoing } from "../../../durable-objects/courier/ports.ts";
import { publicUrlFault } from "../../../schema/public-url.ts";
import type { ParkReason } from "../../../schema/webhooks/delivery.ts";
import type { RegionSettings } from "../settings.ts";
import type { DataKeyRing } from "../sealing/data-key-ring.ts";
import { openFrom, sealFor } from "./customer-keys.ts";
import type { DueRow, EndpointRow } from "./due-row.ts";
import { bytesOf, openSecret } from "./secrets.ts";
import { webhookUrlRules } from "./url-rules.ts";

/** Deliveries opened and ready to be posted, and those that cannot be. */
export interface Prepared {
  readonly ready: readonly Outgoing[];
  readonly unsendable: readonly { readonly row: DueRow; readonly reason: ParkReason }[];
}

/**
 * Opens what is to be posted to an endpoint, in its jurisdiction. What must not or cannot be sent is told apart: closed in doubt. Rejects when a
 * key is missing that should be there, or when it cannot be known which public keys are valid: then nothing is tried.
 */
export async function prepareWebhooks(
  settings: RegionSettings,
  endpoint: EndpointRow,
  rows: readonly DueRow[],
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Prepared> {
  if (rows.length === 0) return { ready: [], unsendable: [] };
  const all = (reason: ParkReason): Prepared => ({ ready: [], unsendable: rows.map((row) => ({ row, reason })) });
  if (publicUrlFault(endpoint.url, webhookUrlRules(settings)) !== null) return all("url_refused");
  const recipients = await recipientsOf(settings, endpoint, waitUntil);
  if (recipients?.length === 0) return all("no_valid_key");
  const secrets = await signingSecrets(settings, endpoint);
  const ring = await settings.customerKeys.ringOfJson(endpoint.customer_id, endpoint.keys);
  if (ring === null) return all("erased");
  const opened = await Promise.all(rows.map(async (row) => ({ row, data: await openPayload(row, ring, settings) })));
  return {
    ready: opened.flatMap(({ row, data }) =>
      data === null
        ? []
        : [
            outgoing(row, ring, {
              url: endpoint.url,
              id: row.event_id,
              payload: bodyOf(row, data),
              recipients,
              secrets,
            }),
          ],
    ),
    unsendable: opened.flatMap(({ row, data }) => (data === null ? [{ row, reason: "erased" as const }] : [])),
  };
}

function outgoing(row: DueRow, ring: DataKeyRing, webhook: Outgoing["webhook"]): Outgoing {
  const { customer_id: customerId, id: deliveryId } = row;
  const number = row.attempts + 1;
  return {
    customerId,
    deliveryId,
    number,
    sealExcerpt: (excerpt) => sealFor(ring, { kind: "response", customerId, deliveryId, number }, excerpt),
    tries: row.tries,
    rounds: row.rounds,
    parked: row.status === "dead_letter",
    webhook,
  };
}

function openPayload(row: DueRow, ring: DataKeyRing, { region }: RegionSettings): Promise<string | null> {
  if (row.payload === null) return Promise.resolve(null);
  const place = { kind: "payload", customerId: row.customer_id, eventId: row.event_id, region } as const;
  return openFrom(ring, place, row.payload);
}

/** The body, with `data` byte for byte as it was accepted. The type has no character that JSON escapes. */
function bodyOf(row: DueRow, data: string): Uint8Array<ArrayBuffer> {
  const timestamp = row.created_at.toISOString();
  return Buffer.from(`{"type":"${row.type}","timestamp":"${timestamp}","data":${data}}`);
}

/** The public keys that are valid now; null where the endpoint wants no encryption. */
async function recipientsOf(
  { config }: RegionSettings,
  endpoint: EndpointRow,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<readonly Recipient[] | null> {
  if (endpoint.public_key_id === null) return null;
  const versions = await config.publicKey(endpoint.customer_id, endpoint.public_key_id, waitUntil);
  const now = Date.now();
  return versions
    .filter(({ expires_at }) => expires_at === null || expires_at > now)
    .map(({ kid, jwk }) => ({ kid, jwk }));
}

async function signingSecrets({ dataKeys }: RegionSettings, endpoint: EndpointRow): Promise<SigningSecret[]> {
  const { customer_id: customerId, id: endpointId } = endpoint;
  const opened = await Promise.all(
    endpoint.secrets.map(({ number, sealed }) =>
      openSecret(dataKeys, { customerId, endpointId, number }, Buffer.from(sealed, "base64")),
    ),
  );
  if (opened.length === 0) throw new Error("an endpoint has no valid secret");
  return opened.map(({ hmac, ed25519 }) => ({
    hmac: bytesOf(hmac),
    ed25519: ed25519 === null ? null : bytesOf(ed25519.privateKey),
  }));
}
