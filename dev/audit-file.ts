import { createReadStream, readFileSync, statSync } from "node:fs";
import { pipeline, type Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { createGunzip } from "node:zlib";

/** What a file of the audit log is, by its beginning; `unusable`: why it cannot be checked, and what to do. */
export type FileKind =
  | { readonly kind: "export" }
  | { readonly kind: "checkpoint" }
  | { readonly kind: "unusable"; readonly reason: string };

/** How much of a file is read to recognise it, in characters. */
const beginning = 64 * 1024;
const lineTypes = new Set<unknown>(["header", "record", "leaf", "footer"]);
const notOurs =
  "It is neither an export of the audit log nor a checkpoint. Give a file as GET /v1/audit-logs/export or …/checkpoint returned it.";

/** Recognises a file. Does not reject: a file that cannot be read is `unusable`. */
export async function kindOf(file: string): Promise<FileKind> {
  try {
    if (statSync(file).isDirectory()) return unusable("It is a directory. Give the files in it.");
    const text = (await readBeginning(file)).trimStart();
    if (text === "") return unusable("It is empty. Download it again.");
    if (text.startsWith("{")) return kindOfJson(text);
    // A signed note (C2SP signed-note): text, an empty line, and signatures that begin with an em dash.
    return /\n\n\u2014 /.test(text) ? { kind: "checkpoint" } : unusable(notOurs);
  } catch (error) {
    return unusable(reasonOf(error));
  }
}

function kindOfJson(text: string): FileKind {
  if (lineTypes.has(parseObject(text.split("\n", 1)[0] ?? "")["type"])) return { kind: "export" };
  const { checkpoint, status, title } = parseObject(text);
  if (typeof checkpoint === "string") return { kind: "checkpoint" };
  if (typeof status === "number" && typeof title === "string")
    return unusable(`It is an error response, not an export: ${status} ${title}. Download the export again.`);
  return unusable(notOurs);
}

/** The lines of an export, decompressed where the file's name ends in `.gz`. Rejects where the file cannot be read. */
export async function* linesOf(file: string): AsyncIterable<string> {
  let rest = "";
  for await (const text of textOf(file)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  if (rest !== "") yield rest;
}

/** The note of a file that holds a checkpoint: alone, or in the response of the API. */
export function readCheckpoint(file: string): string {
  const text = readFileSync(file, "utf8");
  const { checkpoint } = parseObject(text);
  return typeof checkpoint === "string" ? checkpoint : text;
}

/** Why a file could not be read, and what to do, in one line. Throws an error that does not come from reading. */
export function reasonOf(error: unknown): string {
  if (!isSystemError(error)) throw error;
  const { code, message } = error;
  if (code === "ENOENT" || code === "ENOTDIR") return "There is no such file. Check the path.";
  if (code === "EACCES" || code === "EPERM") return "It may not be read. Change its permissions.";
  if (code.startsWith("Z_"))
    return `It cannot be decompressed (${message}): it is damaged, cut off, or not a gzip file. Download it again.`;
  return `It cannot be read (${code}).`;
}

/** Whether an error is of the operating system or of zlib. Every other is a defect of this program. */
function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

async function readBeginning(file: string): Promise<string> {
  let text = "";
  for await (const part of textOf(file)) {
    text += part;
    if (text.length >= beginning) break;
  }
  return text;
}

async function* textOf(file: string): AsyncIterable<string> {
  const decoder = new StringDecoder("utf8");
  for await (const chunk of bytesOf(file)) yield decoder.write(chunk as Buffer);
  yield decoder.end();
}

function bytesOf(file: string): Readable {
  const bytes = createReadStream(file);
  // The callback only keeps an error from being thrown: the reader of the stream gets it.
  return file.endsWith(".gz") ? pipeline(bytes, createGunzip(), () => undefined) : bytes;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return { ...(JSON.parse(text) as object) };
  } catch {
    return {};
  }
}

function unusable(reason: string): FileKind {
  return { kind: "unusable", reason };
}
