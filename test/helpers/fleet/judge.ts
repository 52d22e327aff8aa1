/**
 * What is wrong with what a fleet did: its processes' logs against everything that Redis has ever stored.
 *
 * Keys with one writer are ordered by its counters. Keys of one host are ordered by the versions the host's table gave
 * to acknowledged writes, keys of the whole fleet by those Redis gave: what has no such number proves nothing.
 */
import { decode } from '../../../src/wire/codec'
import { payloadOf, readHeader } from '../../../src/l2/envelope'
import { Names, suffixOf } from '../../../src/l2/names'
import { partitionOf } from '../../../src/words/partition'
import { type Operation, type Verdict, Violations } from '../redis/history'
import { checkLinearizable, checkNothingLost } from '../redis/register-checker'
import { HOSTS, KEYS, type Origin, originOf } from './keys'
import type { Line } from './log'

/** Lines of one process. */
export interface Witness {
  host: number
  lines: readonly Line[]
}

export interface Stored {
  version: number
  /** Undefined for a tombstone. */
  origin: Origin | undefined
}

/** Of each key everything that Redis has stored, in order. */
export function storedIn(values: ReadonlyMap<string, readonly Buffer[]>, cache: string): Stored[][] {
  const names = new Names(cache)
  return KEYS.map(({ name }) => (values.get(names.data(partitionOf('', name), suffixOf('', name))) ?? []).map(storedOf))
}

export function storedOf(bytes: Buffer): Stored {
  const envelope = readHeader(bytes)
  if (envelope === undefined) throw new Error(`Redis has ${bytes.length} bytes that are no envelope`)
  const { isTombstone, version, codec } = envelope
  if (isTombstone) return { version, origin: undefined }
  const origin = originOf(decode(codec, payloadOf(bytes, envelope)))
  if (origin === undefined) throw new Error('Redis has a value that nobody wrote')
  return { version, origin }
}

export function judge(witnesses: readonly Witness[], stored: readonly (readonly Stored[])[]): Verdict[] {
  const history = historyOf(witnesses, stored)
  const hosts = Array.from({ length: HOSTS }, (_, host) => checkLinearizable(seenOn(`${host}`, history)))
  return [...hosts, nothingLost(history, stored), orderInRedis(stored, history), sharedArrived(witnesses, stored)]
}

export function acknowledged(witnesses: readonly Witness[]): number {
  return witnesses.reduce((sum, { lines }) => sum + lines.filter(({ kind }) => kind === 'acknowledged').length, 0)
}

/** Without what has no place in its key's order. */
function historyOf(witnesses: readonly Witness[], stored: readonly (readonly Stored[])[]): Operation[] {
  const order = new Map<string, number>()
  for (const { lines } of witnesses) {
    for (const { kind, key, origin, version } of lines) {
      const { owner } = KEYS[key]!
      if (owner.by === 'own' && (kind === 'set' || kind === 'delete')) order.set(idOf(key, origin), origin.counter)
      if (owner.by === 'host' && kind === 'acknowledged' && version > 0) order.set(idOf(key, origin), version)
    }
  }
  stored.forEach((list, key) => {
    if (KEYS[key]!.owner.by === 'fleet') for (const { version, origin } of list) order.set(idOf(key, origin!), version)
  })
  return witnesses.flatMap(({ host, lines }) => {
    const ends = new Map(lines.filter(({ kind }) => kind === 'acknowledged' || kind === 'refused').map((line) => [idOf(line.key, line.origin), line]))
    return lines.flatMap((line): Operation[] => {
      const { kind, key, origin, startNs } = line
      if (kind === 'acknowledged' || kind === 'refused') return []
      const id = idOf(key, origin)
      const isMiss = kind === 'read' && origin.counter === 0
      const version = isMiss ? 0 : order.get(id) ?? (KEYS[key]!.owner.by === 'own' ? origin.counter : undefined)
      if (version === undefined) return []
      const common = { host: `${host}`, process: `place ${origin.place}`, key: KEYS[key]!.name, version, startNs }
      if (kind === 'read') return [{ ...common, op: 'read', endNs: line.endNs, result: 'done', ...(isMiss ? {} : { value: id }) }]
      const end = ends.get(id)
      const result = end === undefined ? 'unknown' : end.kind === 'refused' ? 'failed' : 'done'
      return [{ ...common, op: kind === 'delete' ? 'delete' : 'write', endNs: end?.endNs ?? startNs, result, value: id }]
    })
  })
}

