import type { CrossRegionEndpoint, PublishedEndpoint } from "../../../schema/webhooks/cross-region.ts";
import type { TransactionSql } from "../database.ts";
import type { RegionSettings } from "../settings.ts";
import type { Region } from "../../../schema/regions.ts";
import { readSecrets, sealSecret, type CarriedSecret } from "./secrets.ts";

/** An endpoint as far as an event must know it. */
export interface KnownEndpoint {
  readonly id: string;
  readonly home_region: Region;
  readonly version: number;
  readonly event_types: readonly string[];
  readonly status: "enabled" | "disabled";
  /** A copy whose opt-in was taken back, kept for its version. */
  readonly deleted: boolean;
}

/**
 * The endpoints that events of this region may go to: its own, and its copies of those of other regions that opted in, brought up to what
 * those have published. Only a higher version changes a copy: what this isolate remembers of global may be older than what another has seen.
 */
export async function refreshCopies(
  sql: TransactionSql,
  settings: RegionSettings,
  customerId: string,
  known: readonly KnownEndpoint[],
  published: readonly PublishedEndpoint[],
): Promise<readonly KnownEndpoint[]> {
  const copies = new Map(known.filter((one) => one.home_region !== settings.region).map((one) => [one.id, one]));
  for (const { id, version, endpoint } of published) {
    const copy = copies.get(id);
    if (version <= (copy?.version ?? -1) || endpoint?.home_region === settings.region) continue;
    // oxlint-disable no-await-in-loop -- on one connection, and only when something has changed
    const now =
      endpoint === null
        ? await deleteCopy(sql, settings, customerId, id, version)
        : await tryCopy(sql, settings, endpoint);
    // oxlint-enable no-await-in-loop
    if (now === null) continue;
    copies.set(id, now);
  }
  const own = known.filter((one) => one.home_region === settings.region);
  return [...own, ...copies.values()].filter((one) => !one.deleted);
}

/** Takes a copy out of use: nothing more goes there. Null: there is none. */
async function deleteCopy(
  sql: TransactionSql,
  { region }: RegionSettings,
  customerId: string,
  id: string,
  version: number,
): Promise<KnownEndpoint | null> {
  const [row] = await sql<{ home_region: Region }[]>`
    update webhook_endpoints set deleted_at = now(), cross_region = null, version = ${version}
      where customer_id = ${customerId} and id = ${id} and home_region <> ${region} and version < ${version} returning home_region`;
  return row === undefined
    ? null
    : { id, home_region: row.home_region, version, event_types: [], status: "disabled", deleted: true };
}

/** Brings a copy up to date. One that cannot be opened here (sealed to a key that is gone) stays as it was, and does not keep the event from being accepted. */
async function tryCopy(
  sql: TransactionSql,
  settings: RegionSettings,
  endpoint: CrossRegionEndpoint,
): Promise<KnownEndpoint | null> {
  const { id, home_region, version, event_types, status } = endpoint;
  const secrets = await openSecrets(settings, endpoint);
  if (secrets === null) return null;
  await putCopy(sql, settings, endpoint, secrets);
  return { id, home_region, version, event_types, status, deleted: false };
}

async function openSecrets({ region, regionSeals }: RegionSettings, { id, secrets }: CrossRegionEndpoint) {
  try {
    const sealed = secrets[region];
    if (sealed === undefined) throw new Error("an endpoint of another region has no secret for this one");
    return readSecrets(await regionSeals.open(sealed), id);
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    console.error(JSON.stringify({ level: "error", event: "endpoint.not_copied", endpoint: id, error: name }));
    return null;
  }
}

async function putCopy(
  sql: TransactionSql,
  settings: RegionSettings,
  endpoint: CrossRegionEndpoint,
  secrets: readonly CarriedSecret[],
): Promise<void> {
  const { customer_id: customerId, id } = endpoint;
  const { count } = await sql`
    insert into webhook_endpoints (customer_id, id, home_region, url, event_types, status, disabled_reason, ordering, rate_per_second,
        signing, public_key_id, cross_region, version, created_at, updated_at)
      values (${customerId}, ${id}, ${endpoint.home_region}, ${endpoint.url},
        array(select jsonb_array_elements_text(${JSON.stringify(endpoint.event_types)}::text::jsonb)), ${endpoint.status},
        ${endpoint.status === "disabled" ? "by_customer" : null}, ${endpoint.ordering}, ${endpoint.rate_per_second}, ${endpoint.signing},
        ${endpoint.public_key_id}, ${JSON.stringify(endpoint.cross_region)}::text::jsonb, ${endpoint.version},
        ${new Date(endpoint.created_at)}, now())
      on conflict (customer_id, id) do update set url = excluded.url, event_types = excluded.event_types, status = excluded.status,
        disabled_reason = excluded.disabled_reason, ordering = excluded.ordering, rate_per_second = excluded.rate_per_second,
        signing = excluded.signing, public_key_id = excluded.public_key_id, cross_region = excluded.cross_region,
        version = excluded.version, failing_since = null, updated_at = now(), deleted_at = null
      where webhook_endpoints.version < excluded.version and webhook_endpoints.home_region <> ${settings.region}`;
  // Another transaction has brought it as far, or further.
  if (count === 0) return;
  await sql`delete from webhook_secrets where customer_id = ${customerId} and endpoint_id = ${id}`;
  for (const secret of secrets) {
    // oxlint-disable-next-line no-await-in-loop -- on one connection; there are few
    const bytes = await sealSecret(
      settings.dataKeys,
      { customerId, endpointId: id, number: secret.number },
      secret.keys,
    );
    // oxlint-disable-next-line no-await-in-loop -- the same
    await sql`insert into webhook_secrets (customer_id, endpoint_id, number, sealed, created_at, expires_at)
      values (${customerId}, ${id}, ${secret.number}, ${Buffer.from(bytes)}, ${new Date(secret.created_at)},
        ${secret.expires_at === null ? null : new Date(secret.expires_at)})`;
  }
}
