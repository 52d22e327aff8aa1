/** Takes whole pub/sub messages out of what a Redis sends, and passes all other bytes as they are. */
import { RespFrames } from './resp-frames'
import { Push, readReply, type Reply } from './resp-reply'

export interface PubSubMessage {
  kind: 'message' | 'pmessage' | 'smessage'
  channel: string
  payload: Buffer
}

export type DropRule = (message: PubSubMessage) => boolean

/** One connection's stream from Redis to the client, from its first byte. */
export class PushDropper {
  readonly #frames = new RespFrames()
  /** Bytes of the frame at hand that have been passed already: such a frame cannot be dropped any more. */
  #passed = 0
  #isResp = true
  #isSubscriber = false

  /** `rule` says what to drop now; while there is none nothing is held back. */
  constructor(readonly rule: () => DropRule | undefined) {}

  /** The bytes to pass on, now that this chunk has come. Throws if there is a rule and the stream is not RESP. */
  push(chunk: Buffer): Buffer {
    if (!this.#isResp) return this.#asItIs(chunk)
    const before = this.#frames.held
    let whole: Buffer[]
    try {
      whole = this.#frames.push(chunk)
    } catch {
      this.#isResp = false
      return this.#asItIs(this.#frames.rest().subarray(this.#passed))
    }
    const isAllNew = whole.length === 0 && this.#passed === before
    const passing = whole.map((frame) => this.#decide(frame))
    if (this.rule() === undefined) {
      passing.push(isAllNew ? chunk : this.#frames.rest().subarray(this.#passed))
      this.#passed = this.#frames.held
    }
    return passing.length === 1 ? passing[0]! : Buffer.concat(passing)
  }

  #asItIs(bytes: Buffer): Buffer {
    if (this.rule() !== undefined) throw new Error('cannot drop messages from a stream that is not RESP')
    return bytes
  }

  #decide(frame: Buffer): Buffer {
    const rest = frame.subarray(this.#passed)
    const isUntouched = this.#passed === 0
    this.#passed = 0
    const message = this.#read(frame)
    return message !== undefined && isUntouched && this.rule()?.(message) ? Buffer.alloc(0) : rest
  }

  #read(frame: Buffer): PubSubMessage | undefined {
    const isPush = frame[0] === 0x3e
    if (!isPush && frame[0] !== 0x2a) return undefined
    // In RESP2 a reply of three strings may look like a message, but not to a subscriber.
    if (!isPush && !this.#isSubscriber && !/^\*3\r\n\$\d+\r\n[ps]?subscribe\r\n/.test(frame.toString('latin1', 0, 40))) return undefined
    const reply = readReply(frame)
    return this.#understand(reply instanceof Push ? reply.elements : reply as Reply[])
  }

  #understand([kind, ...words]: Reply[]): PubSubMessage | undefined {
    const name = String(kind)
    if (/^[ps]?subscribe$/.test(name)) this.#isSubscriber = true
    if (/^[ps]?unsubscribe$/.test(name)) this.#isSubscriber = Number(words.at(-1)) > 0
    if (!/^[ps]?message$/.test(name)) return undefined
    const [channel, payload] = words.slice(-2)
    return { kind: name as PubSubMessage['kind'], channel: String(channel), payload: payload as Buffer }
  }
}
