import { basename } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files with a platform of their own, the longest first. Every other file of this folder uses the shared platform. */
export const ownPlatformFiles = [
  "webhook-faults",
  "audit-delivery",
  "start",
  "faults",
  "event-faults",
  "faults-database",
  "webhook-copies",
  "audit-retention",
  "residency-canary",
  "webhook-at-rest",
  "interrupted",
  "region-failure",
] as const;

/**
 * Orders files so that two at a time keep both cores busy: the longest file with a platform of its own, beside it the files that use the
 * shared platform one after the other, then the rest; tests without a platform are last, because they are short.
 */
export class FileOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- this is the method of the class, not of an array
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId, project }: TestSpecification): number {
  if (project.name === "platform") return 1;
  const at = (ownPlatformFiles as readonly string[]).indexOf(basename(moduleId, ".test.ts"));
  if (at === 0) return 0;
  return at === -1 ? ownPlatformFiles.length + 1 : at + 1;
}
