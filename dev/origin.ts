import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from "jose";
import type { Region } from "../schema/regions.ts";
import { identityTokenType } from "../schema/session-token.ts";

/** A customer's own API, small: what stands behind the proxy in one region. */
export interface SampleOrigin {
  readonly region: Region;
  readonly url: string;
  /** How many requests have reached it. */
  readonly requests: () => number;
  close(): Promise<void>;
}

/**
 * Starts the sample origin of a region. It believes nobody but the platform: `Domicile-Identity` must be a fresh JWT of its own
 * region for its own origin, verified with the platform's JWKS. It echoes what it was asked, and whom for. `/slow` never answers,
 * `/stream` answers piece by piece.
 */
export async function startOrigin(region: Region, platformUrl: string): Promise<SampleOrigin> {
  let requests = 0;
  const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", platformUrl), { cooldownDuration: 1000 });
  const server = createServer((request, response) => {
    requests += 1;
    const verify = async (): Promise<JWTPayload> => {
      const options = { issuer: platformUrl, audience: url, typ: identityTokenType, algorithms: ["EdDSA"] };
      const { payload } = await jwtVerify(String(request.headers["domicile-identity"] ?? ""), keys, options);
      if (payload["region"] !== region) throw new errors.JWTClaimValidationFailed("another region", payload, "region");
      return payload;
    };
    answer(region, request, response, verify).catch((error: unknown) => {
      const status = error instanceof errors.JOSEError ? 401 : 500;
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: error instanceof Error ? error.name : "unknown" }));
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    region,
    url,
    requests: () => requests,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

async function answer(
  region: Region,
  request: IncomingMessage,
  response: ServerResponse,
  verify: () => Promise<JWTPayload>,
): Promise<void> {
  const identity = await verify();
  const { pathname, search } = new URL(request.url ?? "/", "http://origin");
  if (pathname === "/slow") return;
  if (pathname === "/stream") return stream(response);
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const echo = {
    origin: region,
    method: request.method,
    path: pathname,
    query: search,
    headers: request.headers,
    body,
    identity,
  };
  response.writeHead(200, {
    "content-type": "application/json",
    "x-origin-region": region,
    "domicile-region": "forged",
  });
  response.end(JSON.stringify(echo));
}

async function stream(response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "text/plain" });
  for (const piece of ["one\n", "two\n", "three\n"]) {
    response.write(piece);
    await new Promise((resumed) => setTimeout(resumed, 50));
  }
  response.end();
}
