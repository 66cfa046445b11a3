import { parseCheckpoint, type Checkpoint } from "../durable-objects/audit-log/checkpoint/checkpoint.ts";
import { openNote, parseVerifierKey } from "../durable-objects/audit-log/checkpoint/note.ts";
import { verifyExport, type Verified } from "../durable-objects/audit-log/verify/verify-export.ts";
import { kindOf, linesOf, readCheckpoint, reasonOf } from "./audit-file.ts";

// `npm run audit:verify -- [--key VERIFIER_KEY]… FILE…`: checks exports (.ndjson, .ndjson.gz) and kept checkpoints, offline.
const usage = `npm run audit:verify -- [--key VERIFIER_KEY]… FILE…
  FILE  an export, a day's object of the bucket (.gz), or a checkpoint that was kept: in any order, of any number of logs
  --key a key that is trusted; without one, the key that a file names is believed, and printed
Exit code 0: everything fits. 1: something does not fit. 2: nothing was checked, because a file or an option cannot be used.`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const keys: string[] = [];
  const files: string[] = [];
  for (let at = 0; at < args.length; at++) {
    if (args[at] === "--key") keys.push(args[++at] ?? "");
    else files.push(args[at] ?? "");
  }
  if (files.length === 0 || files.some((file) => file.startsWith("-"))) return say(usage, 2);
  if (keys.some((key) => parseVerifierKey(key) === null)) return say("--key is no verifier key: name+id+key", 2);
  const kinds = await Promise.all(files.map(async (file) => ({ file, is: await kindOf(file) })));
  const unusable = kinds.flatMap(({ file, is }) => (is.kind === "unusable" ? [`${file}: ${is.reason}`] : []));
  if (unusable.length > 0) return say(unusable.join("\n"), 2);
  const notes = kinds.filter(({ is }) => is.kind === "checkpoint").map(({ file }) => file);
  const exports = kinds.filter(({ is }) => is.kind === "export").map(({ file }) => file);
  const trusted = keys.length > 0 ? keys : null;
  const checkpoints: Checkpoint[] = [];
  let wrong = 0;
  for (const file of notes) {
    const checkpoint = await readNote(file, trusted ?? (await keysIn(exports)));
    if (checkpoint === null) {
      console.log(`✗ ${file}: not signed with a key that is trusted`);
      wrong += 1;
    } else checkpoints.push(checkpoint);
  }
  for (const file of exports) wrong += await check(file, trusted, checkpoints);
  for (const { origin, size } of checkpoints) console.log(`· kept checkpoint of ${size} leaves: ${origin}`);
  console.log(wrong === 0 ? "Everything fits." : `${wrong} thing${wrong === 1 ? " does" : "s do"} not fit.`);
  return wrong === 0 ? 0 : 1;
}

/** Checks an export and prints what was found; returns how much does not fit. */
async function check(
  file: string,
  trusted: readonly string[] | null,
  checkpoints: readonly Checkpoint[],
): Promise<number> {
  try {
    return report(file, await verifyExport(linesOf(file), { keys: trusted, checkpoints }), trusted);
  } catch (error) {
    console.log(`✗ ${file}: ${reasonOf(error)}`);
    return 1;
  }
}

function report(file: string, verified: Verified, trusted: readonly string[] | null): number {
  const { header, records, erased, findings, without } = verified;
  console.log(
    `${findings.length === 0 ? "✓" : "✗"} ${file}: ${records} records${erased > 0 ? `, ${erased} erased` : ""}`,
  );
  if (trusted === null && header !== null)
    console.log(`  signed with ${header.verifier_key}: make sure that this is the key you know`);
  const notice = findings.some(({ kind }) => kind === "removed") ? 0 : without.size;
  if (notice > 0) console.log(`  ${notice} leaves between them are of another time, or in the bucket`);
  for (const { kind, line, message } of findings.slice(0, 100))
    console.log(`  ${kind}${line > 0 ? ` (line ${line})` : ""}: ${message}`);
  if (findings.length > 100) console.log(`  … and ${findings.length - 100} more`);
  return findings.length;
}

async function readNote(file: string, keys: readonly string[]): Promise<Checkpoint | null> {
  const opened = await openNote(readCheckpoint(file), keys);
  return opened === null ? null : parseCheckpoint(opened.text);
}

/** The keys that exports name in their headers. */
async function keysIn(files: readonly string[]): Promise<string[]> {
  const keys: string[] = [];
  for (const file of files) {
    for await (const line of linesOf(file)) {
      const key = /"verifier_key":("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
      if (key !== undefined) keys.push(JSON.parse(key) as string);
      break;
    }
  }
  return keys;
}

function say(text: string, code: number): number {
  console.error(text);
  return code;
}
