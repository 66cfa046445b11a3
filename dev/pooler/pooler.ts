import { randomInt } from "node:crypto";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { ClientConnection } from "./client-connection.ts";
import { Login, type LoginHost } from "./login.ts";
import type { PoolerOptions, PoolerStats } from "./options.ts";
import { Pool } from "./pool.ts";
import type { SessionKey } from "./protocol.ts";

/** How often unused server connections are looked for, in milliseconds. */
const sweepMs = 1000;

/** A pooler in this process. */
export class Pooler implements LoginHost {
  readonly pools: readonly Pool[];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Map<number, { readonly secret: number; readonly client: ClientConnection }>();
  readonly #sweep: NodeJS.Timeout;
  #lastPid = 0;

  constructor({ upstreamPort, routes, connections = 10, waitMs = 10_000, idleMs = 30_000 }: PoolerOptions) {
    const settings = { upstreamPort, connections, waitMs, idleMs };
    this.pools = routes.map((route) => new Pool(route, settings));
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#sweep = setInterval(() => {
      for (const pool of this.pools) pool.closeUnused(Date.now());
    }, sweepMs);
  }

  /** Listens on a port of 127.0.0.1, 0 for a free one. Returns the port. */
  listen(port: number): Promise<number> {
    return new Promise((listening, failed) => {
      this.#server.once("error", failed);
      this.#server.listen({ port, host: "127.0.0.1", backlog: 1024 }, () => {
        listening((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#server.close();
    for (const pool of this.pools) pool.close();
    for (const socket of this.#sockets) socket.destroySoon();
  }

  stats(): PoolerStats {
    const { user, system } = process.cpuUsage();
    return {
      pools: this.pools.map((pool) => pool.stats()),
      clients: this.#sockets.size,
      cpuMicroseconds: user + system,
      residentBytes: process.memoryUsage.rss(),
    };
  }

  newKey(): SessionKey {
    this.#lastPid = (this.#lastPid + 1) % 0x7fff_ffff;
    return { pid: this.#lastPid, secret: randomInt(-0x8000_0000, 0x8000_0000) };
  }

  cancel({ pid, secret }: SessionKey): void {
    const known = this.#clients.get(pid);
    if (known?.secret === secret) known.client.cancel();
  }

  loggedIn(socket: Socket, pool: Pool, { pid, secret }: SessionKey, rest: Buffer): void {
    this.#clients.set(pid, { secret, client: new ClientConnection(socket, pool, rest) });
    socket.once("close", () => this.#clients.delete(pid));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    // "close" follows an error and is handled.
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
    // oxlint-disable-next-line no-new -- the socket's listeners keep it
    new Login(socket, this);
  }
}
