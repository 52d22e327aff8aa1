/** Simulated hosts of one Redis: a region directory for each, with caches of this process and of others on it. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Cache, type CacheOptions, createCache } from '../../src'
import type { DeadLetter } from '../../src/journal/contract'
import { until } from './until'
import { CacheWorker } from './workers'

export class RedisHost {
  readonly dir = mkdtempSync('/dev/shm/stratacache-test-')
  /** Where `durability: 'disk'` keeps its files. */
  readonly disk = mkdtempSync('/var/tmp/stratacache-test-')
  readonly #url: string
  readonly #options: CacheOptions
  readonly #caches: Cache[] = []
  readonly #workers: CacheWorker[] = []

  constructor(url: string, options: CacheOptions = {}) {
    this.#url = url
    this.#options = options
  }

  options(more: CacheOptions = {}): CacheOptions {
    const { l2, ...rest } = { ...this.#options, ...more }
    return { name: 'shop', memory: '16mb', fallback: 'error', redis: this.#url, dir: this.dir, ...rest, l2: { disk: this.disk, hardTimeout: '20s', ...this.#options.l2, ...l2 } }
  }

  open(more: CacheOptions = {}): Cache {
    const cache = createCache(this.options(more))
    this.#caches.push(cache)
    return cache
  }

  /** Another process of the host. */
  async spawn(more: CacheOptions = {}): Promise<CacheWorker> {
    const worker = new CacheWorker('process')
    this.#workers.push(worker)
    await worker.ask({ do: 'open', options: this.options(more) })
    return worker
  }

  /** Names of files in the directory and those below it that have `part` in their path. */
  files(part: string, dir = this.dir): string[] {
    return readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => path.includes(part))
  }

  /** Everything but the disk is gone: what a reboot leaves. All processes of the host must have ended. */
  async reboot(): Promise<void> {
    await this.#leave()
    rmSync(this.dir, { recursive: true, force: true })
    mkdirSync(this.dir, { mode: 0o700 })
  }

  async end(): Promise<void> {
    await this.#leave()
    rmSync(this.dir, { recursive: true, force: true })
    rmSync(this.disk, { recursive: true, force: true })
  }

  async #leave(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.kill()))
    await Promise.all(this.#caches.splice(0).map((cache) => cache.close()))
  }
}

/** Hosts for one test, gone after it. */
export async function withHosts(url: string, count: number, body: (hosts: RedisHost[]) => Promise<void>, options?: CacheOptions): Promise<void> {
  const hosts = Array.from({ length: count }, () => new RedisHost(url, options))
  try {
    await body(hosts)
  } finally {
    await Promise.all(hosts.map((host) => host.end()))
  }
}

export async function untilLetters(cache: Cache, count: number): Promise<DeadLetter[]> {
  await until(`${count} dead letters`, () => cache.deadLetters().length === count)
  return cache.deadLetters()
}

/** What a reader of the host gets, once it is that. */
export function untilRead(cache: Pick<Cache, 'get'>, key: string, value: unknown): Promise<void> {
  return until(`${key} is ${JSON.stringify(value)?.slice(0, 60)}`, async () => {
    const found = await cache.get(key)
    return JSON.stringify(found) === JSON.stringify(value)
  })
}
