import { KeyList } from './key-list'
import { checkCapacity, type Policy } from './policy'

const ABSENT = 0
const WINDOW = 1
const PROBATION = 2
const PROTECTED = 3
const PROTECTED_SHARE = 0.8
const SAMPLE_FACTOR = 10

/**
 * W-TinyLFU with a static window: an LRU window for new keys in front of a segmented LRU (20 % probation,
 * 80 % protected). What leaves the window enters main only if the sketch has seen it more often than main's victim.
 * The publication's doorkeeper and the later hill climbing of the window are left out.
 *
 * Source: G. Einziger, R. Friedman, B. Manes, "TinyLFU: a highly efficient cache admission policy",
 * ACM Transactions on Storage 13(4), 2017.
 */
export class WTinyLfu implements Policy {
  readonly name: string
  readonly #windowCapacity: number
  readonly #mainCapacity: number
  readonly #protectedCapacity: number
  readonly #window: KeyList
  readonly #probation: KeyList
  readonly #guarded: KeyList
  readonly #where: Uint8Array
  readonly #sketch: FrequencySketch

  constructor(capacity: number, keys: number, windowShare = 0.01) {
    checkCapacity(capacity)
    this.name = `w-tinylfu(window ${Math.round(windowShare * 100)} %)`
    this.#windowCapacity = Math.max(1, Math.floor(capacity * windowShare))
    this.#mainCapacity = capacity - this.#windowCapacity
    this.#protectedCapacity = Math.floor(this.#mainCapacity * PROTECTED_SHARE)
    this.#window = new KeyList(keys)
    this.#probation = new KeyList(keys)
    this.#guarded = new KeyList(keys)
    this.#where = new Uint8Array(keys)
    this.#sketch = new FrequencySketch(capacity)
  }

  access(key: number): boolean {
    this.#sketch.add(key)
    switch (this.#where[key]) {
      case WINDOW:
        this.#window.moveToHead(key)
        return true
      case PROBATION:
        this.#probation.remove(key)
        this.#enter(this.#guarded, key, PROTECTED)
        if (this.#guarded.size > this.#protectedCapacity) this.#enter(this.#probation, this.#guarded.popTail(), PROBATION)
        return true
      case PROTECTED:
        this.#guarded.moveToHead(key)
        return true
      default:
        this.#enter(this.#window, key, WINDOW)
        if (this.#window.size > this.#windowCapacity) this.#admit(this.#window.popTail())
        return false
    }
  }

  #admit(candidate: number): void {
    if (this.#probation.size + this.#guarded.size >= this.#mainCapacity) {
      const queue = this.#probation.size > 0 ? this.#probation : this.#guarded
      if (this.#sketch.estimate(candidate) <= this.#sketch.estimate(queue.tail)) {
        this.#where[candidate] = ABSENT
        return
      }
      this.#where[queue.popTail()] = ABSENT
    }
    this.#enter(this.#probation, candidate, PROBATION)
  }

  #enter(queue: KeyList, key: number, place: number): void {
    queue.pushHead(key)
    this.#where[key] = place
  }
}

const ROWS = 4
const MAX_COUNT = 15
/** One odd multiplier per row, so that keys which collide in one row are apart in the others. */
const ROW_SEEDS = Uint32Array.of(0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f)

/** Count-min sketch of counters up to 15, halved once `SAMPLE_FACTOR` times the capacity was counted. */
class FrequencySketch {
  readonly #counters: Uint8Array
  readonly #width: number
  readonly #sampleSize: number
  #counted = 0

  constructor(capacity: number) {
    this.#width = 2 ** Math.max(6, Math.ceil(Math.log2(capacity)))
    this.#counters = new Uint8Array(this.#width * ROWS)
    this.#sampleSize = capacity * SAMPLE_FACTOR
  }

  add(key: number): void {
    for (let row = 0; row < ROWS; row++) {
      const at = this.#index(key, row)
      if (this.#counters[at]! < MAX_COUNT) this.#counters[at]!++
    }
    if (++this.#counted >= this.#sampleSize) this.#halve()
  }

  estimate(key: number): number {
    let least = MAX_COUNT
    for (let row = 0; row < ROWS; row++) least = Math.min(least, this.#counters[this.#index(key, row)]!)
    return least
  }

  #index(key: number, row: number): number {
    let hash = Math.imul(key + 1, ROW_SEEDS[row]!)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    hash ^= hash >>> 13
    return row * this.#width + (hash & (this.#width - 1))
  }

  #halve(): void {
    for (let at = 0; at < this.#counters.length; at++) this.#counters[at]! >>= 1
    this.#counted >>= 1
  }
}
