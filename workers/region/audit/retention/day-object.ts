import { createHash } from "node:crypto";
import type postgres from "postgres";
import { verifyExport } from "../../../../durable-objects/audit-log/verify/verify-export.ts";
import { exportLineSchema, type ExportLine, type ExportRecord } from "../../../../schema/audit/export.ts";
import { settingsOf } from "../../settings.ts";
import { signNow, verifierKeyOf } from "../checkpoints.ts";
import { exportLines } from "../export-lines.ts";
import { boundsOfDay } from "./days.ts";
import { putStream } from "./put-stream.ts";

/** An object that is in the bucket and was read back whole. */
export interface StoredDay {
  readonly records: number;
  /** Of the compressed bytes, hexadecimal. */
  readonly sha256: string;
}

/** Writes a customer's day into the bucket, with proofs, sealed as it is, and reads it back. Throws if it is not whole there. */
export async function storeDay(
  env: RegionEnv,
  sql: postgres.TransactionSql,
  { customerId, day, key }: { readonly customerId: string; readonly day: string; readonly key: string },
): Promise<StoredDay> {
  const [from, to] = boundsOfDay(day);
  const { region } = settingsOf(env);
  const checkpoint = await signNow(env, customerId);
  const selection = { customerId, region, from, to, complete: false, checkpoint, wrapping: null };
  const digest = createHash("sha256");
  const noted = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, stream) => {
      digest.update(chunk);
      stream.enqueue(chunk);
    },
  });
  const compressed = streamOf(exportLines(sql, selection))
    .pipeThrough(new CompressionStream("gzip"))
    .pipeThrough(noted);
  await putStream(env.BUCKET, key, compressed);
  const sha256 = digest.digest("hex");
  return { sha256, records: await readBack(env, customerId, key, sha256) };
}

/** Reads an object whole: the same bytes as were written, every record proven. Returns how many. */
export async function readBack(env: RegionEnv, customerId: string, key: string, sha256: string): Promise<number> {
  const { lines, digest } = await openObject(env, key);
  const keys = [await verifierKeyOf(env, customerId)];
  const { records, findings } = await verifyExport(lines, { keys, checkpoints: [] });
  const [finding] = findings;
  if (finding !== undefined) throw new Error(`an object of the audit log is not whole: ${finding.kind}`);
  if (digest() !== sha256) throw new Error("an object of the audit log has other bytes than were written");
  return records;
}

/** The records of an object, in the order of the tree. */
export async function* recordsIn(env: RegionEnv, key: string): AsyncGenerator<ExportRecord> {
  const { lines } = await openObject(env, key);
  for await (const line of lines) {
    const parsed = exportLineSchema.parse(JSON.parse(line));
    if (parsed.type === "record") yield parsed;
  }
}

async function openObject(env: RegionEnv, key: string) {
  const object = await env.BUCKET.get(key);
  if (object === null) throw new Error("an object of the audit log is missing");
  const digest = createHash("sha256");
  const noted = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, stream) => {
      digest.update(chunk);
      stream.enqueue(chunk);
    },
  });
  const text = object.body
    .pipeThrough(noted)
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(new TextDecoderStream());
  return { lines: linesOf(text), digest: () => digest.digest("hex") };
}

function streamOf(lines: AsyncGenerator<ExportLine>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await lines.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
    },
    async cancel() {
      await lines.return(undefined);
    },
  });
}

async function* linesOf(stream: ReadableStream<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
