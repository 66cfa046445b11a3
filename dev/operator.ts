import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ask, type Answer } from "./api.ts";
import type { Demo } from "./demo.ts";
import { stateFolder } from "./state.ts";

/** A platform, and the token by which its operator's routes are called. */
export interface Operator {
  readonly url: string;
  readonly token: string;
}

/** Ends a command: the message says what is wrong and what to do. Exit code 1: the platform did not do it; 2: the command is wrong. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The platform that `DOMICILE_URL` and `OPERATOR_TOKEN` name, or the one that runs on this state folder. Throws a `CommandError` without one. */
export function operatorHere(): Operator {
  const { DOMICILE_URL: url, OPERATOR_TOKEN: token } = process.env;
  if (url !== undefined && token !== undefined) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw new CommandError(`DOMICILE_URL is not an http or https URL: ${url}`, 2);
    return { url: url.replace(/\/+$/, ""), token };
  }
  if (url !== undefined || token !== undefined)
    throw new CommandError("Set both DOMICILE_URL and OPERATOR_TOKEN, or neither for the platform that runs here.", 2);
  const file = join(stateFolder(), "demo.json");
  if (!existsSync(file))
    throw new CommandError(
      `No platform has run here (there is no ${file}). Start one with npm start, or set DOMICILE_URL and OPERATOR_TOKEN.`,
      1,
    );
  const demo = JSON.parse(readFileSync(file, "utf8")) as Demo;
  return { url: demo.base_url, token: demo.operator_token };
}

/** Calls an operator's route. Throws a `CommandError` unless the status is 2xx or among `others`. */
export async function request<T>(
  { url, token }: Operator,
  method: string,
  path: string,
  others: readonly number[] = [],
): Promise<Answer<T>> {
  const answer = await ask<T>(url, path, { method, token }).catch((error: unknown) => {
    throw new CommandError(
      `${url} cannot be reached (${causeOf(error)}). Is the platform running? Start it with npm start, or set DOMICILE_URL and OPERATOR_TOKEN.`,
      1,
    );
  });
  if ((answer.status >= 200 && answer.status < 300) || others.includes(answer.status)) return answer;
  if (answer.status === 401 || answer.status === 403)
    throw new CommandError(
      `${url} does not accept the operator's token (${answer.status}). Check OPERATOR_TOKEN; of a platform that runs here, .domicile/demo.json has it.`,
      1,
    );
  const { title, detail } = answer.body as { title?: unknown; detail?: unknown };
  const told = typeof detail === "string" ? detail : typeof title === "string" ? title : "no details";
  throw new CommandError(`${method} ${new URL(url + path).pathname}: ${answer.status}, ${told}`, 1);
}

function causeOf(error: unknown): string {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code } = current as { code?: unknown };
    if (typeof code === "string") return code;
    if (current.name === "TimeoutError") return "no response in time";
  }
  return error instanceof Error ? error.message : String(error);
}
