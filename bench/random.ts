/** Seeded randomness: every run of a benchmark asks for the same keys in the same order. */

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 0x9e3779b9) >>> 0
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }
}

/** `length` numbers below `count`, each as likely as any other. */
export function uniform(count: number, length: number, seed: number): Uint32Array {
  const random = new Random(seed)
  return Uint32Array.from({ length }, () => random.below(count))
}

/** `length` numbers below `count` with Zipf's law; the popular ones lie scattered, not at the beginning. */
export function zipf(count: number, exponent: number, length: number, seed: number): Uint32Array {
  const cumulated = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) cumulated[rank] = sum += 1 / (rank + 1) ** exponent
  const random = new Random(seed)
  const idByRank = shuffled(count, random)
  return Uint32Array.from({ length }, () => idByRank[firstAbove(cumulated, random.next() * sum)]!)
}

function shuffled(count: number, random: Random): Uint32Array {
  const ids = Uint32Array.from({ length: count }, (_, id) => id)
  for (let i = count - 1; i > 0; i--) {
    const other = random.below(i + 1)
    const id = ids[i]!
    ids[i] = ids[other]!
    ids[other] = id
  }
  return ids
}

function firstAbove(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}
