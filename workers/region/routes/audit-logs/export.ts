import type { exportAuditLogs } from "../../../../schema/http/audit-logs.ts";
import type { Invocation } from "../../../serve/invocation.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { signNow } from "../../audit/checkpoints.ts";
import { exportLines, type ExportSelection } from "../../audit/export-lines.ts";
import { asReader } from "../../audit/read.ts";
import { settingsOf } from "../../settings.ts";

/** Bytes that are written at once. */
const chunkBytes = 32_768;

/** Streams the log, or the part of it between two times, with its proofs. Nothing is read faster than the client takes it. */
export const handleExportAuditLogs: Handler<typeof exportAuditLogs, RegionEnv> = async ({ query }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const { region, audit } = settingsOf(env);
  const selection: ExportSelection = {
    customerId,
    region,
    from: query.from === undefined ? null : Date.parse(query.from),
    to: query.to === undefined ? null : Date.parse(query.to),
    complete: true,
    checkpoint: await signNow(env, customerId),
    wrapping: audit,
  };
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const written = write(env, selection, writable, served.invocation).catch(async (error: unknown) => {
    // The client has gone, or the database has: it makes no difference to whoever reads the file.
    const name = error instanceof Error ? error.name : typeof error;
    console.warn(JSON.stringify({ level: "warn", event: "export.cut_off", requestId: served.requestId, error: name }));
    // Without its footer the file says of itself that it was cut off.
    await writable.abort(error).catch(() => undefined);
  });
  served.invocation.waitUntil(written);
  const name = `audit-${region}-${new Date().toISOString().slice(0, 10)}.ndjson`;
  const headers = { "content-type": "application/x-ndjson", "content-disposition": `attachment; filename="${name}"` };
  return { status: 200, stream: readable, headers };
};

async function write(
  env: RegionEnv,
  selection: ExportSelection,
  writable: WritableStream<Uint8Array>,
  invocation: Invocation,
): Promise<void> {
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  let text = "";
  const flush = async (): Promise<void> => {
    await writer.write(encoder.encode(text));
    text = "";
  };
  try {
    await asReader(env.DB, selection.customerId, invocation, async (sql) => {
      for await (const line of exportLines(sql, selection)) {
        text += `${JSON.stringify(line)}\n`;
        if (text.length >= chunkBytes) await flush();
      }
    });
    await flush();
    await writer.close();
  } finally {
    writer.releaseLock();
  }
}
