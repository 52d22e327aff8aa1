/**
 * Writes of one isolate to a cache with Redis behind it.
 *
 * Each write is a record of the journal before it is visible in the table, and is acknowledged after it is both. So a
 * killed process leaves either nothing, or a record that the leader brings to Redis.
 */
import type { Journal, JournalWrite, Settled } from '../journal/contract'
import type { Condition, Fleet, L1Table, L1View, Life } from '../l1/table'
import { EncodedValue } from '../wire/codec'
import { CacheError } from '../words/errors'
import { checkKey } from '../words/keys'
import type { FarSettings } from './far-tier'
import { capped } from './far-tier'
import { ALWAYS, CLEAR, DELETE, hostOrder, IF_ABSENT, IF_VERSION, SET } from './journal-words'

/** What one write is done under. */
export interface WriteTerms {
  life: Life
  writeMode: 'behind' | 'through' | 'around'
  partitionBy?: ((key: string) => string) | undefined
  condition?: Condition
  sourceVersion?: number
}

/** What the table made of a write: `order` places it among the key's writes, undefined = the table refused it. */
interface Applied<T> {
  order: number | undefined
  result: T
}

interface Accepted<T> {
  mark: number
  result: T
}

export class FarWrites {
  readonly #table: L1Table
  readonly #journal: Journal
  readonly #settings: FarSettings

  constructor(table: L1Table, journal: Journal, settings: FarSettings) {
    this.#table = table
    this.#journal = journal
    this.#settings = settings
  }

