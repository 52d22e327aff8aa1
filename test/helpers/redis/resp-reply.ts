/** What a whole frame of RESP says. */

export class RedisError extends Error {
  override name = 'RedisError'
}

/** Text and bulk strings are bytes here: a test decides what is text. */
export type Reply = null | number | bigint | boolean | Buffer | RedisError | Reply[] | Push

/** A message that answers no command, in RESP3. */
export class Push {
  constructor(readonly elements: Reply[]) {}
}

/** Maps become arrays of keys and values, attributes are passed over. `frame` is whole and valid. */
export function readReply(frame: Buffer): Reply {
  return new Reader(frame).next()
}

/** Command and words as clients send them. */
export function encodeCommand(words: readonly (string | Buffer | number)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = typeof word === 'object' ? word : Buffer.from(String(word))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

class Reader {
  #at = 0

  constructor(readonly frame: Buffer) {}

  next(): Reply {
    const end = this.frame.indexOf('\r\n', this.#at)
    const type = String.fromCharCode(this.frame[this.#at]!)
    const line = this.frame.toString('utf8', this.#at + 1, end)
    this.#at = end + 2
    switch (type) {
      case '+': return Buffer.from(line)
      case '-': return new RedisError(line)
      case ':': return Number(line)
      case ',': return Number(line.replace('inf', 'Infinity'))
      case '(': return BigInt(line)
      case '#': return line === 't'
      case '_': return null
      case '=': return this.#blob(Number(line))?.subarray(4) ?? null
      case '$': return this.#blob(Number(line))
      case '!': return new RedisError(String(this.#blob(Number(line))))
      case '>': return new Push(this.#elements(Number(line)))
      case '%': return this.#elements(2 * Number(line))
      case '|':
        this.#elements(2 * Number(line))
        return this.next()
      default: return Number(line) < 0 ? null : this.#elements(Number(line))
    }
  }

  #blob(bytes: number): Buffer | null {
    if (bytes < 0) return null
    const start = this.#at
    this.#at += bytes + 2
    return this.frame.subarray(start, start + bytes)
  }

  #elements(count: number): Reply[] {
    return Array.from({ length: count }, () => this.next())
  }
}
