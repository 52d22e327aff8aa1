/**
 * One run of a loader for many keys.
 *
 * Each key has a flight of its own, so all that holds for a load holds for each of them: lease, deadlines, grace, memory
 * of errors, late results. Only their loaders are one: they join the group, which runs when each key it was asked for is
 * decided, that is, has joined, has its value, or is being loaded by somebody else. Who takes such a load over joins a
 * later run of the group.
 *
 * A group never waits for a load of somebody else, so two of them cannot wait for each other.
 */
import { types } from 'node:util'
import type { L1View } from '../l1/table'
import { CacheError, describe } from '../words/errors'
import { crowdedOut, type Release } from './bulkhead'
import { type LoadCall, timedCall } from './flight'
import type { Flights } from './flights'
import { type GroupContext, openGroupContext } from './group-context'
import type { LoadTerms } from './load-terms'
import type { LoadContext, Loader } from './loader-context'

/** Loads many keys: gives a Map, an array in the order of the keys, or an object. */
export type GroupLoader = (keys: string[], context: GroupContext) => unknown

/** One key's loader, which waits for the run. */
interface Member {
  context: LoadContext
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

export interface GroupSettings {
  view: L1View
  terms: LoadTerms
  /** Keys of one run at most. */
  maxSize: number
  /** Its loads have permits of their own. */
  isPermitted?: boolean
}

export class GroupLoad {
  /** For loads that the group does not wait for. */
  readonly loader: Loader = (context) => this.#join(context)
  readonly #flights: Flights
  readonly #run: GroupLoader
  readonly #settings: GroupSettings
  /** Keys, and the seal, that may bring members yet. */
  #undecided = 1
  #isDue = false
  #members: Member[] = []
  readonly #seal = this.#deciding()

  constructor(flights: Flights, run: GroupLoader, settings: GroupSettings) {
    this.#flights = flights
    this.#run = run
    this.#settings = settings
  }

  /** Announces a load that may come before the group runs; to be called back when it has, or will not. */
  expect(): () => void {
    this.#undecided++
    return this.#deciding()
  }

  /** As `Flights.load`, or as `Flights.past`, loaded with the group. */
  load(call: LoadCall, isPast = false): Promise<unknown> {
    const onDecided = this.expect()
    const loader: Loader = (context) => {
      const joined = this.#join(context)
      onDecided()
      return joined
    }
    try {
      const wish = timedCall(call)
      wish.terms = { ...call.terms, maxConcurrentLoads: 0 }
      wish.loader = loader
      wish.onDecided = onDecided
      return isPast ? this.#flights.past(wish) : this.#flights.load(wish)
    } catch (error) {
      onDecided()
      return Promise.reject(error)
    }
  }

  /** No more keys will come. */
  seal(): void {
    this.#seal()
  }

  #deciding(): () => void {
    let isDecided = false
    return () => {
      if (isDecided) return
      isDecided = true
      this.#undecided--
      this.#startIfDecided()
    }
  }

  #join(context: LoadContext): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#members.push({ context, resolve, reject })
      this.#startIfDecided()
    })
  }

  #startIfDecided(): void {
    if (this.#undecided > 0 || this.#members.length === 0 || this.#isDue) return
    this.#isDue = true
    atEndOfTick(() => {
      this.#isDue = false
      const members = membersByKey(this.#members.splice(0))
      const { maxSize } = this.#settings
      for (let start = 0; start < members.length; start += maxSize) void this.#load(new Map(members.slice(start, start + maxSize)))
    })
  }

  /** Never rejects: what fails is told to the members. */
  async #load(membersByKey: Map<string, Member[]>): Promise<void> {
    let leave: Release | undefined
    try {
      const { terms } = this.#settings
      if (terms.maxConcurrentLoads > 0 && this.#settings.isPermitted !== true) leave = await this.#permit(membersByKey)
      const keys = [...membersByKey.keys()]
      const { context, failures } = openGroupContext(new Map([...membersByKey].map(([key, [first]]) => [key, first!.context])))
      const valueOf = readValues(await this.#run([...keys], context), keys)
      const told = keys.map((key, i) => tell(membersByKey.get(key)!, failures.get(key) ?? valueOf(key, i)))
      await Promise.all(told)
    } catch (error) {
      for (const members of membersByKey.values()) for (const { reject } of members) reject(error)
    } finally {
      leave?.()
    }
  }

  async #permit(membersByKey: Map<string, Member[]>): Promise<Release> {
    const { view, terms } = this.#settings
    const untilMs = performance.now() + Math.min(terms.leaseMs, terms.hardTimeoutMs)
    const leave = await this.#flights.permit(view, terms.maxConcurrentLoads, untilMs)
    if (leave === undefined) throw crowdedOut(membersByKey.keys().next().value!, terms.maxConcurrentLoads)
    return leave
  }
}

/** When nothing is left to do in this turn of the loop: who asks or is answered in it is in time. */
export function atEndOfTick(step: () => void): void {
  void Promise.resolve().then(() => process.nextTick(step))
}

/** A key twice where two loads of it are not shared. */
function membersByKey(members: readonly Member[]): [string, Member[]][] {
  const byKey = new Map<string, Member[]>()
  for (const member of members) {
    const { key } = member.context
    const others = byKey.get(key)
    if (others === undefined) byKey.set(key, [member])
    else others.push(member)
  }
  return [...byKey]
}

/** Of another realm too. */
function isError(value: unknown): boolean {
  return value instanceof Error || types.isNativeError(value)
}

/** Never rejects. */
async function tell(members: readonly Member[], given: unknown): Promise<void> {
  try {
    const value = await given
    if (isError(value)) throw value
    for (const { resolve } of members) resolve(value)
  } catch (error) {
    for (const { reject } of members) reject(error)
  }
}

function readValues(given: unknown, keys: readonly string[]): (key: string, index: number) => unknown {
  if (given instanceof Map) return (key) => given.get(key)
  if (Array.isArray(given) && given.length === keys.length) return (_key, index) => given[index]
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given) && !isError(given)
  if (isObject) return (key) => (Object.hasOwn(given, key) ? (given as Record<string, unknown>)[key] : undefined)
  const got = Array.isArray(given) ? `an array of ${given.length}` : describe(given)
  throw new CacheError('ERR_CACHE_ARGUMENT', `a factory of many keys must give a Map, an object, or an array of ${keys.length} in the order of the keys, it gave ${got}`)
}
