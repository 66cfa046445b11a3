import type { CrossRegionEndpoint } from "../../../schema/webhooks/cross-region.ts";
import type { TransactionSql } from "../database.ts";
import type { RegionSettings } from "../settings.ts";
import type { Region } from "../../../schema/regions.ts";
import { readSecrets, sealSecret } from "./secrets.ts";

/** An endpoint as far as an event must know it. */
export interface KnownEndpoint {
  readonly id: string;
  readonly home_region: Region;
  readonly version: number;
  readonly event_types: readonly string[];
  readonly status: "enabled" | "disabled";
}

/**
 * The endpoints that events of this region may go to: its own, and its copies of those of other regions that opted in, brought up to what
 * those have published. A copy whose opt-in was taken back is deleted: nothing more goes there.
 */
export async function refreshCopies(
  sql: TransactionSql,
  settings: RegionSettings,
  customerId: string,
  known: readonly KnownEndpoint[],
  opted: readonly CrossRegionEndpoint[],
): Promise<readonly KnownEndpoint[]> {
  const own = known.filter((endpoint) => endpoint.home_region === settings.region);
  const copies = new Map(known.filter((one) => one.home_region !== settings.region).map((one) => [one.id, one]));
  const wanted = opted.filter((endpoint) => endpoint.home_region !== settings.region);
  for (const endpoint of wanted) {
    // oxlint-disable-next-line no-await-in-loop -- on one connection, and only when something has changed
    if ((copies.get(endpoint.id)?.version ?? -1) < endpoint.version) await putCopy(sql, settings, endpoint);
  }
  const ids = new Set(wanted.map(({ id }) => id));
  const gone = [...copies.keys()].filter((id) => !ids.has(id));
  if (gone.length > 0)
    await sql`update webhook_endpoints set deleted_at = now(), cross_region = null
      where customer_id = ${customerId} and home_region <> ${settings.region} and id in ${sql(gone)}`;
  const current = wanted.map(({ id, home_region, version, event_types, status }) => {
    // Each region sees for itself whether an endpoint fails.
    const before = copies.get(id);
    return { id, home_region, version, event_types, status: before?.version === version ? before.status : status };
  });
  return [...own, ...current];
}

async function putCopy(sql: TransactionSql, settings: RegionSettings, endpoint: CrossRegionEndpoint): Promise<void> {
  const { customer_id: customerId, id } = endpoint;
  const sealed = endpoint.secrets[settings.region];
  if (sealed === undefined) throw new Error("an endpoint of another region has no secret for this one");
  const secrets = readSecrets(await settings.regionSeals.open(sealed), id);
  await sql`
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
