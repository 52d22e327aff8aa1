/**
 * Writes of one isolate to a cache with Redis behind it.
 *
 * Each write is a record of the journal before it is visible in the table, and is acknowledged after it is both. So a
 * killed process leaves either nothing, or a record that the leader brings to Redis.
 */
import { BY_KEY, type DeadLetter, type HostDisk, type Journal, type JournalWrite } from '../journal/contract'
import type { Condition, Fleet, L1Table, L1View, Life, TagClear } from '../l1/table'
import { Codec, EncodedValue } from '../wire/codec'
import { readStamp, restamped } from '../wire/tags'
import { CacheError } from '../words/errors'
import { checkKey } from '../words/keys'
import { capped } from './far-hit'
import { encodedAgain, stateOfWrite } from './far-tags'
import type { FarSettings } from './far-tier'
import { CLEAR, DELETE, EXPIRE, FILL, hostOrder, IF_ABSENT, IF_VERSION, SET } from './journal-words'
import { nearLife } from './near-life'
import { packedValue, type PackTerms } from './packing'
import { type Accepted, Safety } from './safety'
import { nameOfTagClear, tagClearOf } from './tag-words'
import { heardUpTo, isOfMark, markOf, versionOfEntry, versionOfMark } from './versions'
import { viewAt } from './views'
import { BLANK, conditionOf, CONTROL_PARTITION, expectedOf, isAwaited, isReplicated, type WriteTerms } from './write-terms'

/** What the table made of a write. */
interface Applied<T> {
  /** Its place among the key's writes; undefined = the table refused it. */
  order: number | undefined
  result: T
  /** The table's version of the value it shows; absent: it shows none. */
  version?: number
  /** Of the value shown: under another one it is cleared. */
  epoch?: number
  /** It has been seen, and is over: another write came after it, whose mark this is, or 0 if that one is settled. */
  heir?: number
}

/** What a write did to the table before its leader gave it up. */
interface GivenUp<T> extends Applied<T> {
  mark: number
}

/** Changes the table; `before` when it has to be done anew. */
type Apply<T> = (fleet: Fleet, before?: GivenUp<T>) => Applied<T>

export class FarWrites {
  readonly #table: L1Table
  readonly #journal: Journal
  readonly #settings: FarSettings
  readonly #safety: Safety

  constructor(table: L1Table, journal: Journal, settings: FarSettings, disk: HostDisk) {
    this.#table = table
    this.#journal = journal
    this.#settings = settings
    this.#safety = new Safety(journal, settings.hardTimeoutMs, disk)
  }

  /**
   * Resolves to a version (versions.ts), or to 0 when a condition did not hold. Rejects with ERR_CACHE_JOURNAL_FULL,
   * unchanged; where Redis or the disk is waited for with ERR_CACHE_L2_TIMEOUT or ERR_CACHE_DISK: then the write stays on
   * its way.
   */
  set(view: L1View, key: string, value: unknown, terms: WriteTerms, life = terms.life, deadlineMs = this.#deadlineOf(terms)): Promise<number> {
    checkKey(key)
    const encoded = EncodedValue.of(value)
    if (terms.condition?.if === 'version' && isOfMark(terms.condition.version)) {
      return this.#setOver(view, key, encoded, terms, life, markOf(terms.condition.version), deadlineMs)
    }
    const isConditional = terms.condition !== undefined || (terms.sourceVersion ?? 0) > 0
    const record: JournalWrite = {
      // Who waits for nothing need not know it.
      op: SET, namespace: view.namespace, key, partition: terms.partitionBy === undefined && !isAwaited(terms) ? BY_KEY : this.#partitionOf(view, key, terms), codec: encoded.codec, payload: encoded.payload,
      life: capped(life, this.#settings.ttlMs), condition: conditionOf(terms.condition), expected: expectedOf(terms.condition),
      sourceVersion: terms.sourceVersion ?? 0, wantsReplica: isReplicated(terms),
    }
    if (isConditional || terms.writeMode === 'around') {
      // The table must not show what Redis may refuse: it is read back on the next miss.
      return this.#write(view, record, () => {
        const { version } = view.remove(key)
        return { order: hostOrder(version, DELETE), result: 0 }
      }, encoded, deadlineMs).then((accepted) => this.#safety.confirmed(accepted, terms, true))
    }
    const near = nearLife(life, terms)
    const put: Apply<number> = (fleet, before) => this.#put(view, key, encoded, near, undefined, fleet, before)
    if (terms.durability === 'disk') encoded.detach()
    if (!isAwaited(terms)) {
      // By far the most common: there is room, and nothing to wait for.
      const accepted = this.#attempt(view, record, put, encoded)
      if (accepted !== undefined) return Promise.resolve(versionOfMark(accepted.mark))
      return this.#writeLater(view, record, put, encoded, encoded, deadlineMs).then(({ mark }) => versionOfMark(mark))
    }
    return this.#write(view, record, put, encoded, deadlineMs).then((accepted) => this.#safety.acknowledged(view, { ...record, payload: encoded.payload }, accepted, terms))
  }

