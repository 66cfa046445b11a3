import type { CrossRegionEndpoint, PublishedEndpoint } from "../../../schema/webhooks/cross-region.ts";
import type { TransactionSql } from "../database.ts";
import type { RegionSettings } from "../settings.ts";
import type { Region } from "../../../schema/regions.ts";
import { readSecrets, sealSecret, type CarriedSecret } from "./secrets.ts";

/**
 * Brings the region's copies of endpoints of other regions up to what those have published. Only a higher version changes a copy: what this
 * isolate remembers of global may be older than what another has seen. Returns whether every copy could be opened.
 */
export async function refreshCopies(
  sql: TransactionSql,
  settings: RegionSettings,
  customerId: string,
  published: readonly PublishedEndpoint[],
): Promise<boolean> {
  const { region } = settings;
  const copies = await sql<{ id: string; version: number }[]>`
    select id, version from webhook_endpoints where customer_id = ${customerId} and home_region <> ${region}`;
  const versions = new Map(copies.map(({ id, version }) => [id, version]));
  let complete = true;
  for (const { id, version, endpoint } of published) {
    if (version <= (versions.get(id) ?? -1) || endpoint?.home_region === region) continue;
    // oxlint-disable no-await-in-loop -- on one connection, and only when something has changed
    if (endpoint === null) await deleteCopy(sql, region, customerId, id, version);
    else if (!(await tryCopy(sql, settings, endpoint))) complete = false;
    // oxlint-enable no-await-in-loop
  }
  return complete;
}

/** Takes a copy, if there is one, out of use: nothing more goes there. */
async function deleteCopy(
  sql: TransactionSql,
  region: Region,
  customerId: string,
  id: string,
  version: number,
): Promise<void> {
  await sql`
    update webhook_endpoints set deleted_at = now(), cross_region = null, version = ${version}
      where customer_id = ${customerId} and id = ${id} and home_region <> ${region} and version < ${version}`;
}

/** Brings a copy up to date. One that cannot be opened here (sealed to a key that is gone) stays as it was; returns whether it could be. */
async function tryCopy(sql: TransactionSql, settings: RegionSettings, endpoint: CrossRegionEndpoint): Promise<boolean> {
  const secrets = await openSecrets(settings, endpoint);
  if (secrets === null) return false;
  await putCopy(sql, settings, endpoint, secrets);
  return true;
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
