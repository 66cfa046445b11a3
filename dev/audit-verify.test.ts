import type { webcrypto } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signNote } from "../durable-objects/audit-log/checkpoint/note.ts";
import { runCommand, type Outcome } from "./run-command.ts";

/** How long a test may take that starts a process, in milliseconds. */
const startsMs = 30_000;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "domicile-verify-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function verify(...args: readonly string[]): Promise<Outcome> {
  return runCommand("audit-verify.ts", args);
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Expects the command to name each file with the reason in a line of its own, to check nothing and to end with exit code 2. */
async function expectRefused(paths: readonly string[], reason: string): Promise<void> {
  const stderr = paths.map((path) => `${path}: ${reason}\n`).join("");
  expect(await verify(...paths)).toEqual({ code: 2, stdout: "", stderr });
}

const neither =
  "It is neither an export of the audit log nor a checkpoint. Give a file as GET /v1/audit-logs/export or …/checkpoint returned it.";

describe("npm run audit:verify, given a file that cannot be checked", { timeout: startsMs }, () => {
  it("says that it does not exist", async () => {
    const paths = ["missing.ndjson", "missing.ndjson.gz"].map((name) => join(folder, name));
    const within = join(file("a-file", "text"), "log.ndjson");
    await expectRefused([...paths, within], "There is no such file. Check the path.");
  });

  it("says that it is a directory", async () => {
    const path = join(folder, "days.gz");
    mkdirSync(path);
    await expectRefused([path], "It is a directory. Give the files in it.");
  });

  it("says that it is empty", async () => {
    const paths = [file("empty.ndjson", ""), file("blank.ndjson", "\n\n"), file("empty.ndjson.gz", gzipSync(""))];
    await expectRefused(paths, "It is empty. Download it again.");
  });

  it("says that it is not one of the audit log's", async () => {
    const paths = [
      file("notes.txt", "Shopping list\n\n- bread\n"),
      file("other.ndjson", '{"type":"event","n":1}\n'),
      file("broken.json", "{not json\n"),
      file(
        "binary.ndjson",
        Uint8Array.from({ length: 256 }, (_, at) => at),
      ),
      file("other.ndjson.gz", gzipSync("[1,2,3]")),
    ];
    await expectRefused(paths, neither);
  });

  it("says that it is an error response", async () => {
    const problem = { type: "urn:domicile:problem:unauthenticated", title: "Not authenticated", status: 401 };
    const reason = "It is an error response, not an export: 401 Not authenticated. Download the export again.";
    await expectRefused([file("problem.ndjson", JSON.stringify(problem))], reason);
  });

  it("says that it cannot be decompressed", async () => {
    const { code, stdout, stderr } = await verify(file("plain.ndjson.gz", '{"type":"header"}\n'));
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/plain\.ndjson\.gz: It cannot be decompressed \(.*\).* Download it again\.\n$/);
  });

  it("names every such file, and checks no other", async () => {
    const empty = file("empty-too.ndjson", "");
    const missing = join(folder, "missing-too.ndjson");
    const { code, stdout, stderr } = await verify(file("export.ndjson", '{"type":"header"}\n'), empty, missing);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.trimEnd().split("\n")).toEqual([
      `${empty}: It is empty. Download it again.`,
      `${missing}: There is no such file. Check the path.`,
    ]);
  });
});

describe("npm run audit:verify, given a file that does not fit", { timeout: startsMs }, () => {
  it("ends with exit code 1 for an export that is not whole", async () => {
    const path = file("headless.ndjson", '{"type":"footer","records":0}\r\n');
    const { code, stdout, stderr } = await verify(path);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toContain(`✗ ${path}: 0 records`);
    expect(stdout).toContain("malformed (line 1): comes before the header");
  });

  it("ends with exit code 1 for a compressed export that was cut off", async () => {
    const lines = Array.from({ length: 5000 }, () => `{"type":"footer","records":${Math.random()}}\n`);
    const compressed = gzipSync(lines.join(""));
    const path = file("cut.ndjson.gz", compressed.subarray(0, compressed.length - 1000));
    const { code, stdout, stderr } = await verify(path);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toContain(`✗ ${path}: It cannot be decompressed (unexpected end of file)`);
  });

  it("recognises a checkpoint alone and in the response of the API, and that no trusted key signed it", async () => {
    const { privateKey, publicKey } = (await crypto.subtle.generateKey("Ed25519", true, [
      "sign",
      "verify",
    ])) as webcrypto.CryptoKeyPair;
    const raw = new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
    const note = await signNote("test/eu/cus_1\n1\nAAAA\n", { name: "test/eu/cus_1", privateKey, publicKey: raw });
    const alone = file("kept-checkpoint.txt", note);
    const response = file("checkpoint.json", JSON.stringify({ tree_size: 1, checkpoint: note }, null, 2));
    const { code, stdout } = await verify(alone, response);
    expect(code).toBe(1);
    for (const path of [alone, response]) expect(stdout).toContain(`✗ ${path}: not signed with a key that is trusted`);
  });
});

describe("npm run audit:verify, without a file", { timeout: startsMs }, () => {
  it.each([[[]], [["--help"]], [["--unknown", "file"]]])("prints how it is used: %j", async (args) => {
    const { code, stdout, stderr } = await verify(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Exit code 0: everything fits. 1: something does not fit. 2: nothing was checked");
  });
});
