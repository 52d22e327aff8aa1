/**
 * Judges histories of operations on single keys. Versions are unique per key and give the order of
 * its writes, so each key is judged in one pass over its operations. Times are of one clock that all
 * processes share (`nowNs`).
 */
import { type Operation, type Verdict, Violations, byKey, byTime, isChange, isVisible, name } from './history'

/**
 * The newest version that was certainly in force at a time: versions enter when an operation that
 * proves them has ended. Ask with times that do not go back.
 */
class Floor {
  readonly #proofs: Operation[]
  #next = 0
  newest: Operation | undefined

  constructor(operations: readonly Operation[]) {
    this.#proofs = operations.filter(({ result, version }) => result === 'done' && version > 0).sort((a, b) => a.endNs - b.endNs)
  }

  /** Before `timeNs`, not at it: what touches may have happened in either order. */
  at(timeNs: number): Operation | undefined {
    for (let proof = this.#proofs[this.#next]; proof !== undefined && proof.endNs < timeNs; proof = this.#proofs[this.#next]) {
      if (this.newest === undefined || proof.version > this.newest.version) this.newest = proof
      this.#next++
    }
    return this.newest
  }
}

/**
 * One host: every key behaves like one register. A read returns a version that was written, whose
 * write began before the read ended, and nothing older than what was complete when the read began,
 * be it a write or another read. Writes get versions in the order in which they follow each other.
 * A miss stands for nothing (an evicted entry) unless `missesCount`: then only for a delete or for
 * a key that has not been written.
 */
export function checkLinearizable(history: readonly Operation[], { missesCount = false } = {}): Verdict {
  const violations = new Violations(history)
  for (const operations of byKey(history)) {
    const writes = violations.writesOf(operations)
    const floor = new Floor(operations)
    for (const operation of byTime(operations)) {
      const newest = floor.at(operation.startNs)
      if (isChange(operation)) {
        if (operation.result === 'done' && newest !== undefined && newest.version > operation.version) {
          violations.add(`${name(operation)} began after ${name(newest)} had ended, whose version is newer`)
        }
      } else {
        violations.checkOrigin(operation, writes)
        if (operation.version > 0) violations.checkNotOlder(operation, newest)
        else if (missesCount) violations.checkMiss(operation, newest, writes)
      }
    }
  }
  return violations.verdict()
}

/**
 * Several hosts: on each host reads of a key never go back, behind neither its earlier reads nor its
 * own writes; and no host returns a version when a newer one, anywhere, had been complete for
 * `stalenessNs` as the read began.
 */
export function checkAcrossHosts(history: readonly Operation[], { stalenessNs }: { stalenessNs: number }): Verdict {
  const violations = new Violations(history)
  for (const operations of byKey(history)) {
    const writes = violations.writesOf(operations)
    const everywhere = new Floor(operations)
    const floorByHost = new Map(hostsOf(operations).map((host) => [host, new Floor(operations.filter((each) => hostOf(each) === host))]))
    for (const operation of byTime(operations)) {
      const old = everywhere.at(operation.startNs - stalenessNs)
      const here = floorByHost.get(hostOf(operation))!.at(operation.startNs)
      if (isChange(operation)) continue
      violations.checkOrigin(operation, writes)
      if (operation.version === 0) continue
      violations.checkNotOlder(operation, here, `on host ${hostOf(operation)}, `)
      violations.checkNotOlder(operation, old, `more than ${stalenessNs / 1e6} ms late, `)
    }
  }
  return violations.verdict()
}

/** What the last tier holds of a key at the end: a version, or nothing. */
export type FinalState = ReadonlyMap<string, { version: number; value?: string } | undefined>

/**
 * No acknowledged write is lost: of each key the final state is the newest acknowledged write, or a
 * newer one that was attempted. A key may be absent only if that is a delete or nothing was acknowledged.
 */
export function checkNothingLost(history: readonly Operation[], final: FinalState): Verdict {
  const violations = new Violations(history)
  for (const operations of byKey(history)) {
    const writes = violations.writesOf(operations)
    const acknowledged = operations.filter((each) => isChange(each) && each.result === 'done')
    const newest = acknowledged.reduce<Operation | undefined>((a, b) => (a === undefined || b.version > a.version ? b : a), undefined)
    const { key } = operations[0]!
    const state = final.get(key)
    if (state === undefined) {
      const isDeleted = [...writes.values()].some((write) =>
        write.op === 'delete' && isVisible(write) && write.version >= (newest?.version ?? 0))
      if (newest !== undefined && !isDeleted) violations.add(`${name(newest)} was acknowledged, and in the end ${key} is absent`)
      continue
    }
    const fault = faultOf(state, writes.get(state.version))
    if (fault) violations.add(`in the end ${key} has version ${state.version}${fault}`)
    if (newest !== undefined && state.version < newest.version) {
      violations.add(`${name(newest)} was acknowledged, and in the end ${key} has the older version ${state.version}`)
    }
  }
  for (const key of final.keys()) {
    if (final.get(key) !== undefined && !violations.keys.has(key)) violations.add(`in the end there is ${key}, which nobody wrote`)
  }
  return violations.verdict()
}

function faultOf({ value }: { value?: string }, origin: Operation | undefined): string | undefined {
  if (!isVisible(origin)) return `, which ${origin ? 'failed' : 'nobody wrote'}`
  if (origin.op === 'delete') return ', which is a delete'
  if (value !== undefined && origin.value !== undefined && value !== origin.value) return ` with the value ${value}, written was ${origin.value}`
  return undefined
}

const hostOf = ({ host, process }: Operation): string => host ?? process
const hostsOf = (operations: readonly Operation[]): string[] => [...new Set(operations.map(hostOf))]
