/**
 * The one alarm of an object. Setting it and deleting it are billed as a row written each, so what is in force already is not written again.
 * Its time is read from storage once; `load` must have resolved before anything else is called.
 */
export class Alarm {
  readonly #storage: DurableObjectStorage;
  #at: number | null = null;
  #loaded = false;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Reads the time that an earlier life of the object set. */
  async load(): Promise<void> {
    if (this.#loaded) return;
    const at = await this.#storage.getAlarm();
    // Another caller may have loaded and set it meanwhile.
    if (!this.#loaded) this.#at = at;
    this.#loaded = true;
  }

  /** Notes that the alarm has fired: none is set now. */
  fired(): void {
    this.#at = null;
    this.#loaded = true;
  }

  /** Sets it to `time` (epoch milliseconds), or deletes it with null. The storage call is made before this returns its promise. */
  async set(time: number | null): Promise<void> {
    if (this.#at === time) return;
    this.#at = time;
    await (time === null ? this.#storage.deleteAlarm() : this.#storage.setAlarm(time));
  }

  /** Sets it unless it is set to `time` (epoch milliseconds) or earlier. */
  async setBy(time: number): Promise<void> {
    if (this.#at === null || this.#at > time) await this.set(time);
  }
}
