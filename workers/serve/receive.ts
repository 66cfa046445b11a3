import { readForwarded, type Forwarded } from "../../schema/forwarded.ts";

/** A request that the edge or a peer region forwarded, before its body is read. */
export interface Received extends Forwarded {
  readonly method: string;
  readonly url: URL;
  /** The origin of the page that sent it; null without one. */
  readonly origin: string | null;
  /** Personal. */
  readonly userAgent: string | null;
  readonly idempotencyKey: string | null;
}

/** Reads the facts of a forwarded request; throws for a request that no Worker of ours sent. */
export function receive(request: Request): Received {
  const { headers, method } = request;
  return {
    ...readForwarded(headers),
    method,
    url: new URL(request.url),
    origin: headers.get("origin"),
    userAgent: headers.get("user-agent"),
    idempotencyKey: headers.get("idempotency-key"),
  };
}
