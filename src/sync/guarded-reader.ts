/**
 * Reads of Redis behind the host's breaker: while it is open nobody asks, and one probe per host finds
 * out whether Redis is back.
 */
import type { Journal } from '../journal/contract'
import type { ClaimOwner, ClaimResult, FarFailure, FarKey, FarReader, FarSame, ReadResult } from '../l2/contract'
import { CacheError } from '../words/errors'

export class GuardedReader implements FarReader {
  readonly #reader: FarReader
  readonly #journal: Journal
  #isProbing = false

  readonly #tell: (error: CacheError) => void

  /** `tell` hears of each read that failed. */
  constructor(reader: FarReader, journal: Journal, tell: (error: CacheError) => void = () => {}) {
    this.#reader = reader
    this.#journal = journal
    this.#tell = tell
  }

  async read(key: FarKey, deadlineMs: number): Promise<ReadResult> {
    const right = this.#enter()
    if (right === 'open') return OPEN
    const result = await this.#reader.read(key, deadlineMs)
    this.#leave(right, result, result.state !== 'failed')
    return result
  }

  async readMany(keys: readonly FarKey[], deadlineMs: number): Promise<ReadResult[]> {
    return Promise.all(keys.map((key) => this.read(key, deadlineMs)))
  }

  revalidate(key: FarKey, version: number, deadlineMs: number): Promise<FarSame | ReadResult> {
    return this.#guard(() => this.#reader.revalidate(key, version, deadlineMs))
  }

  claim(key: FarKey, owner: ClaimOwner, ms: number, deadlineMs: number): Promise<ClaimResult> {
    return this.#guard(() => this.#reader.claim(key, owner, ms, deadlineMs), isDenied)
  }

  release(key: FarKey, owner: ClaimOwner, deadlineMs: number): Promise<boolean> {
    return this.#reader.release(key, owner, deadlineMs)
  }

  /** Whether Redis answers; asks for what is never there. */
  async isAnswered(deadlineMs: number): Promise<boolean> {
    return (await this.read(NOTHING, deadlineMs)).state !== 'failed'
  }

  stats(): Record<string, number> {
    return this.#reader.stats()
  }

  close(): Promise<void> {
    return this.#reader.close()
  }

  /** `isAnswer`: failures that show Redis to be there. */
  async #guard<T extends FarSame | ReadResult | ClaimResult>(
    ask: () => Promise<T>, isAnswer: (error: CacheError) => boolean = () => false,
  ): Promise<T | FarFailure> {
    const right = this.#enter()
    if (right === 'open') return OPEN
    const result = await ask()
    this.#leave(right, result, result.state !== 'failed' || isAnswer(result.error))
    return result
  }

  #enter(): 'closed' | 'open' | 'probe' {
    const right = this.#journal.status.breaker.mayTry()
    if (right === 'probe') this.#isProbing = true
    return right
  }

  #leave(right: 'closed' | 'probe', result: FarSame | ReadResult | ClaimResult, isGood: boolean): void {
    if (result.state === 'failed') this.#tell(result.error)
    // A read from before the breaker opened, that fails now, says nothing new; it must not end the probe.
    if (right === 'probe' || isGood || !this.#isProbing) {
      this.#isProbing = false
      this.#journal.status.breaker.report(isGood)
    }
  }
}

/** No key is empty. */
const NOTHING: FarKey = { namespace: '', key: '', partition: 0, nsEpoch: 0 }

/** Who may not claim may still read. */
function isDenied({ code }: CacheError): boolean {
  return code === 'ERR_CACHE_L2_DENIED'
}

const OPEN: FarFailure & { isUnasked: true } = { isUnasked: true, state: 'failed', error: new CacheError('ERR_CACHE_L2_UNAVAILABLE', 'Redis does not answer; the next attempt is not due yet') }
