import type postgres from "postgres";
import { Pipeline } from "./pipeline.ts";

/** A statement that is built but not sent: a query of the driver or of Drizzle. */
export type Unsent<T = unknown> = PromiseLike<T> & { execute(): unknown };

/**
 * What the work of a transaction returns. Statements that are returned unsent, one or an array, travel in one flight with BEGIN and COMMIT.
 * A promise means that the work sends its statements itself, because it needs the result of one for the next.
 */
export type TransactionWork = PromiseLike<unknown> | readonly Unsent[];

/** The results of a transaction's work: a tuple for an array of statements. */
export type TransactionResult<R extends TransactionWork> = R extends readonly unknown[]
  ? { -readonly [K in keyof R]: Awaited<R[K]> }
  : Awaited<R>;

/** How a transaction begins. */
export interface TransactionOptions {
  /** A read-only transaction resolves without waiting for the reply to its COMMIT. */
  readonly readOnly?: boolean;
  /** Settings for the time of the transaction (SET LOCAL), by name: ids that row-level security goes by. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Runs one transaction with a client of one connection. BEGIN and the settings travel in the same flight as the first statement. When
 * anything fails, the transaction is rolled back and the first error is thrown.
 */
export async function inTransaction<R extends TransactionWork>(
  client: postgres.Sql,
  options: TransactionOptions,
  work: (sql: postgres.ISql) => R,
): Promise<TransactionResult<R>> {
  const pipeline = new Pipeline(client, opening(options));
  const result = start(work, pipeline.sql);
  const statements = unsentStatements(result);
  if (statements === null) {
    return (await interactive(pipeline, options, result as PromiseLike<unknown>)) as TransactionResult<R>;
  }
  const results = await inOneFlight(pipeline, options, statements);
  return (Array.isArray(result) ? results : results[0]) as TransactionResult<R>;
}

/** Work that fails before it returns must still be rolled back. */
function start<R extends TransactionWork>(work: (sql: postgres.ISql) => R, sql: postgres.ISql): R | Promise<unknown> {
  try {
    return work(sql);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** One simple query: the server runs both statements before it replies. */
function opening({ readOnly, settings = {} }: TransactionOptions): string {
  const begin = readOnly === true ? "begin read only" : "begin";
  const local = Object.entries(settings).map(([name, value]) => `set local ${name} = '${checkedId(value)}'`);
  return [begin, ...local].join("; ");
}

/** A TypeID and nothing else: SET takes no parameters, so the value stands in the text of the statement. */
function checkedId(value: string): string {
  if (!/^[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(value)) throw new Error("a transaction setting is not a TypeID");
  return value;
}

function unsentStatements(result: TransactionWork | Promise<unknown>): readonly Unsent[] | null {
  const all = Array.isArray(result) ? result : [result];
  return all.every(isUnsent) ? all : null;
}

function isUnsent(value: unknown): value is Unsent {
  return typeof value === "object" && value !== null && "execute" in value && typeof value.execute === "function";
}

/** A statement that fails makes the server refuse those behind it and turn COMMIT into ROLLBACK. */
async function inOneFlight(
  pipeline: Pipeline,
  { readOnly }: TransactionOptions,
  statements: readonly Unsent[],
): Promise<unknown[]> {
  if (statements.length === 0) return [];
  const results: Promise<unknown>[] = [];
  for (const statement of statements) {
    const result = Promise.resolve(statement.execute());
    results.push(result);
    // Drizzle is free to do something else before it sends: wait, so that the order stays. Rejects if the statement cannot be built.
    // oxlint-disable-next-line no-await-in-loop -- nothing is sent yet
    await Promise.race([pipeline.reached(results.length), result]);
    if (pipeline.count < results.length) throw new Error("a statement was not made with its transaction");
  }
  const committed = pipeline.end("commit");
  committed.catch(() => undefined);
  await pipeline.reached(results.length + 1);
  pipeline.start();
  const outcomes = await Promise.allSettled(results);
  await pipeline.opened();
  const values = outcomes.map(valueOf);
  if (readOnly !== true) await committed;
  return values;
}

async function interactive(
  pipeline: Pipeline,
  { readOnly }: TransactionOptions,
  result: PromiseLike<unknown>,
): Promise<unknown> {
  pipeline.start();
  const [outcome] = await Promise.allSettled([result]);
  let value: unknown;
  try {
    await pipeline.opened();
    value = valueOf(outcome);
  } catch (error) {
    // A rollback that cannot be sent is not needed: the server rolls back what loses its connection.
    await pipeline.end("rollback").catch(() => undefined);
    throw error;
  }
  const committed = pipeline.end("commit");
  committed.catch(() => undefined);
  if (readOnly !== true) await committed;
  return value;
}

function valueOf(outcome: PromiseSettledResult<unknown>): unknown {
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value;
}
