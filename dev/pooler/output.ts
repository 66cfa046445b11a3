import type { Socket } from "node:net";

/** Collects bytes for a socket. What lies side by side in one buffer stays one piece and is not copied. */
export class Output {
  #pieces: Buffer[] = [];
  #buffer: Buffer | null = null;
  #start = 0;
  #end = 0;

  /** Adds `buffer` from `start` to `end`. */
  add(buffer: Buffer, start = 0, end = buffer.length): void {
    if (buffer === this.#buffer && start === this.#end) {
      this.#end = end;
      return;
    }
    this.#finishPiece();
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
  }

  /** Writes everything in one system call; false if the socket has more to send than it should. */
  writeTo(socket: Socket): boolean {
    this.#finishPiece();
    const pieces = this.#pieces;
    if (pieces.length === 0) return true;
    this.#pieces = [];
    if (!socket.writable) return true;
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined) return socket.write(only);
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.uncork();
    return !socket.writableNeedDrain;
  }

  #finishPiece(): void {
    if (this.#buffer !== null && this.#end > this.#start) {
      this.#pieces.push(this.#buffer.subarray(this.#start, this.#end));
    }
    this.#buffer = null;
  }
}
