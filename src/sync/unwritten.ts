/**
 * Writes of one isolate whose values the pool compresses: begun, but not yet visible anywhere.
 *
 * A `set` takes effect when its bytes are there. Until then its promise is open, so other processes may see either state.
 * Within the isolate the order of calls is kept, as if each write were done at once:
 *
 *   - Each later change of the key (set, delete, touch, expire, a clear) first makes the write that waits happen, with the
 *     bytes as they are, not compressed. So a delete that was called after a set wins, and of two sets the later one.
 *   - A read that gives a promise waits for the write; one that cannot wait makes it happen. Nobody is shown the value
 *     from here before it is in the table: another process could not see it yet.
 *   - The write ends the loads that began before it, in all processes, and a load of this isolate that is asked for after
 *     it waits. Conditions are tested when it takes effect.
 *
 * No place in the order is taken ahead in the table: a lease would stop the loads and the writes of other processes for as
 * long as the compression takes, and a killed process would leave it behind. What is not in the table is lost with its
 * process, and was not acknowledged.
 *
 * A loaded value has its lease while it is compressed; whatever ends the lease meanwhile makes it unstorable, as ever.
 */
import type { L1View } from '../l1/table'
import type { EncodedValue } from '../wire/codec'
import type { Packing } from './packing'

interface Waiting {
  /** Makes the write happen now; later calls do nothing. */
  write: (stored: EncodedValue) => void
  plain: EncodedValue
  written: Promise<void>
}

export class Unwritten {
  readonly #byKey = new Map<string, Waiting>()

  get isEmpty(): boolean {
    return this.#byKey.size === 0
  }

  /** Calls `write` with the compressed bytes when they are there, or earlier with the plain ones. */
  add<T>(view: L1View, key: string, { plain, packed }: Packing, write: (stored: EncodedValue) => T | Promise<T>): Promise<T> {
    this.hurry(view, key)
    const id = idOf(view, key)
    return new Promise<T>((resolve, reject) => {
      let isWritten = false
      let onWritten!: () => void
      const waiting: Waiting = {
        plain,
        written: new Promise((done) => void (onWritten = done)),
        write: (stored) => {
          if (isWritten) return
          isWritten = true
          this.#byKey.delete(id)
          try {
            // Visible when `write` returns, or with a full journal later: then reads need not wait for it.
            resolve(write(stored))
          } catch (error) {
            reject(error)
          } finally {
            onWritten()
          }
        },
      }
      this.#byKey.set(id, waiting)
      void packed.then(waiting.write)
    })
  }

  /** The write of the key that waits happens now. */
  hurry(view: L1View, key: string): void {
    if (this.#byKey.size === 0) return
    const waiting = this.#byKey.get(idOf(view, key))
    waiting?.write(waiting.plain)
  }

  /** All that wait happen now. */
  hurryAll(): void {
    for (const { write, plain } of [...this.#byKey.values()]) write(plain)
  }

  /** Resolves when the write of the key that waits now has happened; undefined when none does. */
  written(view: L1View, key: string): Promise<void> | undefined {
    return this.#byKey.size === 0 ? undefined : this.#byKey.get(idOf(view, key))?.written
  }
}

/** No path has a '\0'. */
function idOf(view: L1View, key: string): string {
  return `${view.namespace}\0${key}`
}
