import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "./free-port.ts";
import { runCommand, type Outcome } from "./run-command.ts";

/** How long a test may take that starts a process, in milliseconds. */
const startsMs = 30_000;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "domicile-days-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command on an empty state folder, where no platform has run. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return runCommand("audit-days.ts", args, { DOMICILE_STATE: folder, ...env });
}

describe("npm run audit:restore, called wrongly", { timeout: startsMs }, () => {
  it.each([
    [["restore"], "Name a region: us or eu."],
    [["restore", "2025-11-01"], 'There is no region "2025-11-01"; name one of these: us or eu.'],
    [["restore", "mars", "2025-11-01"], 'There is no region "mars"; name one of these: us or eu.'],
    [["restore", "eu", "2025-11-01", "now"], "There is an argument too many."],
    [["retention", "eu", "2025-11-01"], "There is an argument too many."],
  ])("says what is missing and how it is used: %j", async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.startsWith(`${message}\n\nnpm run audit:retention -- REGION`)).toBe(true);
    expect(stderr).toContain(
      "Exit code 0: done. 1: the platform cannot be reached or did not do it. 2: the command is wrong.",
    );
  });

  it.each(["2025-13-01", "2025-02-30", "yesterday", "20251101"])("refuses what is not a day: %s", async (day) => {
    const stderr = `"${day}" is not a day. Write it as YYYY-MM-DD.\n`;
    expect(await run(["restore", "eu", day])).toEqual({ code: 2, stdout: "", stderr });
  });

  it("refuses a URL without a token, and what is not a URL", async () => {
    expect(await run(["restore", "eu", "2025-11-01"], { DOMICILE_URL: "http://localhost:1" })).toEqual({
      code: 2,
      stdout: "",
      stderr: "Set both DOMICILE_URL and OPERATOR_TOKEN, or neither for the platform that runs here.\n",
    });
    const env = { DOMICILE_URL: "localhost:8787", OPERATOR_TOKEN: "token" };
    expect(await run(["restore", "eu", "2025-11-01"], env)).toEqual({
      code: 2,
      stdout: "",
      stderr: "DOMICILE_URL is not an http or https URL: localhost:8787\n",
    });
  });
});

describe("npm run audit:restore, without a platform", { timeout: startsMs }, () => {
  it("says that none has run here", async () => {
    const file = join(folder, "demo.json");
    expect(await run(["restore", "eu", "2025-11-01"])).toEqual({
      code: 1,
      stdout: "",
      stderr: `No platform has run here (there is no ${file}). Start one with npm start, or set DOMICILE_URL and OPERATOR_TOKEN.\n`,
    });
  });

  it("says that it cannot be reached, whether it ran here or is named", async () => {
    const url = `http://localhost:${await freePort()}`;
    const expected = {
      code: 1,
      stdout: "",
      stderr: `${url} cannot be reached (ECONNREFUSED). Is the platform running? Start it with npm start, or set DOMICILE_URL and OPERATOR_TOKEN.\n`,
    };
    writeFileSync(join(folder, "demo.json"), JSON.stringify({ base_url: url, operator_token: "token" }));
    expect(await run(["restore", "eu", "2025-11-01"])).toEqual(expected);
    expect(await run(["retention", "eu"], { DOMICILE_URL: `${url}/`, OPERATOR_TOKEN: "token" })).toEqual(expected);
  });
});
