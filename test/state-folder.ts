import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A new state folder among the temporary ones. Others may pass through it, though not look into it: where the tests run as root,
 * Postgres runs as somebody else and would otherwise have to move elsewhere, programs and all.
 */
export function newStateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "domicile-test-"));
  chmodSync(folder, 0o711);
  return folder;
}
