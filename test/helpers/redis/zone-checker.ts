/**
 * Judges whether a register of which every value is written once could have done all this at single moments, one after
 * the other, without being told the order of the writes (Gibbons and Korach: "Testing shared memories", 1997).
 *
 * A value's operations, its write and its reads, span a zone from the first end to the last beginning. Where that is
 * forward, the register certainly had the value all that time; else there is a moment for it somewhere in the zone. So
 * two forward zones must not overlap, and none may contain the whole zone of another value.
 */
import { byKey, isChange, name, type Operation, type Verdict, Violations } from './history'

interface Zone {
  from: number
  to: number
  isForward: boolean
  write: Operation
  /** Whose end and whose beginning bound it. */
  first: Operation
  last: Operation
}

/**
 * The register is that of `host`. What others write may take effect there at any time after its beginning; deletes have
 * no value, so each is a zone of its own, and misses stand for nothing.
 */
export function checkHost(history: readonly Operation[], host: string): Verdict {
  const relevant = history.filter((each) => isChange(each) || (each.host === host && each.result === 'done'))
  const violations = new Violations(relevant)
  for (const operations of byKey(relevant)) {
    const zones = zonesOf(operations, host, violations)
    const forward = zones.filter(({ isForward }) => isForward).sort((a, b) => a.from - b.from)
    forward.forEach((zone, index) => {
      const before = forward[index - 1]
      if (before !== undefined && before.to > zone.from) {
        violations.add(`${words(before)} and ${words(zone)} were there at the same time`)
      }
      if (before !== undefined && before.to > zone.to) forward[index] = before
    })
    for (const zone of zones) {
      if (zone.isForward) continue
      const around = lastFrom(forward, zone.from)
      if (around !== undefined && around.to > zone.to) violations.add(`${name(zone.write)} lies within ${words(around)}`)
    }
  }
  return violations.verdict()
}

function zonesOf(operations: readonly Operation[], host: string, violations: Violations): Zone[] {
  const zones: Zone[] = []
  const byValue = new Map<string, Zone>()
  for (const write of operations.filter(isChange)) {
    if (write.result === 'failed') continue
    const isHere = write.host === host && write.result === 'done'
    const zone: Zone = { from: isHere ? write.endNs : Infinity, to: write.startNs, isForward: false, write, first: write, last: write }
    if (write.value !== undefined) byValue.set(write.value, zone)
    // Somewhere else, or perhaps never: only reads say when.
    if (isHere || write.op === 'write') zones.push(zone)
  }
  for (const read of operations) {
    if (isChange(read) || read.value === undefined) continue
    const zone = byValue.get(read.value)
    if (zone === undefined) {
      violations.add(`${name(read)} with the value ${read.value}, which nobody wrote`)
      continue
    }
    if (read.endNs < zone.write.startNs) violations.add(`${name(read)}, whose write began later: ${name(zone.write)}`)
    if (read.endNs < zone.from) {
      zone.from = read.endNs
      zone.first = read
    }
    if (read.startNs > zone.to) {
      zone.to = read.startNs
      zone.last = read
    }
  }
  return zones.filter(({ from }) => from < Infinity).map((zone) => zone.from < zone.to ? { ...zone, isForward: true } : { ...zone, from: zone.to, to: zone.from })
}

/** The zone that begins last, but before a time. */
function lastFrom(zones: readonly Zone[], timeNs: number): Zone | undefined {
  let low = 0
  let high = zones.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (zones[middle]!.from < timeNs) low = middle + 1
    else high = middle
  }
  return zones[low - 1]
}

function words({ write, first, last }: Zone): string {
  return `${write.value ?? 'a delete'} (${name(first)} to ${name(last)})`
}