/** What other hosts write may show here at any time. */
function seenOn(host: string, history: readonly Operation[]): Operation[] {
  return history.flatMap((operation) => {
    if (operation.host === host) return [operation]
    return operation.op === 'read' ? [] : [{ ...operation, result: operation.result === 'failed' ? 'failed' as const : 'unknown' as const }]
  })
}

function nothingLost(history: readonly Operation[], stored: readonly (readonly Stored[])[]): Verdict {
  const version = versions(history)
  const final = new Map<string, { version: number; value?: string } | undefined>()
  stored.forEach((list, key) => {
    const { name } = KEYS[key]!
    const origin = list.at(-1)?.origin
    if (origin === undefined) return final.set(name, undefined)
    const value = idOf(key, origin)
    const known = version.get(value)
    // The last writer may have been killed before it could say what place its write has: such a key is not judged here.
    return known === undefined ? undefined : final.set(name, { version: known, value })
  })
  return checkNothingLost(history.filter(({ op, key }) => op !== 'read' && final.has(key)), final)
}

/** Nothing is ever stored over something newer. */
function orderInRedis(stored: readonly (readonly Stored[])[], history: readonly Operation[]): Verdict {
  const violations = new Violations(history)
  const version = versions(history)
  stored.forEach((list, key) => {
    const { name } = KEYS[key]!
    let before = 0
    let fleetVersion = 0
    for (const { origin, version: given } of list) {
      if (given <= fleetVersion) violations.add(`Redis gave ${name} version ${given} after ${fleetVersion}`)
      fleetVersion = given
      const now = origin === undefined ? undefined : version.get(idOf(key, origin))
      if (now === undefined) continue
      if (now <= before) violations.add(`Redis stored version ${now} of ${name} over ${before}`)
      before = now
    }
  })
  return violations.verdict()
}

/** Of shared keys: an acknowledged write was stored, or one that its host made after it began. */
function sharedArrived(witnesses: readonly Witness[], stored: readonly (readonly Stored[])[]): Verdict {
  const violations = new Violations([])
  const arrived = KEYS.map((_, key) => new Set(stored[key]!.map(({ origin }) => idOf(key, origin ?? { place: 0, counter: 0 }))))
  const ends = new Map<string, number>()
  for (const { host, lines } of witnesses) {
    for (const { kind, key, origin, endNs, startNs } of lines) {
      if (KEYS[key]!.owner.by === 'own' || kind === 'read' || kind === 'refused' || !arrived[key]!.has(idOf(key, origin))) continue
      const at = `${host} ${key}`
      // Of one that was not acknowledged nobody knows when it took effect.
      ends.set(at, Math.max(ends.get(at) ?? 0, kind === 'acknowledged' ? endNs : startNs))
    }
  }
  let count = 0
  for (const { host, lines } of witnesses) {
    for (const { kind, key, origin, startNs, endNs } of lines) {
      if (kind !== 'acknowledged' || KEYS[key]!.owner.by === 'own') continue
      count++
      if (arrived[key]!.has(idOf(key, origin)) || (ends.get(`${host} ${key}`) ?? 0) >= startNs) continue
      violations.add(`${KEYS[key]!.name}: write ${idOf(key, origin)} of host ${host}, acknowledged at ${(endNs / 1e6).toFixed(3)} ms, is not in Redis, and nothing of its host is after it`)
    }
  }
  return { ...violations.verdict(), operations: count }
}

function versions(history: readonly Operation[]): Map<string | undefined, number> {
  return new Map(history.filter(({ op }) => op === 'write').map(({ value, version }) => [value, version]))
}

function idOf(key: number, { place, counter }: Origin): string {
  return `${key}/${place}.${counter}`
}
