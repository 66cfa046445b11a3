import { z } from "zod";
import { route } from "./route.ts";

const base = { access: { who: "public" }, servedBy: "edge", tag: "platform", resource: "platform" } as const;

/** Whether the edge is up. */
export const getHealth = route({
  ...base,
  method: "GET",
  path: "/healthz",
  operationId: "getHealth",
  summary: "Health of the edge",
  action: "health.read",
  answers: { 200: { description: "Up.", schema: z.object({ status: z.literal("ok") }).meta({ id: "Health" }) } },
});

/** This contract as OpenAPI 3.1. */
export const getOpenApi = route({
  ...base,
  method: "GET",
  path: "/openapi.json",
  operationId: "getOpenApi",
  summary: "This document",
  action: "openapi.read",
  answers: {
    200: { description: "OpenAPI 3.1.", schema: z.looseObject({ openapi: z.string() }).meta({ id: "OpenApi" }) },
  },
});

/** The public session and identity keys of every region (RFC 7517). */
export const getJwks = route({
  ...base,
  method: "GET",
  path: "/.well-known/jwks.json",
  operationId: "getJwks",
  summary: "Public keys of every region",
  action: "jwks.read",
  answers: {
    200: {
      description: "A JWK set.",
      schema: z.object({ keys: z.array(z.looseObject({ kid: z.string() })) }).meta({ id: "Jwks" }),
    },
  },
});

/** Every route of the noun. */
export const platformRoutes = [getHealth, getOpenApi, getJwks] as const;