  /**
   * Resolves to a version above 0, or to 0 when a condition did not hold. Rejects with ERR_CACHE_JOURNAL_FULL,
   * unchanged, or in modes that wait for Redis with ERR_CACHE_L2_TIMEOUT: then the write stays on its way.
   */
  set(view: L1View, key: string, value: unknown, terms: WriteTerms): Promise<number> {
    checkKey(key)
    const encoded = EncodedValue.of(value)
    const isConditional = terms.condition !== undefined || (terms.sourceVersion ?? 0) > 0
    const record: JournalWrite = {
      op: SET, namespace: view.namespace, key, partition: this.#partitionOf(view, key, terms), codec: encoded.codec, payload: encoded.payload,
      life: capped(terms.life, this.#settings.ttlMs), condition: conditionOf(terms.condition), expected: expectedOf(terms.condition),
      sourceVersion: terms.sourceVersion ?? 0,
    }
    if (isConditional || terms.writeMode === 'around') {
      // The table must not show what Redis may refuse: it is read back on the next miss.
      return this.#write(view, record, () => {
        const { version } = view.remove(key)
        return { order: hostOrder(version, DELETE), result: 0 }
      }, encoded).then(({ mark }) => this.#confirmed(mark, true))
    }
    const put = (fleet: Fleet): Applied<number> => this.#put(view, key, encoded, terms.life, undefined, fleet)
    return this.#write(view, record, put, encoded).then(({ mark, result }) =>
      terms.writeMode === 'through' ? this.#confirmed(mark) : result,
    )
  }

  /** True if the host's table had a value. */
  delete(view: L1View, key: string, terms: WriteTerms): Promise<boolean> {
    checkKey(key)
    const record = { ...BLANK, op: DELETE, namespace: view.namespace, key, partition: this.#partitionOf(view, key, terms) }
    return this.#write(view, record, () => {
      const { wasThere, version } = view.remove(key)
      return { order: hostOrder(version, DELETE), result: wasThere }
    }).then(async ({ mark, result }) => {
      if (terms.writeMode !== 'behind') await this.#confirmed(mark)
      return result
    })
  }

  /** Stores the table's present value again with another life; false when there is none. */
  async renew(view: L1View, key: string, terms: WriteTerms, lifeOf: (hardLeftMs: number, ttlLeftMs: number) => Life): Promise<boolean> {
    for (;;) {
      const entry = view.entry(key)
      if (entry === undefined) return false
      const life = lifeOf(entry.hardLeftMs, entry.ttlLeftMs)
      const encoded = EncodedValue.of(entry.value)
      const record: JournalWrite = {
        op: SET, namespace: view.namespace, key, partition: this.#partitionOf(view, key, terms), codec: encoded.codec, payload: encoded.payload,
        life: capped(life, this.#settings.ttlMs), condition: ALWAYS, expected: 0, sourceVersion: 0,
      }
      const condition: Condition = { if: 'version', version: entry.version }
      const { mark, result } = await this.#write(view, record, (fleet) => this.#put(view, key, encoded, life, condition, fleet), encoded)
      if (result === 0) continue
      if (terms.writeMode !== 'behind') await this.#confirmed(mark)
      return true
    }
  }

  /** Drops a namespace on this host at once, and on the others as soon as they hear of it. */
  async clear(view: L1View, terms: WriteTerms): Promise<void> {
    const record = { ...BLANK, op: CLEAR, namespace: view.namespace, key: '', partition: CONTROL_PARTITION }
    const { mark } = await this.#write(view, record, () => {
      view.clear()
      return { order: 0, result: undefined }
    })
    if (terms.writeMode !== 'behind') await this.#confirmed(mark)
  }

  /** Waits until what this isolate has written so far is in Redis; false when the time is up first. */
  drained(deadlineMs: number): Promise<boolean> {
    return this.#journal.ownSettled(deadlineMs)
  }

  #put(view: L1View, key: string, encoded: EncodedValue, life: Life, condition: Condition | undefined, fleet: Fleet): Applied<number> {
    const version = view.set(key, encoded, life, condition, fleet)
    if (version > 0) return { order: hostOrder(version, SET), result: version }
    if (condition !== undefined) return { order: undefined, result: 0 }
    // No room in the table: the key is absent there, and the value is on its way to Redis.
    const order = hostOrder(view.remove(key).version, DELETE)
    return { order, result: order }
  }

  /** At once where the journal has room; else as soon as it has. */
  #write<T>(view: L1View, record: JournalWrite, apply: (fleet: Fleet) => Applied<T>, encoded?: EncodedValue): Promise<Accepted<T>> {
    try {
      const accepted = this.#attempt(view, record, apply)
      if (accepted !== undefined) return Promise.resolve(accepted)
      encoded?.detach()
      return this.#writeWhenRoomy(view, encoded === undefined ? record : { ...record, payload: encoded.payload }, apply)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #writeWhenRoomy<T>(view: L1View, record: JournalWrite, apply: (fleet: Fleet) => Applied<T>): Promise<Accepted<T>> {
    const deadlineMs = performance.now() + this.#settings.hardTimeoutMs
    while (await this.#journal.roomy(deadlineMs)) {
      const accepted = this.#attempt(view, record, apply)
      if (accepted !== undefined) return accepted
    }
    throw new CacheError(
      'ERR_CACHE_JOURNAL_FULL',
      `the journal of pending writes had no room for ${this.#settings.hardTimeoutMs} ms: Redis is away or too slow. Nothing was written.`,
    )
  }

  /** Undefined when the journal is full. */
  #attempt<T>(view: L1View, record: JournalWrite, apply: (fleet: Fleet) => Applied<T>): Accepted<T> | undefined {
    for (;;) {
      const mark = this.#journal.prepare(record)
      if (mark === 0) return undefined
      if (mark < 0) throw new CacheError('ERR_CACHE_VALUE', `value must fit into the journal, got more than ${this.#journal.maxRecordBytes} bytes`)
      const epoch = view.epoch()
      let applied: Applied<T>
      try {
        applied = apply({ mark, doubt: this.#table.doubt() })
      } catch (error) {
        this.#journal.cancel(mark)
        throw error
      }
      if (applied.order === undefined) {
        this.#journal.cancel(mark)
        return { mark: 0, result: applied.result }
      }
      const isCleared = record.op !== CLEAR && view.epoch() !== epoch
      // Cleared meanwhile, or given up by the leader, which could not wait: the write has not been acknowledged, so it is made anew.
      if (isCleared) this.#journal.cancel(mark)
      else if (this.#journal.commit(mark, applied.order, epoch)) return { mark, result: applied.result }
    }
  }

  /** What Redis made of the record: a version, or 0 where a condition did not hold. */
  async #confirmed(mark: number, isConditional = false): Promise<number> {
    if (mark === 0) return 0
    const { hardTimeoutMs } = this.#settings
    const settled = await this.#journal.settled(mark, performance.now() + hardTimeoutMs)
    if (settled === undefined) {
      throw new CacheError('ERR_CACHE_L2_TIMEOUT', `Redis must confirm the write within ${hardTimeoutMs} ms, it did not. The write stays in the journal and is sent until there is an answer.`)
    }
    if (isConditional && (settled.result === 'dup' || settled.result === 'unknown')) {
      throw new CacheError('ERR_CACHE_L2_TIMEOUT', 'Redis has decided about the write, its answer was lost')
    }
    return versionOf(settled)
  }

  #partitionOf(view: L1View, key: string, terms: WriteTerms): number {
    return this.#settings.partitionOf(view.namespace, key, terms.partitionBy?.(key))
  }
}

const CONTROL_PARTITION = 256
const BLANK = { codec: 0, payload: '', life: { ttlMs: 0, graceMs: 0 }, condition: ALWAYS, expected: 0, sourceVersion: 0 } as const

function versionOf(settled: Settled): number {
  switch (settled.result) {
    case 'stored':
      return settled.version
    case 'lost':
    case 'older':
      return 0
    case 'dead':
      throw new CacheError('ERR_CACHE_L2_REFUSED', 'Redis must take the write, it refused it; deadLetters() tells why')
    default:
      // Answered under another record, or replaced by a later write of this host before it was sent.
      return Math.max(settled.version, 1)
  }
}

function conditionOf(condition: Condition | undefined): JournalWrite['condition'] {
  return condition === undefined ? ALWAYS : condition.if === 'absent' ? IF_ABSENT : IF_VERSION
}

function expectedOf(condition: Condition | undefined): number {
  return condition?.if === 'version' ? condition.version : 0
}
