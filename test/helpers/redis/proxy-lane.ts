/** One direction of one connection through the fault proxy. */
import type { Socket } from 'node:net'

export interface Trickle { bytes: number; everyMs: number }

export interface LaneFaults {
  /** Each chunk arrives this much later than it would, in order. */
  delayMs(): number
  /** Chunks are taken apart into drops, each so much later than the one before it. */
  trickle(): Trickle | undefined
  isStalled(): boolean
  isBlackHole(): boolean
  /** What to pass on of these bytes. */
  through(bytes: Buffer): Buffer
  /** Called with bytes about to be passed; returns how many of them still may be, before the cut. */
  allowance(bytes: number): number
}

export class Lane {
  readonly #queue: { bytes: Buffer; dueMs: number }[] = []
  #timer: NodeJS.Timeout | undefined
  #hasEnded = false
  #isCut = false

  constructor(readonly source: Socket, readonly sink: Socket, readonly faults: LaneFaults) {
    source.on('data', (chunk: Buffer) => {
      if (this.#isCut || faults.isBlackHole()) return
      const bytes = faults.through(chunk)
      this.#enqueue(bytes)
      this.update()
    })
    source.on('end', () => {
      this.#hasEnded = true
      this.update()
    })
    sink.on('drain', () => this.update())
    source.on('close', () => clearTimeout(this.#timer))
  }

  /** Moves what may move; to be called when a fault has changed. A stalled lane does not even read. */
  update(): void {
    clearTimeout(this.#timer)
    const isHeld = this.faults.isStalled() && !this.faults.isBlackHole()
    if (!isHeld) this.#flush()
    const isFull = this.sink.writableNeedDrain && !this.sink.destroyed
    if (isHeld || isFull) this.source.pause()
    else this.source.resume()
  }

  #enqueue(bytes: Buffer): void {
    let dueMs = performance.now() + this.faults.delayMs()
    const drops = this.faults.trickle()
    const size = drops?.bytes ?? bytes.length
    if (drops !== undefined) dueMs = Math.max(dueMs, (this.#queue.at(-1)?.dueMs ?? 0) + drops.everyMs)
    for (let at = 0; at < bytes.length; at += size, dueMs += drops?.everyMs ?? 0) {
      this.#queue.push({ bytes: bytes.subarray(at, at + size), dueMs })
    }
  }

  #flush(): void {
    for (let next = this.#queue[0]; next !== undefined && !this.sink.destroyed; next = this.#queue[0]) {
      const waitMs = next.dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.update(), waitMs)
        return
      }
      if (this.sink.writableNeedDrain) return
      this.#queue.shift()
      this.#pass(next.bytes)
    }
    if (this.#hasEnded && !this.faults.isBlackHole() && !this.sink.writableEnded) this.sink.end()
  }

  #pass(bytes: Buffer): void {
    const allowed = this.faults.allowance(bytes.length)
    if (allowed > bytes.length) {
      this.sink.write(bytes)
      return
    }
    // The last bytes still arrive, then both sides lose the connection.
    this.#isCut = true
    this.#queue.length = 0
    this.sink.end(bytes.subarray(0, allowed), () => {
      this.sink.destroySoon()
      if (this.source.writableEnded) this.source.destroy()
      else this.source.resetAndDestroy()
    })
  }
}
