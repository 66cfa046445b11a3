import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { cancelRequest, type SessionKey, terminate } from "./protocol.ts";

/** How long Postgres may take to accept a request to cancel, in milliseconds. */
const timeoutMs = 5000;

/** How long to wait for the end of a session after each request to cancel, in milliseconds. */
const endWaitsMs = [50, 100, 200, 400, 800, 1600, 3200];

/** Asks Postgres to cancel what a session does now. Resolves when Postgres has sent the signal and closed the connection, or failed to. */
export function cancelStatement(upstreamPort: number, key: SessionKey): Promise<void> {
  return new Promise((done) => {
    const socket = connect(upstreamPort, "127.0.0.1");
    socket.setTimeout(timeoutMs, () => socket.destroy());
    // A failure needs no handling here: "close" follows.
    socket.on("error", () => undefined);
    socket.once("close", () => done());
    socket.resume();
    socket.write(cancelRequest(key));
  });
}

/**
 * Ends a session that has unanswered statements: a backend that runs one does not notice that its client has disconnected, and keeps its
 * locks. Cancels again until Postgres closes the connection, because a request may overtake the statement that it is for, and several
 * statements may be queued. After about 6 s it gives up and closes the connection itself.
 */
export async function endSession(socket: Socket, upstreamPort: number, key: SessionKey): Promise<void> {
  socket.write(terminate);
  socket.resume();
  for (const waitMs of endWaitsMs) {
    if (socket.destroyed) return;
    await cancelStatement(upstreamPort, key);
    if (socket.destroyed) return;
    // `once` rejects when the time has elapsed: then the statement is cancelled again.
    await once(socket, "close", { signal: AbortSignal.timeout(waitMs) }).catch(() => undefined);
  }
  socket.destroy();
}
