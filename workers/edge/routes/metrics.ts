import { z } from "zod";
import type { Actor } from "../../../schema/forwarded.ts";
import { formatMetrics, type Metric } from "../../../schema/metrics.ts";
import { regionNames, type Region } from "../../../schema/regions.ts";
import { forward } from "../stages/forward.ts";
import type { Passage } from "../stages/passage.ts";

const metricsSchema = z.array(
  z.object({
    name: z.string(),
    help: z.string(),
    type: z.enum(["gauge", "counter"]),
    samples: z.array(z.object({ labels: z.record(z.string(), z.string()), value: z.number() })),
  }),
);

/** `GET /operator/v1/metrics`: what every region says of itself, and the queues as the edge sees them. */
export async function handleMetrics(passage: Passage, actor: Actor): Promise<Response> {
  const parts = await Promise.all(
    regionNames.flatMap((region) => [ofRegion(passage, actor, region), ofQueue(passage, region)]),
  );
  const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
  return new Response(formatMetrics(parts.flat()), { headers });
}

/** A region that does not answer is down, and the others are still shown. */
async function ofRegion(passage: Passage, actor: Actor, region: Region): Promise<Metric[]> {
  try {
    const response = await forward(passage.edge.workers[region], passage, { actor });
    if (!response.ok) return [up(region, 0)];
    return [up(region, 1), ...metricsSchema.parse(await response.json())];
  } catch {
    return [up(region, 0)];
  }
}

async function ofQueue({ edge }: Passage, region: Region): Promise<Metric[]> {
  try {
    const { backlogCount, backlogBytes, oldestMessageTimestamp } = await edge.auditQueues[region].metrics();
    const oldest = oldestMessageTimestamp?.getTime() ?? 0;
    const age = backlogCount > 0 && oldest > 0 ? Math.max(0, Date.now() - oldest) / 1000 : 0;
    return [
      gauge("domicile_audit_queue_depth", "Messages that wait in the audit queue.", region, backlogCount),
      gauge("domicile_audit_queue_bytes", "Their bytes.", region, backlogBytes),
      gauge("domicile_audit_queue_oldest_seconds", "Age of the oldest of them.", region, age),
    ];
  } catch {
    return [gauge("domicile_queue_up", "Whether a queue answers.", region, 0)];
  }
}

function up(region: Region, value: number): Metric {
  return gauge("domicile_region_up", "Whether a region answers.", region, value);
}

function gauge(name: string, help: string, region: Region, value: number): Metric {
  return { name, help, type: "gauge", samples: [{ labels: { region }, value }] };
}
