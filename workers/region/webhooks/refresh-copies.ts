import { LRUCache } from "lru-cache";
import type { Copies } from "../../../durable-objects/event-writer/event.ts";
import type { PublishedEndpoint } from "../../../schema/webhooks/cross-region.ts";
import type { Invocation } from "../../serve/invocation.ts";
import { asCustomerSql } from "../database.ts";
import { settingsOf } from "../settings.ts";
import { refreshCopies } from "./copies.ts";

/** What an isolate has brought copies up to. `until`: when it looks again although nothing new is published, epoch milliseconds. */
interface Refreshed {
  readonly published: string;
  readonly until: number;
}

/** When copies that could not be opened are tried again, in milliseconds: they may have been sealed anew. */
const unopenedMs = 15_000;

/** By customer. Versions only rise and copies are never removed, so what was brought up to date once stays so. */
const refreshed = new LRUCache<string, Refreshed>({ max: 5000 });

/**
 * Brings a customer's copies of other regions' endpoints up to what is published, if this isolate has not done so yet. A customer that has
 * published none costs nothing. `unknown` while global cannot be reached.
 */
export async function copiesFor(customerId: string, invocation: Invocation, env: RegionEnv): Promise<Copies> {
  const settings = settingsOf(env);
  const published = await settings.config.crossRegionEndpoints(customerId, invocation.waitUntil).catch(() => null);
  if (published === null) return "unknown";
  const name = nameOf(published, settings.region);
  if (name === null) return "included";
  const known = refreshed.get(customerId);
  if (known?.published === name && Date.now() < known.until) return "included";
  const complete = await asCustomerSql(env, customerId, invocation, (sql) =>
    refreshCopies(sql, settings, customerId, published),
  );
  refreshed.set(customerId, { published: name, until: complete ? Infinity : Date.now() + unopenedMs });
  return "included";
}

/** Ids and versions of what other regions have published; null if that is nothing. */
function nameOf(published: readonly PublishedEndpoint[], region: string): string | null {
  const others = published.filter(({ endpoint }) => endpoint?.home_region !== region);
  if (others.length === 0) return null;
  return JSON.stringify(others.map(({ id, version }) => `${id} ${version}`).toSorted());
}
