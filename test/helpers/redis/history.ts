/** What processes did to keys, and what is wrong with it. */
import * as assert from 'node:assert/strict'

export interface Operation {
  process: string
  /** Where the process runs; alone on a host of its own if absent. */
  host?: string
  key: string
  op: 'write' | 'delete' | 'read'
  /** Of a change: its own, from 1. Of a read: that of the value it returned, 0 for a miss. */
  version: number
  /** Text that only this write has, so that a mixed up value shows. */
  value?: string
  startNs: number
  endNs: number
  /** `unknown` may have happened, now or at any time later; `failed` has not and will not. */
  result: 'done' | 'unknown' | 'failed'
}

/** A time that all processes of this machine share. */
export const nowNs = (): number => Number(process.hrtime.bigint())

export interface Verdict {
  operations: number
  keys: number
  /** How many, of which the first are in words. */
  count: number
  violations: readonly string[]
}

const MAX_WORDS = 20

/** Throws the first violations in words; an empty history is one, for it would prove nothing. */
export function assertGood({ operations, count, violations }: Verdict): void {
  assert.ok(operations > 0, 'the history is empty')
  assert.ok(count === 0, `${count} violations in ${operations} operations:\n${violations.join('\n')}`)
}

export const isChange = ({ op }: Operation): boolean => op !== 'read'

/** Whether its effect may ever be seen. */
export const isVisible = (write: Operation | undefined): write is Operation => write !== undefined && write.result !== 'failed'

export function name({ process, host, key, op, version, startNs, endNs }: Operation): string {
  const where = host === undefined ? process : `${process}@${host}`
  const ms = (ns: number): string => (ns / 1e6).toFixed(3)
  const what = op === 'read' && version === 0 ? 'miss' : `${op} of version ${version}`
  return `${where}: ${what} of ${key} [${ms(startNs)}..${ms(endNs)} ms]`
}

/** The operations of each key, in the order of the history. */
export function byKey(history: readonly Operation[]): Operation[][] {
  const groups = new Map<string, Operation[]>()
  for (const operation of history) {
    const group = groups.get(operation.key)
    if (group) group.push(operation)
    else groups.set(operation.key, [operation])
  }
  return [...groups.values()]
}

/** By their beginnings. Reads that have told us nothing are left out. */
export function byTime(operations: readonly Operation[]): Operation[] {
  return operations.filter((each) => isChange(each) || each.result === 'done').sort((a, b) => a.startNs - b.startNs)
}

/** Collects what is wrong; its checks are the ones that every judgement has in common. */
export class Violations {
  readonly keys: ReadonlySet<string>
  readonly #words: string[] = []
  #count = 0

  constructor(readonly history: readonly Operation[]) {
    this.keys = new Set(history.map(({ key }) => key))
    for (const operation of history) {
      if (operation.endNs < operation.startNs) this.add(`${name(operation)} ended before it began`)
    }
  }

  add(words: string): void {
    this.#count++
    if (this.#words.length < MAX_WORDS) this.#words.push(words)
  }

  verdict(): Verdict {
    return { operations: this.history.length, keys: this.keys.size, count: this.#count, violations: this.#words }
  }

  /** The changes of one key by version; two of one version are a violation. */
  writesOf(operations: readonly Operation[]): Map<number, Operation> {
    const writes = new Map<number, Operation>()
    for (const operation of operations.filter(isChange)) {
      const twin = writes.get(operation.version)
      if (twin) this.add(`${name(operation)} has the version of ${name(twin)}`)
      else writes.set(operation.version, operation)
    }
    return writes
  }

  /** A read returns what a write that had begun gave the key, whole. */
  checkOrigin(read: Operation, writes: ReadonlyMap<number, Operation>): void {
    if (read.version === 0) return
    const write = writes.get(read.version)
    if (write === undefined) this.add(`${name(read)}, which nobody wrote`)
    else if (write.op === 'delete') this.add(`${name(read)}, which is a delete`)
    else if (!isVisible(write)) this.add(`${name(read)}, whose write failed`)
    else if (write.startNs > read.endNs) this.add(`${name(read)}, whose write began later: ${name(write)}`)
    else if (read.value !== undefined && write.value !== undefined && read.value !== write.value) {
      this.add(`${name(read)} with the value ${read.value}, written was ${write.value}`)
    }
  }

  checkNotOlder(read: Operation, newest: Operation | undefined, how = ''): void {
    if (newest !== undefined && read.version < newest.version) {
      this.add(`${how}${name(read)} is older than ${name(newest)}, which had ended`)
    }
  }

  /** A miss is the state after some delete that may be in force, or before the first write. */
  checkMiss(read: Operation, newest: Operation | undefined, writes: ReadonlyMap<number, Operation>): void {
    if (newest === undefined || newest.op === 'delete') return
    const isDeleted = [...writes.values()].some((write) =>
      write.op === 'delete' && isVisible(write) && write.version > newest.version && write.startNs <= read.endNs)
    if (!isDeleted) this.add(`${name(read)}, though ${name(newest)} had ended`)
  }
}
