/**
 * `work`, or a rejection as of a database that cannot be reached (`ETIMEDOUT`) after `ms`: a database that accepts connections and does
 * not answer must not hold up its caller for ever.
 */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(Object.assign(new Error("Postgres does not answer"), { code: "ETIMEDOUT" })), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
