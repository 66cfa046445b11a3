import type postgres from "postgres";
import type { CrossRegionEndpoint } from "../../../schema/webhooks/cross-region.ts";
import type { Region } from "../../../schema/regions.ts";
import { withClient } from "../../serve/database.ts";
import type { Invocation } from "../../serve/invocation.ts";
import { settingsOf, type RegionSettings } from "../settings.ts";
import { openSecret, writeSecrets } from "./secrets.ts";
import { webhookConfig } from "./webhook-config.ts";

/** Endpoints published at once. */
const batchRows = 50;

interface Row {
  readonly customer_id: string;
  readonly id: string;
  readonly home_region: Region;
  readonly version: number;
  readonly url: string;
  readonly event_types: string[];
  readonly status: "enabled" | "disabled";
  readonly ordering: "none" | "fifo";
  readonly rate_per_second: number | null;
  readonly signing: "v1" | "v1a";
  readonly public_key_id: string | null;
  readonly cross_region: CrossRegionEndpoint["cross_region"] | null;
  readonly created_at: string;
  readonly deleted: boolean;
  readonly secrets: readonly { number: number; sealed: string; created_at: string; expires_at: string | null }[];
}

/**
 * Tells global of endpoints that opted in to events of other regions and have changed since, and takes back those that no longer do; one of them,
 * or all that wait. What cannot be told now stays marked and is told by the next sweep.
 */
export function publishChanges(env: RegionEnv, invocation: Invocation, only: string | null = null): Promise<void> {
  const settings = settingsOf(env);
  return withClient(
    env.DB_WEBHOOKS,
    async (sql) => {
      const rows = await unpublished(sql, settings.region, only);
      const outcomes = await Promise.allSettled(rows.map((row) => publish(sql, env, settings, row)));
      for (const [at, outcome] of outcomes.entries()) {
        if (outcome.status === "fulfilled") continue;
        // One that cannot be published keeps no other from it; it comes again with the next sweep.
        const name = outcome.reason instanceof Error ? outcome.reason.name : typeof outcome.reason;
        const endpoint = rows[at]?.id;
        console.error(JSON.stringify({ level: "error", event: "endpoint.not_published", endpoint, error: name }));
      }
    },
    invocation,
  );
}

/** Marks every endpoint that opted in to be published again by the sweeper: its secrets are then sealed to the keys, and for the regions, of now. */
export async function publishAnew(env: RegionEnv, invocation: Invocation): Promise<void> {
  const { region } = settingsOf(env);
  await withClient(
    env.DB_WEBHOOKS,
    (sql) => sql`update webhook_endpoints set published_version = 0
      where cross_region is not null and home_region = ${region} and deleted_at is null`,
    invocation,
  );
}

async function publish(sql: postgres.Sql, env: RegionEnv, settings: RegionSettings, row: Row): Promise<void> {
  const { customer_id: customerId, id, version } = row;
  const endpoint = row.deleted || row.cross_region === null ? null : await published(settings, row, row.cross_region);
  await webhookConfig(env).publish(customerId, id, version, endpoint);
  await sql`update webhook_endpoints set published_version = ${version}
    where customer_id = ${customerId} and id = ${id} and coalesce(published_version, -1) < ${version}`;
}

function unpublished(sql: postgres.Sql, region: Region, only: string | null): Promise<Row[]> {
  return sql<Row[]>`
    select e.customer_id, e.id, e.home_region, e.version, e.url, to_json(e.event_types) as event_types, e.status, e.ordering, e.rate_per_second,
        e.signing, e.public_key_id, e.cross_region, e.created_at, e.deleted_at is not null as deleted,
        (select coalesce(json_agg(json_build_object('number', s.number, 'sealed', encode(s.sealed, 'base64'), 'created_at', s.created_at,
            'expires_at', s.expires_at)), '[]')
          from webhook_secrets s where s.customer_id = e.customer_id and s.endpoint_id = e.id) as secrets
      from webhook_endpoints e
      where published_version is distinct from version and (cross_region is not null or published_version is not null)
        and home_region = ${region} and ${only === null ? sql`true` : sql`e.id = ${only}`}
      -- First what was taken back; the rest in turns, so that those that fail do not stand in front for ever.
      order by (e.deleted_at is null and e.cross_region is not null), random() limit ${batchRows}`;
}

async function published(
  settings: RegionSettings,
  row: Row,
  crossRegion: CrossRegionEndpoint["cross_region"],
): Promise<CrossRegionEndpoint> {
  const { customer_id: customerId, id: endpointId } = row;
  const secrets = await Promise.all(
    row.secrets.map(async ({ number, sealed, created_at, expires_at }) => ({
      number,
      keys: await openSecret(settings.dataKeys, { customerId, endpointId, number }, Buffer.from(sealed, "base64")),
      created_at: Date.parse(created_at),
      expires_at: expires_at === null ? null : Date.parse(expires_at),
    })),
  );
  const { id, home_region, version, url, event_types, status, ordering, rate_per_second, signing, public_key_id } = row;
  return {
    id,
    customer_id: customerId,
    home_region,
    version,
    url,
    event_types,
    status,
    ordering,
    rate_per_second,
    signing,
    public_key_id,
    cross_region: crossRegion,
    created_at: new Date(row.created_at).toISOString(),
    secrets: await settings.regionSeals.sealToOthers(writeSecrets(endpointId, secrets)),
  };
}
