/** Milliseconds between two looks. */
const lookMs = 1;

/**
 * Waits until `holds`, looking each millisecond, for `forMs` at most; returns whether it held.
 *
 * Hazard: this is how a request waits for what another request of the isolate is doing. It may not await the other's promise:
 * in workerd 1.20261023.1 what follows then runs, now and then and ever more often under load, in the other request's context, and
 * its first I/O fails ("Cannot perform I/O on behalf of a different request"; tried at 64 connections, with every way of passing
 * promises or resolvers on). A timer is the request's own, and state is only data. docs/decisions/0009-waiting-for-another-request.md has the figures.
 */
export async function until(holds: () => boolean, forMs: number): Promise<boolean> {
  const deadline = Date.now() + forMs;
  while (!holds()) {
    if (Date.now() >= deadline) return false;
    // oxlint-disable-next-line no-await-in-loop -- looking again is the point
    await new Promise((look) => {
      setTimeout(look, lookMs);
    });
  }
  return true;
}
