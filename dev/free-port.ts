import { createServer, type AddressInfo } from "node:net";

/** The addresses of `localhost`. */
export const loopback = ["127.0.0.1", "::1"] as const;

/** A TCP port on loopback that nobody listens on just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Whether a port of an address of loopback is free; "absent" where the machine has no such address. */
export function portState(port: number, host: (typeof loopback)[number]): Promise<"free" | "busy" | "absent"> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") return resolve("busy");
      if (error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT") return resolve("absent");
      return reject(error);
    });
    server.listen({ port, host, ipv6Only: host === "::1" }, () => server.close(() => resolve("free")));
  });
}
