import { z } from "zod";
import { idSchema } from "../ids.ts";
import { regionSchema } from "../regions.ts";

/** An endpoint that opted in to events of other regions, as its home publishes it. Secrets are a compact JWE for each other region. */
export const crossRegionEndpointSchema = z.strictObject({
  id: idSchema("webhookEndpoint"),
  customer_id: idSchema("customer"),
  home_region: regionSchema,
  version: z.int(),
  url: z.string(),
  event_types: z.array(z.string()),
  status: z.enum(["enabled", "disabled"]),
  ordering: z.enum(["none", "fifo"]),
  rate_per_second: z.int().nullable(),
  signing: z.enum(["v1", "v1a"]),
  public_key_id: z.string().nullable(),
  cross_region: z.strictObject({ legal_basis: z.string(), opted_in_at: z.string() }),
  created_at: z.string(),
  secrets: z.partialRecord(regionSchema, z.string()),
});

/** An endpoint that opted in to events of other regions. */
export type CrossRegionEndpoint = z.infer<typeof crossRegionEndpointSchema>;

/** What is published under an endpoint's id: the endpoint, or that it was taken back (null). The higher version is the truer one. */
export interface PublishedEndpoint {
  readonly id: string;
  readonly version: number;
  readonly endpoint: CrossRegionEndpoint | null;
}
