import { renameSync, writeFileSync } from "node:fs";

/** Writes a file that this user alone may read, whole or not at all: a process killed in the middle leaves the old one. */
export function writePrivately(file: string, contents: string): void {
  writeFileSync(`${file}.new`, contents, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
