/** An answer of the platform, read. */
export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** A request to the platform: JSON in, JSON out. */
export interface Ask {
  readonly method?: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** How long a response may take, in milliseconds. */
const responseMs = 60_000;

/** Sends a request to the platform at `baseUrl`; a body that is not JSON reads as `{}`. Rejects after 60 s. */
export async function ask<T = Record<string, unknown>>(
  baseUrl: string,
  path: string,
  request: Ask = {},
): Promise<Answer<T>> {
  const { method = "GET", token, body, headers = {} } = request;
  const response = await fetch(baseUrl + path, {
    method,
    redirect: "manual",
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(responseMs),
  });
  const text = await response.text();
  const isJson = /[/+]json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : {}) as T };
}

/** Asks, and throws unless the answer has the status that is expected. */
export async function expectStatus<T = Record<string, unknown>>(
  status: number,
  baseUrl: string,
  path: string,
  request: Ask = {},
): Promise<Answer<T>> {
  const answer = await ask<T>(baseUrl, path, request);
  if (answer.status === status) return answer;
  throw new Error(
    `${request.method ?? "GET"} ${path} answered ${answer.status}, not ${status}: ${JSON.stringify(answer.body)}`,
  );
}
