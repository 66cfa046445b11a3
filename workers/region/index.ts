import { AppError } from "../../schema/errors.ts";
import { forwardedHeader } from "../../schema/forwarded.ts";
import * as apiKeys from "../../schema/http/api-keys.ts";
import * as auditLogs from "../../schema/http/audit-logs.ts";
import * as me from "../../schema/http/me.ts";
import { createCustomerUser } from "../../schema/http/operator.ts";
import * as operations from "../../schema/http/operations.ts";
import * as sessions from "../../schema/http/sessions.ts";
import * as users from "../../schema/http/users.ts";
import { problemResponse } from "../../schema/problem.ts";
import { logFailure } from "../serve/log-failure.ts";
import { createApp, serve } from "../serve/serve.ts";
import { principalOf, readServed } from "../serve/served.ts";
import { keepDeadLetters } from "./audit/dead-letters.ts";
import { runRetention } from "./audit/retention/run.ts";
import { writeAudit } from "./audit/write.ts";
import { once } from "./idempotency/once.ts";
import { handleCreateApiKey } from "./routes/api-keys/create.ts";
import { handleDeleteApiKey } from "./routes/api-keys/delete.ts";
import { handleListApiKeys } from "./routes/api-keys/list.ts";
import { handleRotateApiKey } from "./routes/api-keys/rotate.ts";
import { handleGetCheckpoint, handleProveConsistency } from "./routes/audit-logs/checkpoint.ts";
import { handleExportAuditLogs } from "./routes/audit-logs/export.ts";
import { handleGetAuditLog } from "./routes/audit-logs/get.ts";
import { handleListAuditLogs } from "./routes/audit-logs/list.ts";
import { handleProveAuditLog } from "./routes/audit-logs/prove.ts";
import { handleRecentAuditLogs } from "./routes/audit-logs/recent.ts";
import { handleGetMe } from "./routes/me/get.ts";
import { handleUpdateMe } from "./routes/me/update.ts";
import { handleListAuditDays, handleRestoreAuditDay, handleRunAuditRetention } from "./routes/operations/audit-days.ts";
import {
  handleListDeadLetters,
  handleReplayDeadLetter,
  handleReplayDeadLetters,
} from "./routes/operations/dead-letters.ts";
import { handleRewrapDataKeys } from "./routes/operations/data-keys.ts";
import { handleRegionMetrics } from "./routes/operations/metrics.ts";
import { handleCreateSession } from "./routes/sessions/create.ts";
import { handleDeleteSession, handleDeleteSessions } from "./routes/sessions/delete.ts";
import { handleListSessions } from "./routes/sessions/list.ts";
import { handleRenewSession } from "./routes/sessions/renew.ts";
import { handleCreateCustomerUser, handleCreateUser } from "./routes/users/create.ts";
import { handleDeleteUser } from "./routes/users/delete.ts";
import { handleGetUser } from "./routes/users/get.ts";
import { handleListUsers } from "./routes/users/list.ts";
import { handleUpdateUser } from "./routes/users/update.ts";
import { rewrapDataKeys } from "./sealing/rewrap.ts";
import { settingsOf } from "./settings.ts";
import { proxy } from "./upstream/proxy.ts";

export { AuditLog, Gate, SignInGuard } from "./objects.ts";

const worker = "region";
/** How long a night's work may take, in milliseconds: a cron may run for 15 minutes; the next night goes on. */
const nightlyMs = 600_000;
const app = createApp<RegionEnv>(worker);

app.get("/.well-known/jwks.json", (c) => c.json(settingsOf(c.env).keys.jwks()));

serve(app, worker, sessions.createSession, handleCreateSession);
serve(app, worker, sessions.listSessions, handleListSessions);
serve(app, worker, sessions.deleteSession, handleDeleteSession);
serve(app, worker, sessions.deleteSessions, handleDeleteSessions);
serve(app, worker, sessions.renewSession, handleRenewSession);
serve(app, worker, me.getMe, handleGetMe);
serve(app, worker, me.updateMe, handleUpdateMe);
serve(app, worker, users.createUser, handleCreateUser, once);
serve(app, worker, users.listUsers, handleListUsers);
serve(app, worker, users.getUser, handleGetUser);
serve(app, worker, users.updateUser, handleUpdateUser);
serve(app, worker, users.deleteUser, handleDeleteUser);
serve(app, worker, createCustomerUser, handleCreateCustomerUser);
serve(app, worker, apiKeys.createApiKey, handleCreateApiKey, once);
serve(app, worker, apiKeys.listApiKeys, handleListApiKeys);
serve(app, worker, apiKeys.deleteApiKey, handleDeleteApiKey);
serve(app, worker, apiKeys.rotateApiKey, handleRotateApiKey, once);
serve(app, worker, auditLogs.listAuditLogs, handleListAuditLogs);
serve(app, worker, auditLogs.recentAuditLogs, handleRecentAuditLogs);
serve(app, worker, auditLogs.getCheckpoint, handleGetCheckpoint);
serve(app, worker, auditLogs.proveConsistency, handleProveConsistency);
serve(app, worker, auditLogs.exportAuditLogs, handleExportAuditLogs);
serve(app, worker, auditLogs.getAuditLog, handleGetAuditLog);
serve(app, worker, auditLogs.proveAuditLog, handleProveAuditLog);
serve(app, worker, operations.listDeadLetters, handleListDeadLetters);
serve(app, worker, operations.replayDeadLetter, handleReplayDeadLetter);
serve(app, worker, operations.replayDeadLetters, handleReplayDeadLetters);
serve(app, worker, operations.listAuditDays, handleListAuditDays);
serve(app, worker, operations.runAuditRetention, handleRunAuditRetention);
serve(app, worker, operations.restoreAuditDay, handleRestoreAuditDay);
serve(app, worker, operations.rewrapDataKeys, handleRewrapDataKeys);
serve(app, worker, operations.getMetrics, handleRegionMetrics);

/** A region: its own routes, and the customers' own APIs for every path that is not the platform's. */
export default {
  fetch(request, env, ctx): Response | Promise<Response> {
    const { pathname } = new URL(request.url);
    return isOwn(pathname) ? app.fetch(request, env, ctx) : toUpstream(request, pathname, env, ctx);
  },
  queue(batch, env) {
    return batch.queue.endsWith("-dead") ? keepDeadLetters(batch, env) : writeAudit(batch, env);
  },
  async scheduled(controller, env, ctx) {
    const waitUntil = (promise: Promise<unknown>): void => ctx.waitUntil(promise);
    try {
      await rewrapDataKeys(env, nightlyMs / 4, waitUntil);
      await runRetention(env, controller.scheduledTime, nightlyMs, waitUntil);
    } catch (error) {
      logFailure(error, { worker, requestId: "", operation: "retention" });
      throw error;
    }
  },
} satisfies ExportedHandler<RegionEnv>;

function isOwn(pathname: string): boolean {
  return /^\/(?:v1|operator|\.well-known)(?:\/|$)/.test(pathname);
}

async function toUpstream(request: Request, path: string, env: RegionEnv, ctx: ExecutionContext): Promise<Response> {
  const requestId = request.headers.get(forwardedHeader.requestId) ?? "";
  try {
    const served = readServed(request, new Uint8Array(), (promise) => ctx.waitUntil(promise));
    return await proxy(request, principalOf(served), served, env);
  } catch (error) {
    if (!(error instanceof AppError)) logFailure(error, { worker, requestId, operation: "proxy" });
    return problemResponse(error, { requestId, path });
  }
}
