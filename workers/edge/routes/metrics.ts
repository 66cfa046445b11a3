import { z } from "zod";
import type { Caller } from "../../../schema/forwarded.ts";
import { formatMetrics, type Metric } from "../../../schema/metrics.ts";
import { regionNames, type Region } from "../../../schema/regions.ts";
import { authenticateOperator } from "../request/authenticate-operator.ts";
import { refuseForeignPage } from "../request/csrf.ts";
import { forward } from "../request/forward.ts";
import type { ClientRequest } from "../request/read-request.ts";
import type { Edge } from "../settings.ts";
import type { EdgeHandler } from "./handler.ts";
import { recordOperation } from "./record-operation.ts";

const metricsSchema = z.array(
  z.object({
    name: z.string(),
    help: z.string(),
    type: z.enum(["gauge", "counter"]),
    samples: z.array(z.object({ labels: z.record(z.string(), z.string()), value: z.number() })),
  }),
);

/** `GET /operator/v1/metrics`: what every region measures, and its queue as the edge sees it. One call to each of them. */
export const handleMetrics: EdgeHandler = async (request, match, edge, waitUntil) => {
  refuseForeignPage(request.raw, request.url.origin);
  const id = await authenticateOperator(request.raw, edge);
  const parts = await Promise.all(
    regionNames.flatMap((region) => [ofRegion(request, { kind: "operator", id }, region, edge), ofQueue(region, edge)]),
  );
  const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
  const response = new Response(formatMetrics(parts.flat()), { headers });
  return { kind: "own", response: await recordOperation(response, id, request, match, edge, waitUntil) };
};

/** A region that does not respond is down, and the others are still shown. */
async function ofRegion(request: ClientRequest, caller: Caller, region: Region, edge: Edge): Promise<Metric[]> {
  try {
    const response = await forward(edge.regions[region], request, { caller, userHomes: null, body: null });
    if (!response.ok) return [up(region, 0)];
    return [up(region, 1), ...metricsSchema.parse(await response.json())];
  } catch {
    return [up(region, 0)];
  }
}

async function ofQueue(region: Region, edge: Edge): Promise<Metric[]> {
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
