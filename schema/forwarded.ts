import { z } from "zod";
import { principalSchema, type Principal } from "./principal.ts";

/**
 * Headers that the edge sets on the way to a region or to global, over a private service binding. Whatever a client
 * sends under `Domicile-` is removed before, so a Worker that has no public route may believe them.
 */
export const forwardedHeader = {
  /** `Principal` or operator as JSON; absent for a public route. */
  actor: "domicile-actor",
  requestId: "domicile-request-id",
  /** ISO 3166-1 alpha-2, absent when unknown. */
  country: "domicile-country",
  /** The client's IP address, for guess limiting. Personal: never logged. */
  clientAddress: "domicile-client-address",
  /** The customer that the directory named at sign-in; absent when it named none. */
  customer: "domicile-customer",
  /** The places in the client's batch of the events in this part of it, as `0,3,7`; absent when the batch was not divided. */
  positions: "domicile-positions",
} as const;

/** On the way back: the id of what was created, for the audit log. The edge takes it off. */
export const resourceHeader = "domicile-resource";

/** On the way back: the id of the audit record that was made before the answer, so that the edge makes none. The edge takes it off. */
export const recordedHeader = "domicile-recorded";

/** Who stands behind a forwarded request. */
export type Actor = Principal | { readonly type: "operator"; readonly id: string };

const actorSchema = z.union([principalSchema, z.object({ type: z.literal("operator"), id: z.string() })]);

/** Writes an actor for `forwardedHeader.actor`. ASCII, as all ids are. */
export function formatActor(actor: Actor): string {
  return JSON.stringify(actor);
}

/** Reads `forwardedHeader.actor`; throws on anything that `formatActor` did not write. */
export function parseActor(text: string): Actor {
  return actorSchema.parse(JSON.parse(text));
}
