/** What Redis has now, and who wrote it, as far as values and the log of a partition tell. */
import type { CatchUp } from './catch-up'
import type { FarHistory, Held } from './contract'
import { Failure } from './driver-errors'
import { readHeader } from './envelope'
import { suffixOf } from './names'

const MAX_MESSAGES = 4096
const KEYS_AT_ONCE = 512

export class History implements FarHistory {
  readonly #catchUp: CatchUp

  constructor(catchUp: CatchUp) {
    this.#catchUp = catchUp
  }

  async now(partition: number, deadlineMs: number): Promise<{ epoch: number; clockMs: number | undefined } | undefined> {
    const { states, time } = await this.#catchUp.states([partition], deadlineMs)
    if (!states.has(partition)) return undefined
    const clockMs = Array.isArray(time) ? Number(time[0]) * 1000 + Number(time[1]) / 1000 : undefined
    return { epoch: states.get(partition)?.epoch ?? 0, clockMs }
  }

  async held(partition: number, keys: readonly { namespace: string; key: string }[], afterSeq: number, deadlineMs: number): Promise<(Held | undefined)[] | undefined> {
    const held: (Held | undefined)[] = []
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const heads = await this.#catchUp.heads(partition, keys.slice(at, at + KEYS_AT_ONCE).map(({ namespace, key }) => suffixOf(namespace, key)), deadlineMs)
      // What is of another type than ours will be refused when it is written to.
      if (heads.some((head) => head instanceof Failure && head.class_ !== 'permanent')) return undefined
      for (const head of heads) {
        const envelope = Buffer.isBuffer(head) ? readHeader(head) : undefined
        held.push(envelope && { version: envelope.version, createdAtMs: envelope.createdAtMs, hostOrder: envelope.hostOrder, origin: undefined })
      }
    }
    // After the values, so that it has their messages.
    const messages = (await this.#catchUp.logs(new Map([[partition, afterSeq]]), MAX_MESSAGES, deadlineMs)).get(partition)
    if (messages === undefined) return undefined
    const origins = new Map<number, string>()
    for (const { events, origin } of messages) {
      for (const event of events) if (event.kind !== 0 && event.kind !== 5) origins.set(event.version, origin)
    }
    for (const one of held) if (one !== undefined) one.origin = origins.get(one.version)
    return held
  }
}
