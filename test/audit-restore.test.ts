import { describe, expect, inject, it } from "vitest";
import { runCommand, type Outcome } from "../dev/run-command.ts";
import { baseUrl } from "./world.ts";

const today = new Date().toISOString().slice(0, 10);

/** Runs `npm run audit:restore` against the shared platform. */
function run(args: readonly string[], token: string = inject("platform").operatorToken): Promise<Outcome> {
  return runCommand("audit-days.ts", args, { DOMICILE_URL: baseUrl(), OPERATOR_TOKEN: token });
}

describe("npm run audit:restore, while the bucket has nothing", () => {
  const nothing =
    "The bucket of eu has no days yet: a day moves there when its records are older than the customers' retention (at least 365 days).";

  it("says that there is no such archived day, and why", async () => {
    const stderr = `There is no archived day 2025-11-01 in eu. ${nothing}\n`;
    expect(await run(["restore", "eu", "2025-11-01"])).toEqual({ code: 1, stdout: "", stderr });
    expect(await run(["restore", "eu"])).toEqual({ code: 0, stdout: `${nothing}\n`, stderr: "" });
  });

  it("says that a day is still in Postgres", async () => {
    const stderr = `eu ${today} needs no restoring: its records are in Postgres (audit_logs).\n`;
    expect(await run(["restore", "eu", today])).toEqual({ code: 1, stdout: "", stderr });
  });

  it("says that its token is not accepted", async () => {
    const { code, stdout, stderr } = await run(["restore", "eu", "2025-11-01"], "wrong");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`${baseUrl()} does not accept the operator's token (401).`);
  });
});
