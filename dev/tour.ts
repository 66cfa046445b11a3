import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { verifyExport } from "../durable-objects/audit-log/verify/verify-export.ts";
import { ask, expectStatus, type Answer } from "./api.ts";
import type { Demo } from "./demo.ts";
import { deliveredAndOpened } from "./tour-webhooks.ts";
import { holder, stateFolder } from "./state.ts";

type Say = (line: string) => void;

interface SignedIn {
  readonly token: string;
  readonly session: { readonly region: string; readonly expires_at: string };
  readonly user: { readonly name: string };
}

/** Walks through the platform's main job against a running one, and says what happens. Throws at the first step that goes wrong. */
export async function tour(demo: Demo, say: Say): Promise<void> {
  say("A short tour of the main job:");
  const ada = await signIn(demo, "ada@acme.example", say);
  const emil = await signIn(demo, "emil@acme.example", say);
  await servedFromHome(demo, emil, say);
  await limitedExactly(demo, say);
  await byApiKey(demo, say);
  await toTheOrigin(demo, emil, say);
  await closedAndReopened(demo, ada, emil, say);
  await recordedAndProven(demo, ada, say);
  const gus = await signIn(demo, "gus@globex.example", say);
  await deliveredAndOpened(demo, gus, say);
  await signedOutAtOnce(demo, ada, say);
  for (const token of [emil, gus])
    await expectStatus(204, demo.base_url, "/v1/sessions/current", { method: "DELETE", token });
}

async function signIn(demo: Demo, email: string, say: Say): Promise<string> {
  const body = { email, password: demo.password };
  const answer = await expectStatus<SignedIn>(201, demo.base_url, "/v1/sessions", { method: "POST", body });
  const { session, user, token } = answer.body;
  expectSame(`home region of ${email}`, session.region, demo.users.find((known) => known.email === email)?.region);
  say(`✓ ${user.name} signs in as ${email}; home region: ${session.region}`);
  return token;
}

async function servedFromHome(demo: Demo, token: string, say: Say): Promise<void> {
  for (const country of ["DE", "US"]) {
    const answer = await expectStatus(200, demo.base_url, "/v1/me", {
      token,
      headers: { "domicile-dev-country": country },
    });
    expectSame(`region that served Emil from ${country}`, header(answer, "domicile-region"), "eu");
    say(
      `✓ Emil asks GET /v1/me from ${country}: served from ${header(answer, "domicile-region")}; ${header(answer, "ratelimit")}`,
    );
  }
}

/** `basic` is 20 a second: of what is asked within one second, 20 at most; each further second begun adds 20. */
async function limitedExactly(demo: Demo, say: Say): Promise<void> {
  const began = Date.now();
  const answers: Answer[] = [];
  // Once is enough where 40 requests take less than a second.
  while (answers.length < 200 && answers.every((answer) => answer.status === 200)) {
    const burst = Array.from({ length: 40 }, () => ask(demo.base_url, "/v1/limits", { token: demo.api_keys.basic }));
    answers.push(...(await Promise.all(burst)));
  }
  const admitted = answers.filter((answer) => answer.status === 200).length;
  const refused = answers.find((answer) => answer.status === 429);
  const most = 20 + 20 * Math.floor((Date.now() - began) / 1000);
  if (admitted > most) throw new Error(`of ${answers.length} requests at once ${admitted} were admitted, not ${most}`);
  if (refused === undefined) throw new Error(`of ${answers.length} requests at once none was refused with 429`);
  const others = answers.length - admitted;
  say(`✓ ${answers.length} requests at once with a basic API key: ${admitted} admitted, ${others} refused with 429`);
  const wait = Number(header(refused, "retry-after"));
  await new Promise((waited) => setTimeout(waited, wait * 1000));
  await expectStatus(200, demo.base_url, "/v1/limits", { token: demo.api_keys.basic });
  say(`✓ after the ${wait} s that Retry-After named, the next is admitted`);
}

async function byApiKey(demo: Demo, say: Say): Promise<void> {
  const answer = await expectStatus<{ tier: string; principal: { type: string } }>(200, demo.base_url, "/v1/me", {
    token: demo.api_keys.ci,
  });
  expectSame("tier of the API key", answer.body.tier, "ci");
  expectSame("limit headers of an unlimited tier", header(answer, "ratelimit"), "none");
  say(
    `✓ an API key of the tier ${answer.body.tier} is recognised as ${answer.body.principal.type}; no limit headers: ${header(answer, "ratelimit")}`,
  );
}

