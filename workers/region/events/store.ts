import type postgres from "postgres";
import type { SealedEvent } from "../../../durable-objects/event-writer/event.ts";
import type { Attempt, EventStore, Outcome } from "../../../durable-objects/event-writer/ports.ts";
import type { DueDelivery } from "../../../schema/webhooks/message.ts";
import { isDatabaseUnavailable, isNotConnected } from "../../serve/is-database-unavailable.ts";
import { keptClient } from "../../serve/kept-client.ts";
import type { RegionSettings } from "../settings.ts";
import { liveDataKey } from "./data-key.ts";
import { findEarlier } from "./earlier.ts";
import { insertEvents, type InsertedEvent } from "./insert.ts";

/** How long Postgres may take to respond, in milliseconds. */
const boundMs = 5000;
/** How often events whose conflict has disappeared are inserted again. */
const rounds = 3;

/** The event writer's store in the region's Postgres, by the role that may insert events and little else. */
export function eventStore(hyperdrive: Hyperdrive, settings: RegionSettings): EventStore {
  const kept = keptClient(hyperdrive, { boundMs });
  return {
    commit: async (events) => {
      try {
        return await kept.run((sql) => commit(sql, settings, events));
      } catch (error) {
        return attemptFailed(error);
      }
    },
    dataKey: (customerId) => kept.runRepeatable((sql) => liveDataKey(sql, settings.customerKeys, customerId)),
    release: () => kept.release(),
  };
}

async function commit(sql: postgres.Sql, { region }: RegionSettings, events: readonly SealedEvent[]): Promise<Attempt> {
  const outcomes: Outcome[] = events.map(() => ({ kind: "unavailable" }));
  const due: DueDelivery[] = [];
  let missing = events.map((event, at) => ({ event, at }));
  for (let round = 0; round < rounds && missing.length > 0; round++) {
    // oxlint-disable no-await-in-loop -- there is a second round only for an Idempotency-Key that has expired
    const inserted = await insertEvents(
      sql,
      region,
      missing.map(({ event }) => event),
    );
    due.push(...inserted.due);
    const conflicts: typeof missing = [];
    for (const [index, one] of missing.entries()) {
      const outcome = outcomeOf(one.event, inserted.events[index]);
      if (outcome === "conflict") conflicts.push(one);
      else outcomes[one.at] = outcome;
    }
    missing = conflicts.length === 0 ? [] : await settleConflicts(sql, conflicts, outcomes);
    // oxlint-enable no-await-in-loop
  }
  return { kind: "committed", outcomes, due };
}

function outcomeOf({ id, createdAt }: SealedEvent, inserted: InsertedEvent | undefined): Outcome | "conflict" {
  if (inserted === undefined) throw new Error("the insert of events left one out");
  if (inserted.kind === "conflict") return "conflict";
  if (inserted.kind !== "inserted") return { kind: inserted.kind };
  const { deliveries, deliveryId } = inserted;
  return { kind: "accepted", id, createdAt, deliveries, deliveryId, repeated: false };
}

/** Writes down the outcome of events that conflict with an earlier one; returns those whose conflict has disappeared. */
async function settleConflicts<T extends { readonly event: SealedEvent; readonly at: number }>(
  sql: postgres.Sql,
  conflicts: readonly T[],
  outcomes: Outcome[],
): Promise<T[]> {
  const events = conflicts.map(({ event }) => event);
  const earlier = await findEarlier(sql, events, Date.now());
  return conflicts.filter(({ at }, index) => {
    const found = earlier[index] ?? { kind: "free" };
    if (found.kind === "free") return true;
    outcomes[at] = found;
    return false;
  });
}

/** What a failed attempt says of its events. What Postgres itself rolled back (40), cancelled (57) or did not lock (55) is worth another one. */
function attemptFailed(error: unknown): Attempt {
  if (isDatabaseUnavailable(error)) return { kind: "unavailable", inDoubt: !isNotConnected(error) };
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (/^(?:40|55|57)/.test(code)) return { kind: "unavailable", inDoubt: false };
  // Mostly data exceptions (22) and constraints (23). For anything else, isolating an event does no harm.
  if (/^[0-9A-Z]{5}$/.test(code)) return { kind: "refused", code };
  throw error;
}
