/**
 * Commands as the bytes of the protocol, several one after the other in one block. For commands of thousands of arguments,
 * where a string or Buffer for each of them costs more than everything else.
 */

const ZERO = 48
const STAR = 42
const DOLLAR = 36
/** Above, the engine's own copying is faster than a loop. */
const SHORT = 48

export class RespBlock {
  bytes: Buffer
  view: DataView
  at = 0
  #start = 0

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Nobody needs what is in it any more. */
  clear(): void {
    this.at = 0
    this.#start = 0
  }

  /** The next command begins here. */
  begin(parts: number): void {
    this.#start = this.at
    this.reserve(64)
    this.#head(STAR, parts)
  }

  /** The command that `begin` began. It stays as it is. */
  end(): Buffer {
    return this.bytes.subarray(this.#start, this.at)
  }

  /** Room for so many bytes more. Places within the command move: take them relative to `origin`. */
  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return
    const size = this.at - this.#start
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.bytes.length, (size + count) * 2))
    bytes.set(this.bytes.subarray(this.#start, this.at))
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
    this.at = size
    this.#start = 0
  }

  get origin(): number {
    return this.#start
  }

  /** The head of a string of so many bytes, which are written next, and after them `close`. */
  open(length: number): void {
    this.#head(DOLLAR, length)
  }

  close(): void {
    this.bytes[this.at] = 13
    this.bytes[this.at + 1] = 10
    this.at += 2
  }

  ascii(text: string): void {
    this.reserve(text.length + 32)
    this.open(text.length)
    for (let i = 0; i < text.length; i++) this.bytes[this.at + i] = text.charCodeAt(i)
    this.at += text.length
    this.close()
  }

  /** Writes `prefix` and the UTF-8 bytes of `text` as one string. How many bytes the text has; they end before `at - 2`. */
  utf8(prefix: Uint8Array, text: string): number {
    this.reserve(prefix.length + text.length * 3 + 32)
    const { bytes } = this
    const guess = digitsOf(prefix.length + text.length)
    const first = this.at + guess + 3
    bytes.set(prefix, first)
    const start = first + prefix.length
    const length = writeText(bytes, text, start)
    const digits = digitsOf(prefix.length + length)
    if (digits !== guess) bytes.copyWithin(first + digits - guess, first, start + length)
    this.open(prefix.length + length)
    this.at += prefix.length + length
    this.close()
    return length
  }

  /** The same of bytes that somebody else writes: so many of them. */
  suffixed(prefix: Uint8Array, from: { putSuffix?(target: Uint8Array, at: number): void }, length: number): void {
    this.reserve(prefix.length + length + 32)
    this.open(prefix.length + length)
    const { bytes, at } = this
    for (let i = 0; i < prefix.length; i++) bytes[at + i] = prefix[i]!
    from.putSuffix!(bytes, at + prefix.length)
    this.at = at + prefix.length + length
    this.close()
  }

  number(value: number): void {
    this.reserve(64)
    this.open(digitsOf(value))
    this.#digits(value)
    this.close()
  }

  /** Bytes that are in the block already. */
  again(from: number, length: number): void {
    const { bytes, at } = this
    if (length > SHORT) bytes.copyWithin(at, from, from + length)
    else for (let i = 0; i < length; i++) bytes[at + i] = bytes[from + i]!
    this.at += length
  }

  u64(value: number): void {
    const high = Math.floor(value / 2 ** 32)
    this.view.setUint32(this.at, high)
    this.view.setUint32(this.at + 4, value - high * 2 ** 32)
    this.at += 8
  }

  u32(value: number): void {
    this.view.setUint32(this.at, value)
    this.at += 4
  }

  #head(kind: number, count: number): void {
    this.bytes[this.at++] = kind
    this.#digits(count)
    this.close()
  }

  /** Whole numbers from 0 to 2^53. */
  #digits(value: number): void {
    const end = this.at + digitsOf(value)
    const { bytes } = this
    let at = end
    let rest = value
    // Small numbers are divided much faster.
    for (; rest > 0x3fffffff; ) {
      const high = Math.floor(rest / 1e7)
      let low = rest - high * 1e7
      for (let i = 0; i < 7; i++) {
        const next = (low / 10) | 0
        bytes[--at] = ZERO + low - next * 10
        low = next
      }
      rest = high
    }
    do {
      const next = (rest / 10) | 0
      bytes[--at] = ZERO + rest - next * 10
      rest = next
    } while (at > this.at)
    this.at = end
  }
}

export function digitsOf(value: number): number {
  if (value < 10) return 1
  if (value < 100) return 2
  if (value < 1000) return 3
  let digits = 4
  for (let limit = 1e4; value >= limit; limit *= 10) digits++
  return digits
}

function writeText(bytes: Buffer, text: string, start: number): number {
  const { length } = text
  if (length > SHORT * 2) return bytes.write(text, start)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return bytes.write(text, start)
    bytes[start + i] = code
  }
  return length
}
