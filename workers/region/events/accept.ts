import type {
  Accepted,
  AcceptedEvent,
  Copies,
  Receivers,
  SealedEvent,
  Verdict,
} from "../../../durable-objects/event-writer/event.ts";
import type { AuditEntry } from "../../../schema/audit/entry.ts";
import { AppError } from "../../../schema/errors.ts";
import { newId } from "../../../schema/ids.ts";
import type { Served } from "../../serve/served.ts";
import { invalid } from "../../serve/validate.ts";
import { settingsOf } from "../settings.ts";
import { copiesFor } from "../webhooks/refresh-copies.ts";
import { sealFor } from "../webhooks/customer-keys.ts";
import type { RequestName } from "./request-name.ts";
import type { SealingKey } from "./sealing-keys.ts";
import { eventWriterOf } from "./writer-of.ts";

/** An event to be accepted. */
export interface NewEvent {
  readonly type: string;
  readonly userId: string | null;
  /** The source text of `data`. */
  readonly data: string;
  readonly request: RequestName | null;
  readonly to: Receivers;
}

/** How often events are sealed again because their customer's data key was destroyed. */
const sealings = 3;

/** Accepts one event: committed with its deliveries when this resolves. Throws what `refusalOf` returns if it is not. */
export async function acceptEvent(
  customerId: string,
  event: NewEvent,
  entry: AuditEntry | null,
  served: Served,
  env: RegionEnv,
): Promise<AcceptedEvent & { readonly recorded: boolean }> {
  const { verdicts, recorded } = await acceptEvents(customerId, [event], entry, served, env);
  const [verdict = { kind: "unavailable" as const }] = verdicts;
  if (verdict.kind !== "accepted") throw refusalOf(verdict);
  return { ...verdict, recorded };
}

/**
 * Seals events and has the customer's writer commit them; a verdict for each, in order. The Worker seals, so that payloads leave it only as
 * ciphertext. `stale_key` and `copies_unknown` are among the verdicts only when trying again did not help. `entry`: the audit record of the
 * request; `recorded` if the writer has made it durable, and no other is to be made.
 */
export async function acceptEvents(
  customerId: string,
  events: readonly NewEvent[],
  entry: AuditEntry | null,
  served: Served,
  env: RegionEnv,
): Promise<Accepted> {
  const { sealingKeys } = settingsOf(env);
  const writer = eventWriterOf(env, customerId);
  const copies = await copiesFor(customerId, served.invocation, env);
  const createdAt = Date.now();
  const named = events.map((event) => ({ event, id: newId("event") }));
  const verdicts: Verdict[] = events.map(() => ({ kind: "unavailable" }));
  let missing = [...named.keys()];
  let recorded = false;
  for (let sealing = 0; sealing < sealings && missing.length > 0; sealing++) {
    // oxlint-disable no-await-in-loop -- there is a second round only after a key was destroyed
    const key = await sealingKeys.of(customerId, async () => {
      const found = await writer.dataKey(customerId);
      return found.kind === "found" ? found : null;
    });
    if (key === null) break;
    const facts = { customerId, createdAt, copies };
    const sealed = await Promise.all(
      named.filter((_, at) => missing.includes(at)).map(({ event, id }) => seal(event, id, facts, key, env)),
    );
    const results = await writer.accept(sealed, recorded ? null : entry);
    recorded ||= results.recorded;
    for (const [index, at] of missing.entries()) verdicts[at] = results.verdicts[index] ?? { kind: "unavailable" };
    missing = missing.filter((at) => verdicts[at]?.kind === "stale_key");
    if (missing.length > 0) sealingKeys.forget(customerId, key);
    // oxlint-enable no-await-in-loop
  }
  return { verdicts, recorded };
}

async function seal(
  { type, userId, data, request, to }: NewEvent,
  id: string,
  facts: { readonly customerId: string; readonly createdAt: number; readonly copies: Copies },
  { version, ring }: SealingKey,
  env: RegionEnv,
): Promise<SealedEvent> {
  const { region } = settingsOf(env);
  const payload = await sealFor(ring, { kind: "payload", customerId: facts.customerId, eventId: id, region }, data);
  return { ...facts, id, type, userId, size: Buffer.byteLength(data), payload, keyVersion: version, request, to };
}

/** The error for an event that was not accepted. */
export function refusalOf(verdict: Exclude<Verdict, AcceptedEvent>): Error {
  switch (verdict.kind) {
    case "unknown_user":
      return invalid("user_id", "is not a user of the customer");
    case "idempotency_mismatch":
      return new AppError("idempotency_mismatch");
    case "stale_key":
    case "copies_unknown":
    case "unavailable":
      return new AppError("unavailable");
    case "refused":
      return new Error(`Postgres refuses an event with SQLSTATE ${verdict.code}`);
  }
}
