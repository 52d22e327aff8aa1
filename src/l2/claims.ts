/**
 * Rights to load a key on behalf of all hosts: a key in Redis that expires by itself and holds a token only its owner
 * knows. What is loaded is fenced by the version of the value it goes over, as every fill is; a claim only saves loads.
 *
 * Its end is told on the channel, for those a new value does not tell.
 */
import type { ClaimResult, FarKey } from './contract'
import { Failure, garbled } from './driver-errors'
import { encodeRelease } from './message'
import { type Names, suffixOf } from './names'
import type { Nodes } from './nodes'

const RELEASE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`

export class Claims {
  readonly #nodes: Nodes
  readonly #names: Names

  constructor(nodes: Nodes, names: Names) {
    this.#nodes = nodes
    this.#names = names
  }

  async claim(key: FarKey, token: string, ms: number, deadlineMs: number): Promise<ClaimResult> {
    const name = this.#nameOf(key)
    const requests = [['SET', name, token, 'NX', 'PX', Math.max(1, Math.ceil(ms))], ['PTTL', name]] as const
    const answers = (await this.#nodes.send(new Map([[key.partition, requests]]), deadlineMs)).get(key.partition)!
    const [set, left] = answers
    for (const answer of answers) if (answer instanceof Failure) return { state: 'failed', error: answer.error }
    if (set !== null) return { state: 'won' }
    // It may have ended between the two commands.
    return typeof left === 'number' ? { state: 'taken', leftMs: Math.max(1, left) } : { state: 'failed', error: garbled(this.#nodes.host).error }
  }

  /** Best effort: a claim that is not given back expires. */
  async release(key: FarKey, token: string, origin: string, deadlineMs: number): Promise<void> {
    const told = encodeRelease(origin, suffixOf(key.namespace, key.key))
    const request = ['EVAL', RELEASE, 1, this.#nameOf(key), token, this.#names.channel, told] as const
    await this.#nodes.send(new Map([[key.partition, [request]]]), deadlineMs)
  }

  #nameOf({ partition, namespace, key, nsEpoch }: FarKey): string {
    return this.#names.claim(partition, suffixOf(namespace, key), nsEpoch)
  }
}
