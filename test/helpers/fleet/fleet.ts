/** Processes of two simulated hosts on one durable Redis: each host is a region directory of its own. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CacheOptions } from '../../../src'
import { openShared } from '../../../src/l1/shared-table'
import type { SharedJournal } from '../../../src/journal/shared-journal'
import { openSharedJournal } from '../../../src/journal/shared-open'
import { uniqueName, withDirectory } from '../cache'
import { RedisServer } from '../redis/server'
import { until } from '../until'
import { readLog } from './log'
import type { MemberData } from './member'
import { DaemonMember } from './daemon-member'
import { type Member, MemberProcess } from './member-process'
import type { Witness } from './judge'

const COUNTERS_PER_PROCESS = 1_000_000
const DRAIN_MS = 60_000
const JOURNAL_BYTES = 4 * 1024 * 1024
const MEMORY_BYTES = 8 * 1024 * 1024

export class Fleet {
  readonly name = uniqueName()
  readonly members = new Set<Member>()
  readonly #dir: string
  readonly #seed: number
  readonly #journals = new Map<number, SharedJournal>()
  readonly #logs: { host: number; path: string }[] = []
  readonly #processes = new Map<number, number>()

  constructor(dir: string, readonly server: RedisServer, seed: number) {
    this.#dir = dir
    this.#seed = seed
  }

  cacheOptions(host: number, coordinator: 'auto' | 'daemon' | 'off'): CacheOptions {
    const dir = join(this.#dir, `host-${host}`)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    return {
      name: this.name, dir, memory: MEMORY_BYTES, fallback: 'error', redis: { host: this.server.host, port: this.server.port }, coordinator,
      l2: { journal: JOURNAL_BYTES },
    }
  }

  /** A process that writes at a place, or one that only may lead. Not awaited. */
  start(host: number, coordinator: 'auto' | 'daemon', place?: number): MemberProcess {
    const data: MemberData = { cache: this.cacheOptions(host, coordinator) }
    if (place !== undefined) {
      const nth = this.#processes.get(place) ?? 0
      this.#processes.set(place, nth + 1)
      const log = join(this.#dir, `log-${place}-${nth}`)
      // Counter 0 stands for a miss.
      data.writer = { host, place, firstCounter: nth * COUNTERS_PER_PROCESS + 1, log, seed: this.#seed + 1000 * place + nth }
      this.#logs.push({ host, path: log })
    }
    const member = new MemberProcess(data)
    this.members.add(member)
    return member
  }

  /** `stratacache daemon` of a host. Not awaited. */
  startDaemon(host: number): Member {
    const { dir, memory } = this.cacheOptions(host, 'auto')
    const { host: address, port } = this.server
    const daemon = new DaemonMember(['--name', this.name, '--dir', dir!, '--memory', `${memory}`, '--l2-journal', `${JOURNAL_BYTES}`, '--redis', `redis://${address}:${port}`])
    this.members.add(daemon)
    return daemon
  }

  async kill(member: Member): Promise<void> {
    this.members.delete(member)
    await member.kill()
  }

  /** What the host's processes share; once one of them has made it. */
  journal(host: number): SharedJournal {
    let journal = this.#journals.get(host)
    if (journal === undefined) {
      const at = { name: this.name, dir: join(this.#dir, `host-${host}`) }
      const table = openShared({ ...at, memory: MEMORY_BYTES, averageEntryBytes: 256, l0: false })
      journal = openSharedJournal({ ...at, bytes: JOURNAL_BYTES, regionId: table.regionId })
      table.close()
      this.#journals.set(host, journal)
    }
    return journal
  }

  async ready(): Promise<void> {
    await this.#all('every process is ready', ({ isReady }) => isReady)
  }

  async idle(): Promise<void> {
    await this.#all('every process has written what it may', ({ isIdle }) => isIdle)
  }

  /** Until nothing acknowledged is on its way any more. */
  async drained(hosts: readonly number[]): Promise<void> {
    await until('the journals are drained', () => {
      this.check()
      return hosts.every((host) => this.journal(host).stats()['pending_bytes'] === 0)
    }, DRAIN_MS)
  }

  get logBytes(): number {
    let sum = 0
    for (const member of this.members) sum += member.logBytes
    return sum
  }

  witnesses(): Witness[] {
    return this.#logs.map(({ host, path }) => ({ host, lines: readLog(path) }))
  }

  /** Throws if a process has ended by itself. */
  check(): void {
    for (const { failure } of this.members) if (failure !== undefined) throw new Error(failure)
  }

  async end(): Promise<void> {
    await Promise.all([...this.members].map((member) => member.kill()))
    for (const journal of this.#journals.values()) journal.close()
  }

  #all(state: string, is: (member: Member) => boolean): Promise<void> {
    return until(state, () => {
      this.check()
      return [...this.members].every(is)
    }, DRAIN_MS)
  }
}

export function withFleet(seed: number, body: (fleet: Fleet) => Promise<void>): Promise<void> {
  return withDirectory(async (dir) => {
    const server = await RedisServer.start({ durable: true, config: { 'auto-aof-rewrite-percentage': 0 } })
    const fleet = new Fleet(dir, server, seed)
    try {
      await body(fleet)
    } finally {
      await fleet.end()
      await server.remove()
    }
  })
}
