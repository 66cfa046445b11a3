import { readFileSync, writeFileSync } from "node:fs";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponsesObject } from "zod-openapi";
import { z } from "zod";
import type { RouteContract } from "../schema/http/route.ts";
import { routes } from "../schema/http/routes.ts";
import { problemSchema } from "../schema/problem.ts";

const rateLimitHeaders = z.object({
  "RateLimit-Policy": z.string().optional().meta({ example: '"sec";q=20;w=1, "min";q=100;w=60' }),
  RateLimit: z.string().optional().meta({ example: '"sec";r=19;t=1, "min";r=99;t=1' }),
  "Domicile-Region": z.string().optional(),
  "Domicile-Request-Id": z.string(),
});

// `npm run openapi` writes docs/openapi.json from schema/http; with `-- --check` it only says whether the file is up to date.
const file = new URL("../docs/openapi.json", import.meta.url);
const text = `${JSON.stringify(document(), null, 2)}\n`;
if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (readFileSync(file, "utf8") !== text) {
  console.error("docs/openapi.json is stale: run `npm run openapi`");
  process.exit(1);
}

function document() {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route);
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "Domicile",
      version: "1",
      license: { name: "MIT", identifier: "MIT" },
      description:
        "Sessions, API keys, rate limits and users, each user's data in their home region. Every path that is not listed here " +
        "is the customer's own API: it is handed, with a signed identity in `Domicile-Identity`, to the customer's upstream of " +
        "the home region, if one is configured. Users and keys need the same credentials there; API keys need the scope `api`.",
    },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "A session token (JWT) or an API key (`dmc_…`)." },
        cookie: {
          type: "apiKey",
          in: "cookie",
          name: "__Host-session",
          description: "A session token. Unsafe methods need a same-origin `Origin`.",
        },
        operator: {
          type: "http",
          scheme: "bearer",
          description: "Locally a secret; in production Cloudflare Access stands in front.",
        },
      },
    },
  });
}

function operation(route: RouteContract): ZodOpenApiOperationObject {
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: describeAccess(route),
    tags: [route.tag],
    security: security(route),
    ...(requestParams(route) && { requestParams: requestParams(route) }),
    ...(route.body && {
      requestBody: { required: route.bodyOptional !== true, content: { "application/json": { schema: route.body } } },
    }),
    responses: responses(route),
  } as ZodOpenApiOperationObject;
}

function requestParams(route: RouteContract) {
  const header = route.creates
    ? z.object({
        "Idempotency-Key": z
          .string()
          .min(1)
          .max(255)
          .optional()
          .meta({ description: "Repeats within 24 h get the first answer." }),
      })
    : undefined;
  if (!route.params && !route.query && !header) return undefined;
  return {
    ...(route.params && { path: route.params }),
    ...(route.query && { query: route.query }),
    ...(header && { header }),
  };
}

function security(route: RouteContract) {
  if (route.access.who === "public") return [];
  return route.access.who === "operator" ? [{ operator: [] }] : [{ bearer: [] }, { cookie: [] }];
}

function describeAccess({ access }: RouteContract): string {
  switch (access.who) {
    case "public":
      return "Open to anybody.";
    case "session":
      return "For a signed-in user of any role; not for API keys.";
    case "operator":
      return "For operators.";
    case "principal":
      return access.scope === "anyKey"
        ? `For users from the role \`${access.role}\` and for every API key.`
        : `For users from the role \`${access.role}\` and for API keys with the scope \`${access.scope}\`.`;
  }
}

function responses(route: RouteContract): ZodOpenApiResponsesObject {
  const limited = route.access.who === "session" || route.access.who === "principal";
  const headers = limited ? rateLimitHeaders : rateLimitHeaders.pick({ "Domicile-Request-Id": true });
  const entries = Object.entries(route.answers).map(([status, answer]) => [
    status,
    {
      description: answer.description,
      headers,
      ...(answer.schema && { content: { "application/json": { schema: answer.schema } } }),
      ...(answer.mediaType !== undefined && { content: { [answer.mediaType]: { schema: z.string() } } }),
    },
  ]);
  const problem = { "application/problem+json": { schema: problemSchema } };
  const errors = problemsOf(route).map(([status, description]) => [String(status), { description, content: problem }]);
  return Object.fromEntries([...entries, ...errors]) as ZodOpenApiResponsesObject;
}

function problemsOf(route: RouteContract): [number, string][] {
  const guarded = route.access.who !== "public";
  const limited = guarded && route.access.who !== "operator";
  const signIn = route.operationId === "createSession";
  const found: [boolean, number, string][] = [
    [
      guarded || signIn,
      401,
      signIn ? "Wrong e-mail address or password." : "No credential, or one that is not good (any more).",
    ],
    [guarded, 403, "Known, but not allowed."],
    [route.params !== undefined, 404, "Not there, or another customer's."],
    [
      (guarded && route.method === "POST") ||
        route.access.who === "operator" ||
        /^(?:update|delete)/.test(route.operationId),
      409,
      "Contradicts what is there.",
    ],
    [route.body !== undefined, 413, `The body is larger than ${(route.bodyLimit ?? 64 * 1024) / 1024} KiB.`],
    [route.body !== undefined, 415, "The body is not JSON by its type."],
    [
      route.body !== undefined || route.query !== undefined || route.creates === true,
      422,
      "The input is wrong; `errors` says where.",
    ],
    [
      limited || signIn,
      429,
      signIn ? "Too many guesses at this account or from this address." : "The quota is used up; wait `Retry-After`.",
    ],
    [guarded || signIn, 503, "For now; wait `Retry-After`."],
  ];
  return found.filter(([applies]) => applies).map(([, status, description]) => [status, description]);
}
