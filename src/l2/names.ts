/**
 * Partitions, and the names of keys in Redis.
 *
 *   sc1:{shop.17}:d|<namespace>|<key>   value or tombstone (envelope.ts)
 *   sc1:{shop.17}:s                     hash: n = sequence, e = epoch id, o|<origin> = last
 *                                       operation of that host and its answers; in partition 256
 *                                       also |<namespace> = fleet epoch of the namespace, and
 *                                       |#d<slot>, |#x<slot> = sequence at which the tags of a
 *                                       slot were deleted, expired last
 *   sc1:{shop.17}:l                     stream: log of messages, entry id = <last sequence>-0
 *   sc1:{shop.17}:f<epoch>|<namespace>|<key>   claim of a load for all hosts (claims.ts); the sum of
 *                                       the namespace's fleet epochs is in its name
 *   sc1:{shop}:m                        channel of the cache
 *
 * A namespace path has no '|', so the first one after it ends it: no two pairs share a name. All
 * keys of a partition have one hash tag, and so one slot of a cluster.
 */
import { misuse } from '../words/errors'
import { PARTITIONS } from './contract'

export const DEFAULT_PREFIX = 'sc1'

const PREFIX = /^[A-Za-z0-9._:@-]{1,64}$/
const CACHE = /^[A-Za-z0-9._-]{1,64}$/

/** What names an entry within its partition, in keys, envelopes and messages. */
export function suffixOf(namespace: string, key: string): string {
  return `${namespace}|${key}`
}

export function splitSuffix(suffix: string): { namespace: string; key: string } | undefined {
  const bar = suffix.indexOf('|')
  return bar < 0 ? undefined : { namespace: suffix.slice(0, bar), key: suffix.slice(bar + 1) }
}

/** The names of one cache. */
export class Names {
  readonly channel: string
  readonly #stems: string[] = []
  readonly #dataStems: Uint8Array[] = []

  /** Throws ERR_CACHE_OPTION for a prefix or cache name that could change the meaning of a key. */
  constructor(cache: string, prefix = DEFAULT_PREFIX) {
    if (!CACHE.test(cache)) throw misuse('ERR_CACHE_OPTION', 'name', '1 to 64 letters, digits or any of "._-"', cache)
    if (!PREFIX.test(prefix)) {
      throw misuse('ERR_CACHE_OPTION', 'keyPrefix', '1 to 64 letters, digits or any of "._:@-"', prefix)
    }
    this.channel = `${prefix}:{${cache}}:m`
    for (let partition = 0; partition <= PARTITIONS; partition++) {
      this.#stems.push(`${prefix}:{${cache}.${partition}}:`)
      this.#dataStems.push(Buffer.from(this.data(partition, '')))
    }
  }

  data(partition: number, suffix: string): string {
    return `${this.#stems[partition]!}d|${suffix}`
  }

  claim(partition: number, suffix: string, nsEpoch: number): string {
    return `${this.#stems[partition]!}f${nsEpoch}|${suffix}`
  }

  /** What the names of a partition's data begin with, as bytes. */
  dataStem(partition: number): Uint8Array {
    return this.#dataStems[partition]!
  }

  state(partition: number): string {
    return `${this.#stems[partition]!}s`
  }

  log(partition: number): string {
    return `${this.#stems[partition]!}l`
  }

  /** Keys that only a check of permissions uses. */
  probe(partition: number, name: string): string {
    return `${this.#stems[partition]!}p|${name}`
  }
}
