import type { getMetrics } from "../../../../schema/http/operations.ts";
import type { Metric } from "../../../../schema/metrics.ts";
import { withClient } from "../../../serve/database.ts";
import type { Invocation } from "../../../serve/invocation.ts";
import type { Handler } from "../../../serve/serve.ts";
import { auditLogOf } from "../../audit/log-of.ts";
import { settingsOf } from "../../settings.ts";

/** The numbers of this region, for the edge to put together. What cannot be had now is left out, and `_up` says so. */
export const handleRegionMetrics: Handler<typeof getMetrics, RegionEnv> = async (_input, served, env) => {
  const { region } = settingsOf(env);
  const parts = await Promise.allSettled([
    ofDatabase(env, served.invocation),
    ofLogs(env),
    ofDeadQueue(env),
    ofWebhooks(env, served.invocation),
  ]);
  const metrics = parts.flatMap((part) => (part.status === "fulfilled" ? part.value : []));
  const names = ["postgres", "audit_log", "dead_letter_queue", "webhooks"];
  const up = parts.map((part, at) => {
    return { labels: { region, part: names[at] ?? "" }, value: part.status === "fulfilled" ? 1 : 0 };
  });
  const reached: Metric = {
    name: "domicile_up",
    help: "Whether a part of a region answers.",
    type: "gauge",
    samples: up,
  };
  return { status: 200, body: [reached, ...metrics] };
};

async function ofDatabase(env: RegionEnv, invocation: Invocation): Promise<Metric[]> {
  const { region } = settingsOf(env);
  const [row] = await withClient(
    env.DB_AUDIT,
    (sql) => sql<{ waiting: string; oldest: string | null; partitions: string }[]>`
      select count(*) filter (where replayed_at is null) as waiting,
          extract(epoch from now() - min(received_at) filter (where replayed_at is null)) as oldest,
          (select count(*) from pg_catalog.pg_class where relkind = 'r' and relname like 'audit_day_%'
            and to_date(right(relname::text, 8), 'YYYYMMDD') > (now() at time zone 'utc')::date) as partitions
        from dead_letters`,
    invocation,
  );
  return [
    gauge(
      "domicile_dead_letters",
      "Messages that no consumer could take and nobody has replayed.",
      region,
      row?.waiting,
    ),
    gauge("domicile_dead_letter_oldest_seconds", "Age of the oldest of them.", region, row?.oldest ?? 0),
    gauge("domicile_audit_partitions_ahead", "Days after today that have a partition.", region, row?.partitions),
  ];
}

async function ofLogs(env: RegionEnv): Promise<Metric[]> {
  const { region, auditShards } = settingsOf(env);
  const shards = Array.from({ length: auditShards }, (_, shard) => auditLogOf(env, shard).stats());
  const stats = await Promise.all(shards);
  const lags = stats.flatMap(({ lagMs }) => (lagMs === null ? [] : [lagMs]));
  const sum = (of: (one: (typeof stats)[number]) => number): number => stats.reduce((total, one) => total + of(one), 0);
  return [
    gauge(
      "domicile_audit_outbox",
      "Messages that the queue did not take and that wait to be written.",
      region,
      sum((one) => one.outbox),
    ),
    gauge(
      "domicile_audit_unsigned_logs",
      "Customers whose log has grown since it was signed.",
      region,
      sum((one) => one.unsigned),
    ),
    gauge(
      "domicile_audit_write_lag_seconds",
      "From the request to its record, in the last write.",
      region,
      lags.length === 0 ? 0 : Math.max(...lags) / 1000,
    ),
    {
      ...gauge(
        "domicile_audit_records_total",
        "Records written since the log woke.",
        region,
        sum((one) => one.entries),
      ),
      type: "counter",
    },
  ];
}

async function ofDeadQueue(env: RegionEnv): Promise<Metric[]> {
  const { region } = settingsOf(env);
  const queues = await Promise.all([env.AUDIT_DEAD.metrics(), env.WEBHOOKS_DEAD.metrics()]);
  const backlogCount = queues.reduce((sum, queue) => sum + queue.backlogCount, 0);
  const waiting = queues.filter((queue) => queue.backlogCount > 0);
  const oldest = Math.min(...waiting.map((queue) => queue.oldestMessageTimestamp?.getTime() ?? Infinity));
  const age = oldest === Infinity ? 0 : Math.max(0, Date.now() - oldest) / 1000;
  return [
    gauge("domicile_dead_letter_queue_depth", "Dead letters that are not stored yet.", region, backlogCount),
    gauge("domicile_dead_letter_queue_oldest_seconds", "Age of the oldest of them.", region, age),
  ];
}

/** For how long back delivery latency is looked at, in minutes. */
const latencyMinutes = 5;

async function ofWebhooks(env: RegionEnv, invocation: Invocation): Promise<Metric[]> {
  const { region } = settingsOf(env);
  const [{ backlogCount }, [row]] = await Promise.all([
    env.WEBHOOKS.metrics(),
    withClient(
      env.DB_WEBHOOKS,
      (sql) => sql<
        { dead: string; pending: string; oldest: string | null; disabled: string; p50: number; p99: number }[]
      >`
        select (select count(*) from deliveries where status = 'dead_letter') as dead, d.*, l.*,
            (select count(*) from webhook_endpoints where status = 'disabled' and deleted_at is null) as disabled
          from (select count(*) as pending, extract(epoch from now() - min(created_at)) as oldest from deliveries where status = 'pending') d,
            (select percentile_cont(0.5) within group (order by took) as p50, percentile_cont(0.99) within group (order by took) as p99
              from (select extract(epoch from delivered_at - created_at) as took from deliveries
                where delivered_at > now() - make_interval(mins => ${latencyMinutes})) recent) l`,
      invocation,
    ),
  ]);
  const latency = (quantile: string, value: number | undefined) => ({
    labels: { region, quantile },
    value: value ?? 0,
  });
  return [
    gauge("domicile_webhook_queue_depth", "Messages that wait in the webhook queue.", region, backlogCount),
    gauge("domicile_webhook_pending", "Deliveries that are not made and not parked.", region, row?.pending),
    gauge("domicile_webhook_pending_oldest_seconds", "Age of the oldest of them.", region, row?.oldest ?? 0),
    gauge("domicile_webhook_dead_letters", "Deliveries that are parked.", region, row?.dead),
    gauge("domicile_webhook_endpoints_disabled", "Endpoints that get nothing.", region, row?.disabled),
    {
      name: "domicile_webhook_delivery_latency_seconds",
      help: "From acceptance to delivery, of the last five minutes.",
      type: "gauge",
      samples: [latency("0.5", row?.p50), latency("0.99", row?.p99)],
    },
  ];
}

function gauge(name: string, help: string, region: string, value: string | number | undefined): Metric {
  return { name, help, type: "gauge", samples: [{ labels: { region }, value: Number(value ?? 0) }] };
}
