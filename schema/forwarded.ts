import { z } from "zod";
import { principalSchema, type Principal } from "./principal.ts";
import { regionSchema } from "./regions.ts";

/**
 * Headers of a request between Workers, over private service bindings. A client cannot set them: the edge drops every
 * `Domicile-*` header that a client sends, and regions and global have no public route.
 */
export const forwardedHeader = {
  /** `Caller` as JSON: who the request is from and what proves it. The credential itself stays at the edge. */
  caller: "domicile-caller",
  requestId: "domicile-request-id",
  /** ISO 3166-1 alpha-2; absent when unknown. */
  country: "domicile-country",
  /** The client's IP address. Personal: for guess limits, the upstream and the audit record, never for a log. */
  clientAddress: "domicile-client-address",
  /** `UserHomes` as JSON: what the login directory returned for the user ids that the request names. */
  userHomes: "domicile-user-homes",
  /** The places in the client's batch of the events in this part of it, as `0,3,7`; absent where the batch was not divided. */
  positions: "domicile-positions",
} as const;

/** Headers of a response between Workers. The edge removes all of them. */
export const returnedHeader = {
  /**
   * "1": the region has recorded the request, or the request changed nothing. A response with a status of 500 or more
   * that lacks it may hide a change that no one recorded.
   */
  settled: "domicile-settled",
  /** The id of what was created, for the audit record. */
  resource: "domicile-resource",
  /** The id of an audit record that was written before the response: no other is made. */
  recorded: "domicile-recorded",
  /** The customer of the API key that the request came with: the edge cannot read it from the key. */
  customer: "domicile-customer",
  /** The Gate's refusal of this request, as JSON, for the edge to remember. */
  refusal: "domicile-refusal",
  /** From global: the customer that an operator's request was about and its default region, as `cus_…/eu`. */
  concerns: "domicile-concerns",
} as const;

/** What the edge asks of a region for itself, without a caller. */
export const edgeUrl = {
  /** GET: the region's public keys. */
  keys: "https://region.internal/.well-known/jwks.json",
  /** POST: requests that the edge refused from memory, as a `RefusalReport`. */
  refusals: "https://region.internal/refusals",
} as const;

const id = z.string().min(1).max(128);
const nullableCountry = z.string().length(2).nullable();

/** A signed session token, verified by the edge. `country`: where the session was started, null when unknown. */
const sessionCallerSchema = z.strictObject({
  kind: z.literal("session"),
  id,
  session_id: id,
  customer_id: id,
  country: nullableCountry,
});

/** An API key whose keyed checksum the edge has verified. */
const apiKeyCallerSchema = z.strictObject({ kind: z.literal("api_key"), id, secret_hash: id });

/** A sign-in: what the login directory has for the address, null for an unknown one. */
const guestCallerSchema = z.strictObject({
  kind: z.literal("guest"),
  login: z.strictObject({ customer_id: id, user_id: id }).nullable(),
});

/** An operator, authenticated by the edge. */
const operatorCallerSchema = z.strictObject({ kind: z.literal("operator"), id: z.string() });

const actorSchema = z.union([principalSchema, z.strictObject({ type: z.literal("operator"), id: z.string() })]);

/** From a peer region, which has admitted the actor and records the request. */
const admittedCallerSchema = z.strictObject({ kind: z.literal("admitted"), actor: actorSchema });

const callerSchema = z.discriminatedUnion("kind", [
  sessionCallerSchema,
  apiKeyCallerSchema,
  guestCallerSchema,
  operatorCallerSchema,
  admittedCallerSchema,
]);

/** Who a forwarded request is from. `id` is the principal's id. */
export type Caller = z.infer<typeof callerSchema>;

/** A caller whose proof the home region's Gate has to confirm. */
export type ClaimedCaller = Extract<Caller, { kind: "session" | "api_key" }>;

const userHomesSchema = z.record(z.string(), z.strictObject({ customer_id: id, region: regionSchema }));

/** Where users are at home, by user id. An id that is not in it is not in the login directory. */
export type UserHomes = z.infer<typeof userHomesSchema>;

/** Who a handler acts for. */
export type Actor = Principal | { readonly type: "operator"; readonly id: string };

/** The facts of a forwarded request. */
export interface Forwarded {
  readonly requestId: string;
  readonly caller: Caller;
  /** ISO 3166-1 alpha-2, null when unknown. */
  readonly country: string | null;
  /** Personal. */
  readonly clientAddress: string;
  /** Null: the edge did not look, or the directory could not be reached. */
  readonly userHomes: UserHomes | null;
  /** The places in the client's batch of the events in this part of it; null where the batch was not divided. */
  readonly positions: readonly number[] | null;
}

/** Writes the facts of a request into `headers`. ASCII only, because all ids are. */
export function writeForwarded(headers: Headers, forwarded: Forwarded): void {
  headers.set(forwardedHeader.requestId, forwarded.requestId);
  headers.set(forwardedHeader.caller, JSON.stringify(forwarded.caller));
  headers.set(forwardedHeader.clientAddress, forwarded.clientAddress);
  if (forwarded.country !== null) headers.set(forwardedHeader.country, forwarded.country);
  if (forwarded.positions !== null) headers.set(forwardedHeader.positions, forwarded.positions.join(","));
  if (forwarded.userHomes !== null) headers.set(forwardedHeader.userHomes, JSON.stringify(forwarded.userHomes));
}

/** Reads what `writeForwarded` wrote; throws for anything else. */
export function readForwarded(headers: Headers): Forwarded {
  const userHomes = headers.get(forwardedHeader.userHomes);
  return {
    requestId: id.parse(headers.get(forwardedHeader.requestId)),
    caller: callerSchema.parse(JSON.parse(headers.get(forwardedHeader.caller) ?? "null")),
    country: nullableCountry.parse(headers.get(forwardedHeader.country)),
    clientAddress: headers.get(forwardedHeader.clientAddress) ?? "",
    positions: headers.get(forwardedHeader.positions)?.split(",").map(Number) ?? null,
    userHomes: userHomes === null ? null : userHomesSchema.parse(JSON.parse(userHomes)),
  };
}
