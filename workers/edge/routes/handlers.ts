import type { operationRoutes } from "../../../schema/http/operations.ts";
import type { platformRoutes } from "../../../schema/http/platform.ts";
import { handleMetrics } from "./metrics.ts";
import type { EdgeHandler } from "./handler.ts";
import { handleHealth, handleJwks, handleOpenApi } from "./platform.ts";
import { handleSignIn } from "./sign-in.ts";

type OwnRoute = Extract<(typeof platformRoutes)[number] | (typeof operationRoutes)[number], { servedBy: "edge" }>;

/** The operations that the edge answers itself, and the sign-in, whose home it has to find. */
const handlers: Readonly<Record<OwnRoute["operationId"] | "createSession", EdgeHandler>> = {
  getHealth: handleHealth,
  getOpenApi: handleOpenApi,
  getJwks: handleJwks,
  getMetrics: handleMetrics,
  createSession: handleSignIn,
};

/** The edge's handler of an operation; undefined for one that a region or global serves. */
export function handlerOf(operationId: string): EdgeHandler | undefined {
  return (handlers as Readonly<Record<string, EdgeHandler | undefined>>)[operationId];
}
