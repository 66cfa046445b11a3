/**
 * Something that is wrong with an export.
 * - `malformed`: a line is not what an export has there
 * - `not_signed`: the checkpoint is not signed with a key that is trusted
 * - `changed`: a record is not the one that was put into the tree
 * - `personal_changed`: its personal fields are not those that were committed to
 * - `removed`: a leaf of the tree has no record
 * - `reordered`, `duplicate`: a record is out of its place, or there twice
 * - `cut_off`: the end of the file or of the log is missing
 * - `inconsistent`: a checkpoint does not continue another
 */
export interface Finding {
  readonly kind:
    | "malformed"
    | "not_signed"
    | "changed"
    | "personal_changed"
    | "removed"
    | "reordered"
    | "duplicate"
    | "cut_off"
    | "inconsistent";
  /** The line of the file, from 1; 0: the file as a whole. */
  readonly line: number;
  /** The leaf it is about. */
  readonly leafIndex?: number;
  /** The record it is about. */
  readonly recordId?: string;
  readonly message: string;
}
