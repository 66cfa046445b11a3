import { z } from "zod";
import { route } from "./route.ts";

/** The caller's buckets after this request. Served from the Gate's decision about this request. */
export const getLimits = route({
  method: "GET",
  path: "/v1/limits",
  operationId: "getLimits",
  summary: "Own rate limits",
  tag: "limits",
  access: { who: "principal", role: "viewer", scope: "anyKey" },
  servedBy: "region",
  action: "limits.read",
  resource: "limits",
  answers: {
    200: {
      description: "No policies when the tier is unlimited.",
      schema: z
        .object({
          tier: z.string(),
          policies: z.array(
            z.object({
              name: z.string(),
              quota: z.int(),
              window_seconds: z.int(),
              remaining: z.int(),
              reset_seconds: z.int(),
            }),
          ),
          usage: z.int().meta({ description: "Requests counted for this principal so far." }),
        })
        .meta({ id: "Limits" }),
    },
  },
});

/** Every route of the noun. */
export const limitRoutes = [getLimits] as const;
