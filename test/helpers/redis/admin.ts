/** A connection for administration: one command at a time is asked and answered, nothing is retried. */
import { type Socket, connect } from 'node:net'
import { type Deferred, deferred } from '../deferred'
import { RespFrames } from './resp-frames'
import { encodeCommand, readReply, RedisError, type Reply } from './resp-reply'

const DEADLINE_MS = 15_000

/** Texts in place of bytes, all the way down. */
export type Answer = null | number | bigint | boolean | string | Answer[]

export class Admin {
  #socket: Socket | undefined
  #waiting: Deferred<Answer>[] = []

  /** Connects when first asked, and again after the connection has ended. `hello` is sent before all else. */
  constructor(readonly path: string, readonly hello: readonly string[] | undefined) {}

  /** Rejects with RedisError if Redis refuses, and with another error if it is gone or silent. */
  ask(...words: (string | number | Buffer)[]): Promise<Answer> {
    this.#socket ??= this.#connect()
    return this.#send(words)
  }

  close(): void {
    this.#drop(new Error('the connection was closed'))
  }

  async #send(words: readonly (string | number | Buffer)[]): Promise<Answer> {
    const answer = deferred<Answer>()
    this.#waiting.push(answer)
    this.#socket!.write(encodeCommand(words))
    const deadline = setTimeout(
      () => this.#drop(new Error(`no answer to ${words.slice(0, 2).join(' ')} in ${DEADLINE_MS} ms`)), DEADLINE_MS)
    try {
      return await answer.promise
    } finally {
      clearTimeout(deadline)
    }
  }

  #connect(): Socket {
    const frames = new RespFrames()
    const socket = connect({ path: this.path })
    const isCurrent = (): boolean => this.#socket === socket
    socket.on('data', (chunk: Buffer) => frames.push(chunk).forEach((frame) => this.#hear(readReply(frame))))
    socket.on('error', (error) => isCurrent() && this.#drop(error))
    socket.on('close', () => isCurrent() && this.#drop(new Error('Redis closed the connection')))
    this.#socket = socket
    // Its answer comes first; a refusal shows in the answer to what was asked.
    if (this.hello) this.#send(this.hello).catch(() => {})
    return socket
  }

  #hear(reply: Reply): void {
    const answer = this.#waiting.shift()
    if (reply instanceof RedisError) answer?.reject(reply)
    else answer?.resolve(toAnswer(reply))
  }

  #drop(error: Error): void {
    this.#socket?.destroy()
    this.#socket = undefined
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}

function toAnswer(reply: Reply): Answer {
  if (Buffer.isBuffer(reply)) return reply.toString()
  if (Array.isArray(reply)) return reply.map(toAnswer)
  if (reply instanceof Error) return reply.message
  if (reply !== null && typeof reply === 'object') return reply.elements.map(toAnswer)
  return reply
}
