/**
 * Rights to load a key on behalf of all hosts: a key in Redis that expires by itself and holds the host and a token only
 * its owner knows. What is loaded is fenced by the version of the value it goes over, as every fill is; a claim only saves loads.
 *
 * A host has one load of a key at a time. So a claim of its own that it finds is of a load that is over, or that was ended
 * by a change of the key, and is replaced.
 *
 * Its end is told on the channel, for those a new value does not tell.
 */
import type { ClaimOwner, ClaimResult, FarKey } from './contract'
import { Failure, garbled } from './driver-errors'
import type { Order } from './link'
import { encodeRelease } from './message'
import { type Names, suffixOf } from './names'
import type { Nodes } from './nodes'

/** 0: it is claimed. Else how long another host has it yet, in milliseconds. */
const CLAIM = `local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, #ARGV[1]) ~= ARGV[1] then return math.max(1, redis.call('PTTL', KEYS[1])) end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
return 0`

const RELEASE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] .. ARGV[2] then return 0 end
redis.call('UNLINK', KEYS[1])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1`

export class Claims {
  readonly #nodes: Nodes
  readonly #names: Names

  constructor(nodes: Nodes, names: Names) {
    this.#nodes = nodes
    this.#names = names
  }

  async claim(key: FarKey, { host, token }: ClaimOwner, ms: number, deadlineMs: number): Promise<ClaimResult> {
    const answer = await this.#ask(key, ['EVAL', CLAIM, 1, this.#nameOf(key), `${host}.`, token, Math.max(1, Math.ceil(ms))], deadlineMs)
    if (answer instanceof Failure) return { state: 'failed', error: answer.error }
    if (typeof answer !== 'number') return { state: 'failed', error: garbled(this.#nodes.host).error }
    return answer === 0 ? { state: 'won' } : { state: 'taken', leftMs: answer }
  }

  /** False: it may still be there. */
  async release(key: FarKey, { host, token }: ClaimOwner, deadlineMs: number): Promise<boolean> {
    const told = encodeRelease(host, suffixOf(key.namespace, key.key))
    const answer = await this.#ask(key, ['EVAL', RELEASE, 1, this.#nameOf(key), `${host}.`, token, this.#names.channel, told], deadlineMs)
    return !(answer instanceof Failure) || answer.error.code === 'ERR_CACHE_L2_DENIED' || answer.error.code === 'ERR_CACHE_L2_REFUSED'
  }

  async #ask({ partition }: FarKey, request: Order, deadlineMs: number): Promise<unknown> {
    return (await this.#nodes.send(new Map([[partition, [request]]]), deadlineMs)).get(partition)![0]
  }

  #nameOf({ partition, namespace, key, nsEpoch }: FarKey): string {
    return this.#names.claim(partition, suffixOf(namespace, key), nsEpoch)
  }
}
