import { edgeUrl } from "../../schema/forwarded.ts";

const ownNames = new Map<unknown, string>(Object.entries(edgeUrl).map(([name, url]) => [url, name]));

/** How often each binding was called since the isolate began. For one machine only: a test or a benchmark compares two reports. */
export class CallCounter {
  readonly #counts = new Map<string, number>();

  /**
   * A binding whose every call is counted under `name`, or, if `byMethod`, under `name method`; what the edge asks for itself, behind
   * responses, under its path.
   */
  count<T extends object>(name: string, binding: T, byMethod = false): T {
    return new Proxy(binding, {
      get: (target, property) => {
        // A binding's methods are found by their names and called on it: they are no values to be passed around.
        const methods = target as unknown as Record<PropertyKey, (...args: unknown[]) => unknown>;
        return (...args: unknown[]): unknown => {
          const counted = ownNames.get(args[0]) ?? (byMethod ? `${name} ${String(property)}` : name);
          this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
          return methods[property]?.(...args);
        };
      },
    });
  }

  /** The counts by name. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** The counts as `region=12, directory=3`. */
  report(): string {
    return Array.from(this.#counts, ([name, count]) => `${name}=${count}`).join(", ");
  }
}
