// Repeatable random numbers, and picks in which the first items are wanted most.

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Picks item `i` of a list of `count` with a probability proportional to 1 / (i + 1) ** `skew`. */
export function zipf(count: number, skew: number, random: () => number): () => number {
  let sum = 0
  const upTo = Float64Array.from({ length: count }, (_, index) => (sum += 1 / (index + 1) ** skew))
  return () => {
    const at = random() * sum
    let low = 0
    for (let high = count - 1; low < high;) {
      const middle = (low + high) >>> 1
      if (upTo[middle]! > at) high = middle
      else low = middle + 1
    }
    return low
  }
}

export function shuffle<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1))
    ;[items[last], items[other]] = [items[other]!, items[last]!]
  }
  return items
}
