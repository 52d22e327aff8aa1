/** Judges what several hosts did, by their histories and by the order in which Redis executed their writes. */
import * as assert from 'node:assert/strict'
import { assertGood, isChange, name, type Operation, Violations } from './history'
import { checkAcrossHosts } from './register-checker'
import type { Recorded } from './write-recorder'
import { checkHost } from './zone-checker'

const NEVER_NS = 3_600e9

/** `stalenessMs`: how late a host may be, where every write was acknowledged by Redis. */
export function judge(history: readonly Operation[], recorded: readonly Recorded[], stalenessMs?: number): string {
  const hosts = [...new Set(history.map(({ host }) => host!))]
  for (const host of hosts) assertGood(checkHost(history, host))
  const rankByValue = ranksOf(recorded)
  assertGood(checkAcrossHosts(ranked(history, rankByValue), { stalenessNs: stalenessMs === undefined ? NEVER_NS : stalenessMs * 1e6 }))
  assertGood(checkAllArrived(history, rankByValue))
  const writes = history.filter(({ op }) => op === 'write')
  const count = (result: Operation['result']): number => history.filter((each) => each.result === result).length
  return `${history.length} operations (${writes.length} writes, ${history.filter(({ op }) => op === 'delete').length} deletes) on ${hosts.length} hosts, ` +
    `${rankByValue.size} writes executed by Redis, ${count('unknown')} outcomes unknown, ${count('failed')} refused`
}

/** Of each value its place among the writes of Redis. One that was executed twice is no good. */
function ranksOf(recorded: readonly Recorded[]): Map<string, number> {
  const rankByValue = new Map<string, number>()
  recorded.forEach(({ value }, index) => {
    if (value === undefined) return
    assert.ok(!rankByValue.has(value), `Redis executed the write of ${value} twice`)
    rankByValue.set(value, index + 1)
  })
  return rankByValue
}

/** Reads and writes of what Redis had; a value that a later one of the same host replaced on the way has no place in its order. */
function ranked(history: readonly Operation[], rankByValue: ReadonlyMap<string, number>): Operation[] {
  return history.flatMap((operation) => {
    if (operation.op === 'delete') return []
    const rank = operation.value === undefined ? 0 : rankByValue.get(operation.value)
    return rank === undefined ? [] : [{ ...operation, version: rank }]
  })
}

/** An acknowledged write that Redis has not executed was replaced by a later one of its host. */
function checkAllArrived(history: readonly Operation[], rankByValue: ReadonlyMap<string, number>) {
  const violations = new Violations(history)
  const changes = new Map<string, Operation[]>()
  const idOf = ({ host, key }: Operation): string => `${host} ${key}`
  for (const change of history.filter(isChange)) {
    const list = changes.get(idOf(change))
    if (list === undefined) changes.set(idOf(change), [change])
    else list.push(change)
  }
  for (const write of history) {
    if (write.op !== 'write' || write.result !== 'done' || rankByValue.has(write.value!)) continue
    const isReplaced = changes.get(idOf(write))!.some((other) =>
      other.endNs > write.startNs && other !== write && (other.op === 'delete' || rankByValue.has(other.value!)))
    if (!isReplaced) violations.add(`${name(write)} of ${write.value} was acknowledged and never came to Redis`)
  }
  return violations.verdict()
}