async function toTheOrigin(demo: Demo, token: string, say: Say): Promise<void> {
  const answer = await expectStatus<{ origin: string; identity: { sub: string; region: string } }>(
    200,
    demo.base_url,
    "/orders/42",
    { token },
  );
  const { origin, identity } = answer.body;
  expectSame("origin that answered Emil", `${origin} for ${identity.region}`, "eu for eu");
  say(
    `✓ Emil asks GET /orders/42: answered by the ${origin} sample origin, which verified the identity of ${identity.sub}`,
  );
}

async function closedAndReopened(demo: Demo, ada: string, emil: string, say: Say): Promise<void> {
  const set = (status: string) =>
    expectStatus(200, demo.base_url, "/operator/v1/regions/eu", {
      method: "PATCH",
      token: demo.operator_token,
      body: { status },
    });
  await set("closed");
  try {
    const refused = await eventually(503, () => ask(demo.base_url, "/v1/me", { token: emil }));
    await expectStatus(200, demo.base_url, "/v1/me", { token: ada });
    say(`✓ the operator closes eu: Emil gets 503 (Retry-After ${header(refused, "retry-after")}), Ada is served`);
  } finally {
    await set("active");
  }
  await eventually(200, () => ask(demo.base_url, "/v1/me", { token: emil }));
  say("✓ the operator opens eu again: Emil is served, without a restart");
}

/** What Ada has done is in the log of her region, sealed and signed; an export of it is verified as an auditor would. */
async function recordedAndProven(demo: Demo, token: string, say: Say): Promise<void> {
  const asked = await expectStatus(200, demo.base_url, "/v1/limits", { token });
  const requestId = header(asked, "domicile-request-id");
  const records = await eventually(200, async () => {
    const answer = await ask<{ data: { request_id: string }[] }>(demo.base_url, "/v1/audit-logs?limit=20", { token });
    return answer.body.data.some((record) => record.request_id === requestId) ? answer : { ...answer, status: 404 };
  });
  say(
    `✓ what Ada did is in the audit log of ${header(records, "domicile-region")}, sealed on the way, a moment after the answer`,
  );
  const exported = await fetch(`${demo.base_url}/v1/audit-logs/export`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const lines = (await exported.text()).trimEnd().split("\n");
  const verified = await verifyExport(Readable.from(lines), { keys: null, checkpoints: [] });
  const [finding] = verified.findings;
  if (finding !== undefined) throw new Error(`the export of the audit log does not verify: ${finding.message}`);
  say(`✓ the log is exported and verified: ${verified.records} records, each proven against a signed checkpoint`);
}

async function signedOutAtOnce(demo: Demo, token: string, say: Say): Promise<void> {
  await expectStatus(204, demo.base_url, "/v1/sessions/current", { method: "DELETE", token });
  await expectStatus(401, demo.base_url, "/v1/me", { token });
  say("✓ Ada signs out; the very next request with her token is refused with 401");
}

/** Configuration is seen everywhere, and a record can be read, within five seconds. */
async function eventually(status: number, attempt: () => Promise<Answer<unknown>>): Promise<Answer<unknown>> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const answer = await attempt();
    if (answer.status === status) return answer;
    if (Date.now() > deadline) throw new Error(`still ${answer.status} after 5 s, not ${status}`);
    await new Promise((waited) => setTimeout(waited, 250));
  }
}

function expectSame(what: string, got: unknown, expected: unknown): void {
  if (got !== expected) throw new Error(`${what}: ${String(got)}, not ${String(expected)}`);
}

function header(answer: Answer<unknown>, name: string): string {
  return answer.headers.get(name) ?? "none";
}

// `npm run tour`: against the platform that runs.
if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    if (holder(stateFolder()) === null) throw new Error("Domicile does not run here. Start it first: npm start");
    const demo = JSON.parse(readFileSync(join(stateFolder(), "demo.json"), "utf8")) as Demo;
    await tour(demo, (line) => console.log(line));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