  /** Over a write of this host that was not answered when its version was asked for. */
  async #setOver(view: L1View, key: string, encoded: EncodedValue, terms: WriteTerms, life: Life, mark: number, deadlineMs = this.deadline(terms)): Promise<number> {
    encoded.detach()
    const version = await this.#safety.answered(mark, deadlineMs)
    return version === 0 ? 0 : this.set(view, key, encoded, { ...terms, condition: { if: 'version', version } }, life, deadlineMs)
  }

  /** Writes again what Redis had refused, as a write of now. False for what was not kept whole, or whose life is over. */
  async retry(letter: DeadLetter): Promise<boolean> {
    const tag = letter.op === CLEAR ? tagClearOf(letter.namespace) : undefined
    if (tag !== undefined) {
      await this.clearTag(this.#table.root, tag.slot, tag.kind, { life: BLANK.life, writeMode: 'behind' })
      return true
    }
    const view = viewAt(this.#table, letter.namespace)
    if (letter.op === CLEAR) {
      await this.clear(view, { life: BLANK.life, writeMode: 'behind' })
      return true
    }
    const { key, partition, codec, payload } = letter
    if (letter.op === DELETE) {
      await this.#write(view, { ...BLANK, op: DELETE, namespace: view.namespace, key, partition }, () => this.#remove(view, key))
      return true
    }
    const life = this.#lifeLeft(letter)
    if (letter.op !== SET || payload === undefined || life === undefined) return false
    // A tag of it was cleared after it was written.
    if (stateOfWrite(this.#table, codec, payload, life) !== 'current') return false
    const encoded = new EncodedValue(codec, payload)
    const record: JournalWrite = { ...BLANK, op: SET, namespace: view.namespace, key, partition, codec, payload, life }
    const put: Apply<number> = (fleet, before) => this.#put(view, key, encoded, life, undefined, fleet, before)
    await this.#write(view, record, put, encoded)
    return true
  }

  #lifeLeft({ softAtMs, hardAtMs }: DeadLetter): Life | undefined {
    if (softAtMs === 0) return { ttlMs: 0, graceMs: 0 }
    const nowMs = this.#journal.nowMs()
    const ttlMs = Math.max(1, softAtMs - nowMs)
    return hardAtMs <= nowMs ? undefined : { ttlMs, graceMs: Math.max(0, hardAtMs - nowMs - ttlMs) }
  }

  /** True if the host's table had a value. */
  delete(view: L1View, key: string, terms: WriteTerms): Promise<boolean> {
    checkKey(key)
    const record = { ...BLANK, op: DELETE, namespace: view.namespace, key, partition: this.#partitionOf(view, key, terms), wantsReplica: isReplicated(terms) }
    return this.#write(view, record, () => this.#remove(view, key), undefined, this.#deadlineOf(terms)).then(async (accepted) => {
      if (isAwaited(terms)) await this.#safety.acknowledged(view, record, accepted, terms)
      return accepted.result
    })
  }

  /**
   * Removes the value of that version (versions.ts), of whatever host it is: true for one of all who try. Version 0 is a
   * value that Redis does not have, `held` its version in the table. Rejects as a conditional `set`.
   */
  async take(view: L1View, key: string, terms: WriteTerms, version: number, held: number): Promise<boolean> {
    const deadlineMs = this.deadline(terms)
    const expected = isOfMark(version) ? await this.#safety.answered(markOf(version), deadlineMs) : version
    if (version > 0 && expected === 0) return false
    const partition = this.#partitionOf(view, key, terms)
    const record: JournalWrite = { ...BLANK, op: DELETE, namespace: view.namespace, key, partition, condition: expected > 0 ? IF_VERSION : IF_ABSENT, expected, wantsReplica: isReplicated(terms) }
    const takeHeld: Apply<boolean> = (_, before) => before ?? (view.take(key, held) ? { order: hostOrder(held, DELETE), result: true } : { order: undefined, result: false })
    const accepted = await this.#write(view, record, expected > 0 ? () => this.#remove(view, key) : takeHeld, undefined, deadlineMs)
    return (await this.#safety.confirmed(accepted, terms, true)) > 0
  }

  #remove(view: L1View, key: string): Applied<boolean> {
    const { wasThere, version } = view.remove(key)
    return { order: hostOrder(version, DELETE), result: wasThere }
  }

  /** Ends what carries a tag's slot on this host at once, and on the others as soon as they hear of it. */
  async clearTag(view: L1View, slot: number, kind: TagClear, terms: WriteTerms): Promise<void> {
    const { tags } = this.#table
    // The clock before it tells the leader whether the table has had it.
    const record = { ...BLANK, op: CLEAR, namespace: nameOfTagClear(slot, kind), key: '', partition: CONTROL_PARTITION, expected: tags.clock(), wantsReplica: isReplicated(terms) }
    const accepted = await this.#write(view, record, () => {
      tags.clear(slot, kind)
      return { order: 0, result: undefined }
    }, undefined, this.#deadlineOf(terms))
    if (isAwaited(terms)) await this.#safety.confirmed(accepted, terms)
  }

  /**
   * Stores the table's present value again with another life; false when there is none, undefined when it went while it was
   * encoded, or Redis turned out to have a newer one: what is below may be newer. The call began at `startMs`. With `ends`
   * it ends the life of whatever Redis has, also of what this host has not heard of: then the table's value goes.
   */
  async renew(
    view: L1View, key: string, terms: WriteTerms & PackTerms, lifeOf: (hardLeftMs: number, ttlLeftMs: number) => Life, startMs: number, ends: boolean,
  ): Promise<boolean | undefined> {
    const deadlineMs = startMs + this.#settings.hardTimeoutMs
    for (let isFirst = true; ; isFirst = false) {
      const entry = view.entry(key)
      if (entry === undefined) return isFirst || performance.now() >= deadlineMs ? false : undefined
      const life = lifeOf(entry.hardLeftMs, entry.ttlLeftMs)
      const packed = packedValue(terms, entry.value)
      const stored = packed instanceof Promise ? await packed : packed
      // With the clock of its tags: a new life makes nothing of what they have lost.
      const encoded = encodedAgain(view.namespace, { ...entry, value: stored })
      const partition = this.#partitionOf(view, key, terms)
      // What the table shows is not older than the key was when the host had heard of all up to there.
      const expected = versionOfEntry(this.#journal, entry) ?? heardUpTo(this.#journal.knownPositions(), partition)
      const record: JournalWrite = {
        op: ends ? EXPIRE : SET, namespace: view.namespace, key, partition, codec: encoded.codec, payload: encoded.payload,
        life: capped(life, this.#settings.ttlMs), wantsReplica: isReplicated(terms), condition: FILL, expected,
        sourceVersion: ends ? 0 : entry.notes?.sourceVersion ?? 0,
      }
      const condition: Condition = { if: 'version', version: entry.version }
      if (terms.durability === 'disk') encoded.detach()
      const put: Apply<number> = (fleet, before) => this.#put(view, key, encoded, nearLife(life, terms), condition, fleet, before)
      const accepted = await this.#write(view, record, put, encoded, deadlineMs, true)
      if (accepted.result === 0) continue
      if (!isAwaited(terms)) return true
      const written = await this.#safety.acknowledged(view, { ...record, op: SET, payload: encoded.payload }, { ...accepted, deadlineMs }, terms)
      if (written !== 0 || ends) return true
      view.invalidate(key, 0, (mark) => mark === accepted.mark)
      return performance.now() >= deadlineMs ? false : undefined
    }
  }

  /** Drops a namespace on this host at once, and on the others as soon as they hear of it. */
  async clear(view: L1View, terms: WriteTerms): Promise<void> {
    const record = { ...BLANK, op: CLEAR, namespace: view.namespace, key: '', partition: CONTROL_PARTITION, wantsReplica: isReplicated(terms) }
    const accepted = await this.#write(view, record, () => {
      view.clear()
      return { order: 0, result: undefined }
    }, undefined, this.#deadlineOf(terms))
    // A clear is not kept on the disk: it is safe when Redis has it.
    if (isAwaited(terms)) await this.#safety.confirmed(accepted, terms)
  }

  /** Waits until what this isolate has written so far is in Redis; false when the time is up first. */
  drained(deadlineMs: number): Promise<boolean> {
    return this.#journal.ownSettled(deadlineMs)
  }

  #put(
    view: L1View, key: string, encoded: EncodedValue, life: Life, condition: Condition | undefined, fleet: Fleet, before?: GivenUp<number>,
  ): Applied<number> {
    if (before?.version !== undefined) return this.#putAgain(view, key, encoded, life, condition, fleet, before)
    const version = view.set(key, encoded, life, condition, fleet)
    if (version > 0) return { order: hostOrder(version, SET), result: version, version, epoch: view.epochOfSet() }
    if (condition !== undefined) return { order: undefined, result: 0 }
    // No room in the table: the key is absent there, and the value is on its way to Redis.
    const order = hostOrder(view.remove(key).version, DELETE)
    return { order, result: order }
  }

  /**
   * Others have seen the value, so it keeps its place among what they did: it must not come back over what was written or
   * cleared since. Where the table has lost it by itself, it is put there once more.
   */
  #putAgain(
    view: L1View, key: string, encoded: EncodedValue, life: Life, condition: Condition | undefined, fleet: Fleet, before: GivenUp<number>,
  ): Applied<number> {
    const version = view.set(key, encoded, life, { if: 'version', version: before.version! }, fleet)
    if (version > 0) return { order: hostOrder(version, SET), result: version, version, epoch: view.epochOfSet() }
    const heir = view.epoch() !== before.epoch ? 0 : this.#journal.heir(before.mark, view.namespace, key, before.order!)
    return heir === undefined ? this.#put(view, key, encoded, life, condition, fleet) : { ...before, heir }
  }

  /** At once where the journal has room; else as soon as it has. */
  #write<T>(
    view: L1View, record: JournalWrite, apply: Apply<T>, encoded?: EncodedValue, deadlineMs?: number, keepsClock = false,
  ): Promise<Accepted<T>> {
    try {
      const fresh = keepsClock ? undefined : encoded
      const accepted = this.#attempt(view, record, apply, fresh)
      if (accepted !== undefined) {
        accepted.deadlineMs = deadlineMs
        return Promise.resolve(accepted)
      }
      return this.#writeLater(view, record, apply, encoded, fresh, deadlineMs)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The caller may change the value meanwhile. */
  #writeLater<T>(
    view: L1View, record: JournalWrite, apply: Apply<T>, encoded: EncodedValue | undefined, fresh: EncodedValue | undefined, deadlineMs: number | undefined,
  ): Promise<Accepted<T>> {
    encoded?.detach()
    return this.#writeWhenRoomy(view, encoded === undefined ? record : { ...record, payload: encoded.payload }, apply, fresh, deadlineMs)
  }

  async #writeWhenRoomy<T>(
    view: L1View, record: JournalWrite, apply: Apply<T>, encoded: EncodedValue | undefined, deadlineMs = performance.now() + this.#settings.hardTimeoutMs,
  ): Promise<Accepted<T>> {
    while (await this.#journal.roomy(deadlineMs)) {
      const accepted = this.#attempt(view, record, apply, encoded)
      if (accepted !== undefined) {
        accepted.deadlineMs = deadlineMs
        return accepted
      }
    }
    throw new CacheError(
      'ERR_CACHE_JOURNAL_FULL',
      `the journal of pending writes had no room for ${this.#settings.hardTimeoutMs} ms: Redis is away or too slow. Nothing was written.`,
    )
  }

  /** Undefined when the journal is full. `encoded`: what `apply` stores, if its tags hold as of now. */
  #attempt<T>(view: L1View, write: JournalWrite, apply: Apply<T>, encoded?: EncodedValue): Accepted<T> | undefined {
    // Not yet seen by anybody. What is cleared from here on comes after it: then it stays cleared.
    const record = encoded?.codec === Codec.tagged ? { ...write, payload: this.#restamp(encoded) } : write
    let before: GivenUp<T> | undefined
    for (;;) {
      const mark = this.#journal.prepare(record)
      if (mark <= 0) this.#withdraw(view, record, before)
      if (mark === 0) return undefined
      if (mark < 0) throw new CacheError('ERR_CACHE_VALUE', `value, key and namespace must have at most ${this.#journal.maxRecordBytes} bytes together (l2.maxValue), got more`)
      let applied: Applied<T>
      try {
        applied = apply({ mark, doubt: this.#table.doubt() }, before)
      } catch (error) {
        this.#journal.cancel(mark)
        this.#withdraw(view, record, before)
        throw error
      }
      const { order, result, heir } = applied
      if (order === undefined) {
        this.#journal.cancel(mark)
        this.#withdraw(view, record, before)
        return { mark: 0, order: 0, result, heir: undefined, deadlineMs: undefined }
      }
      // What was removed and not put in its place is not seen before the record is committed: it comes after all clears so far.
      const epoch = applied.epoch ?? view.epoch()
      // The table has this one in its place, or a later one.
      if (before !== undefined) this.#journal.cancel(before.mark)
      if (heir !== undefined) {
        this.#journal.cancel(mark)
        return { mark: before!.mark, order, result, heir, deadlineMs: undefined }
      }
      if (this.#journal.commit(mark, order, epoch)) return { mark, order, result, heir: undefined, deadlineMs: undefined }
      // Given up by the leader, which could not wait: the write has not been acknowledged, so it is made anew.
      before = { ...applied, mark }
    }
  }

  /** The bytes of a value with tags; as of now, if one of them was cleared since they were made. */
  #restamp(encoded: EncodedValue): Uint8Array {
    const payload = encoded.payload as Uint8Array
    const { slots, clock } = readStamp(payload)
    if (this.#table.tags.since(slots, clock) === 'current') return payload
    return (encoded.payload = restamped(payload, this.#table.tags.clock(), 0))
  }

  /** What the table shows of a write that was given up, and is not made anew, is nobody's: it goes, then the record. */
  #withdraw(view: L1View, { op, key }: JournalWrite, before: GivenUp<unknown> | undefined): void {
    if (before === undefined) return
    if (op === SET || op === EXPIRE) view.invalidate(key, 0, (shown) => shown === before.mark)
    this.#journal.cancel(before.mark)
  }

  /** When a call that waits for Redis has to end. */
  deadline({ startMs = performance.now() }: Pick<WriteTerms, 'startMs'>): number {
    return startMs + this.#settings.hardTimeoutMs
  }

  /** The same of a call that waits for Redis or the disk; undefined for one that does not. */
  #deadlineOf(terms: WriteTerms): number | undefined {
    const waits = isAwaited(terms) || terms.condition !== undefined || (terms.sourceVersion ?? 0) > 0
    return waits ? this.deadline(terms) : undefined
  }

  #partitionOf(view: L1View, key: string, terms: WriteTerms): number {
    return this.#settings.partitionOf(view.namespace, key, terms.partitionBy?.(key))
  }
}
