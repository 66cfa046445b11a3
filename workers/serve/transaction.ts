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
  const pipeline = new Pipeline(client);
  const begun = pipeline.begin(opening(options));
  const result = start(work, pipeline.sql);
  const statements = unsentStatements(result);
  if (statements === null) {
    return (await interactive(pipeline, options, begun, result as PromiseLike<unknown>)) as TransactionResult<R>;
  }
  const results = await inOneFlight(pipeline, options, begun, statements);
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
  begun: PromiseLike<unknown>,
  statements: readonly Unsent[],
): Promise<unknown[]> {
  const sent: Promise<unknown>[] = [];
  for (const statement of statements) {
    const result = Promise.resolve(statement.execute());
    result.catch(() => undefined);
    sent.push(result);
    // Drizzle is free to do something else before it sends. The order is ours to keep, with COMMIT behind all of them.
    // oxlint-disable-next-line no-await-in-loop -- waits for the sending alone, not for the result
    await Promise.race([pipeline.reached(sent.length), result]);
  }
  const committed = pipeline.end("commit");
  committed.catch(() => undefined);
  const [, ...results] = await allInOrder([begun, ...sent]);
  if (readOnly !== true) await committed;
  return results;
}

async function interactive(
  pipeline: Pipeline,
  { readOnly }: TransactionOptions,
  begun: PromiseLike<unknown>,
  result: PromiseLike<unknown>,
): Promise<unknown> {
  let value: unknown;
  try {
    [, value] = await allInOrder([begun, result]);
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

/** Waits until all have settled; throws the error of the first in order that failed. */
async function allInOrder(promises: readonly PromiseLike<unknown>[]): Promise<unknown[]> {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  });
}
