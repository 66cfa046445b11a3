import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A proxy in front of Postgres that tells what its clients send. */
export interface CountingProxy {
  readonly port: number;
  /**
   * What was sent since the last call, by flight: the types of the messages that a client sent before it waited for a reply (PostgreSQL's
   * documentation, "Message Formats"), without those by which it connected and disconnected.
   */
  flights(): string[];
  /** Connections that are open. */
  open(): number;
  /** Connections that were ever made. */
  made(): number;
  /** Cuts every connection. */
  cut(): void;
  close(): Promise<void>;
}

/** "ReadyForQuery, idle": the last message of a server that lets a client in. */
const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const terminate = "X";

/** Starts one on loopback. */
export async function startCountingProxy(postgresPort: number): Promise<CountingProxy> {
  const sockets = new Set<Socket>();
  let flights: string[] = [];
  let made = 0;
  const server = createServer((client) => {
    const upstream = connect(postgresPort, "127.0.0.1");
    made += 1;
    let connected = false;
    let waiting = true;
    client.on("data", (chunk) => {
      upstream.write(chunk);
      const types = connected ? typesOf(chunk) : terminate;
      if (types === terminate) return;
      if (waiting) flights.push(types);
      else flights.push(`${flights.pop() ?? ""}${types}`);
      waiting = false;
    });
    upstream.on("data", (chunk) => {
      connected ||= chunk.includes(ready);
      waiting = true;
      client.write(chunk);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    flights: () => {
      const told = flights;
      flights = [];
      return told;
    },
    open: () => sockets.size / 2,
    made: () => made,
    cut,
    close: async () => {
      cut();
      await new Promise((closed) => {
        server.close(closed);
      });
    },
  };
}

function typesOf(chunk: Buffer): string {
  let types = "";
  for (let at = 0; at + 5 <= chunk.length; at += 1 + chunk.readUInt32BE(at + 1))
    types += String.fromCharCode(chunk.readUInt8(at));
  return types;
}
