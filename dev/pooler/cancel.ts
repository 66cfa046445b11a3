import { connect } from "node:net";
import { cancelRequest, type SessionKey } from "./protocol.ts";

/** How long Postgres may take to accept a request to cancel, in milliseconds. */
const timeoutMs = 5000;

/** Asks Postgres to cancel what a session does now. Resolves when Postgres has closed the connection, so has sent the signal, or failed to. */
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
