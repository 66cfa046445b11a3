/** Users who send requests to their customer's API, open loop: a slow response delays no other request. */
export interface Traffic {
  readonly tokens: readonly string[];
  /** The mean time between two requests of a user, in milliseconds. Each pause is up to a fifth longer or shorter. */
  readonly pauseMs: number;
  readonly seconds: number;
}

/** One request in ten is a change. */
const changesEvery = 10;

/** Sends the traffic and returns how many requests there were. Rejects if a response is not 200. */
export async function sendTraffic(baseUrl: string, { tokens, pauseMs, seconds }: Traffic): Promise<number> {
  const deadline = performance.now() + seconds * 1000;
  let sent = 0;
  const users = tokens.map(async (token) => {
    const responses: Promise<void>[] = [];
    await sleep(Math.random() * pauseMs);
    while (performance.now() < deadline) {
      sent += 1;
      responses.push(send(baseUrl, token, sent % changesEvery === 0));
      await sleep(pauseMs * (0.8 + 0.4 * Math.random()));
    }
    await Promise.all(responses);
  });
  await Promise.all(users);
  return sent;
}

/** Sends one read for each user, a few at a time: the Gates and the audit log know them afterwards. */
export async function warmUp(baseUrl: string, tokens: readonly string[]): Promise<void> {
  const waiting = tokens.values();
  const work = async (): Promise<void> => {
    for (const token of waiting) await send(baseUrl, token, false);
  };
  await Promise.all([work(), work(), work(), work()]);
}

async function send(baseUrl: string, token: string, change: boolean): Promise<void> {
  const authorization = `Bearer ${token}`;
  const signal = AbortSignal.timeout(10_000);
  const request = change
    ? { method: "POST", headers: { authorization, "content-type": "application/json" }, body: '{"paid":true}', signal }
    : { headers: { authorization }, signal };
  const response = await fetch(`${baseUrl}/orders/42?expand=lines`, request);
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`${request.method ?? "GET"} /orders/42: ${response.status}, not 200`);
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolved) => setTimeout(resolved, ms));
}
