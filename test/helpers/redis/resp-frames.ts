/** Cuts what a Redis sends, in whatever pieces it arrives, into whole frames of RESP2 or RESP3. */

const CR = 13
const LF = 10

/** A frame that is an array of this many elements, or attributes before a frame, as its elements. */
const AGGREGATES: Record<string, (count: number) => number> = {
  '*': (count) => count,
  '~': (count) => count,
  '>': (count) => count,
  '%': (count) => 2 * count,
  // Attributes stand before the element they belong to.
  '|': (count) => 2 * count + 1,
}
const BLOBS = '$=!'
const LINES = '+-:_,#('

export class RespFrames {
  #bytes: Buffer = Buffer.alloc(0)
  readonly #later: Buffer[] = []
  #size = 0
  /** Below this many bytes there is nothing new to see. */
  #wanted = 0
  /** Where the next element begins, and how many elements each open aggregate still lacks. */
  #at = 0
  readonly #open: number[] = []

  /** How many bytes of a frame that is not whole yet it has. */
  get held(): number {
    return this.#size
  }

  /** These bytes; after `push` has thrown, all that it has not returned. */
  rest(): Buffer {
    return this.#bytes = Buffer.concat([this.#bytes, ...this.#later.splice(0)])
  }

  /** The frames that this chunk completes, byte for byte. Throws on what is not RESP. */
  push(chunk: Buffer): Buffer[] {
    this.#later.push(chunk)
    this.#size += chunk.length
    if (this.#size < this.#wanted) return []
    this.rest()
    const frames: Buffer[] = []
    let start = 0
    while (this.#element()) {
      if (this.#open.length > 0) continue
      frames.push(this.#bytes.subarray(start, this.#at))
      start = this.#at
    }
    this.#bytes = this.#bytes.subarray(start)
    this.#size = this.#bytes.length
    this.#at -= start
    this.#wanted -= start
    return frames
  }

  /** Steps over the next element, or over the head of an aggregate; false if it is not all there. */
  #element(): boolean {
    const end = this.#bytes.indexOf('\r\n', this.#at)
    if (end < 0) {
      this.#wanted = this.#bytes.length + 1
      return false
    }
    const type = String.fromCharCode(this.#bytes[this.#at]!)
    const line = this.#bytes.toString('latin1', this.#at + 1, end)
    let next = end + 2
    if (type in AGGREGATES) {
      this.#at = next
      const elements = AGGREGATES[type]!(Math.max(0, length(type, line)))
      if (elements > 0) this.#open.push(elements)
      else this.#close()
      return true
    }
    if (BLOBS.includes(type)) {
      const bytes = length(type, line)
      if (bytes >= 0) next += bytes + 2
      if (this.#bytes.length < next) {
        this.#wanted = next
        return false
      }
      if (this.#bytes[next - 2] !== CR || this.#bytes[next - 1] !== LF) throw notResp(`${type}${line} has another length`)
    } else if (!LINES.includes(type)) throw notResp(type + line)
    this.#at = next
    this.#close()
    return true
  }

  #close(): void {
    while (this.#open.length > 0) {
      const left = this.#open.pop()! - 1
      if (left > 0) {
        this.#open.push(left)
        return
      }
    }
  }
}

function length(type: string, line: string): number {
  if (!/^(-1|\d{1,10})$/.test(line)) throw notResp(type + line)
  return Number(line)
}

const notResp = (text: string): Error => new Error(`not RESP: ${JSON.stringify(text.slice(0, 40))}`)
