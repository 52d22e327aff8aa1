// Copies on a disk while the processes that make them outdated are killed: nothing acknowledged is ever undone.
import * as assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Cache } from '../../src'
import { diskStat, type DiskHost, withDiskHost } from '../helpers/disk'
import type { Played, PlayerTask } from '../helpers/disk-player'
import { randomOf } from '../helpers/random'
import { scale } from '../helpers/scale'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const KEYS = 1_000
const KILLS = 4 * scale
const LIVES = 3
const FILL = 2_000

/** What may be read of a key: numbers from `floor` on, `begun` at most, nothing else if it was removed last. */
interface Known {
  floor: number
  begun: number
  isRemoved: boolean
}

/** One process after the other on the same keys. */
class Player {
  readonly known = new Map<string, Known>()
  readonly #keys: string[]
  readonly #options: DiskHost['options']
  #process: ChildProcess | undefined
  #from = 0
  count = 0
  /** The process that plays now has begun to write copies. */
  hasCopied = false

  constructor(keys: string[], options: DiskHost['options']) {
    this.#keys = keys
    this.#options = options
    for (const key of keys) this.known.set(key, { floor: 0, begun: 0, isRemoved: true })
  }

  start(run: number): void {
    this.hasCopied = false
    this.#process = fork(join(__dirname, '..', 'helpers', 'disk-player.js'))
    this.#process.on('message', (played: Played) => this.#hear(played))
    this.#process.send({ options: this.#options, keys: this.#keys, seed: seed + run, from: this.#from } satisfies PlayerTask)
  }

  async kill(): Promise<void> {
    const exited = once(this.#process!, 'close')
    this.#process!.kill('SIGKILL')
    await exited
    this.#from += 1_000_000
  }

  #hear(played: Played): void {
    this.count++
    if ('copied' in played) this.hasCopied = true
    else if ('begun' in played) {
      const known = this.known.get(played.begun)!
      known.begun = Math.max(known.begun, played.number)
    } else {
      const known = this.known.get(played.done)!
      // Changes of a key come one after the other.
      known.floor = played.number
      known.isRemoved = played.isRemoved
    }
  }
}

async function checkRead(cache: Cache, { known }: Player, key: string): Promise<boolean> {
  const { floor, isRemoved } = known.get(key)!
  const value = await cache.get<{ number: number; fill: string }>(key)
  if (value === undefined) return false
  const { number } = value
  assert.equal(isRemoved ? number > floor : number >= floor, true, `${key} had ${isRemoved ? 'lost' : 'reached'} ${floor}, read ${number}`)
  assert.equal(value.fill, 'x'.repeat(FILL))
  return true
}

suite('copies on a disk beside processes that are killed', (test) => {
  test('no change that was acknowledged is undone, in this life or the next', () =>
    withDiskHost({ memory: '2mb' }, async (host) => {
      const random = randomOf(seed)
      const keys = Array.from({ length: KEYS }, (_, n) => `k${n}`)
      const players = [new Player(keys.slice(0, KEYS / 2), host.options), new Player(keys.slice(KEYS / 2), host.options)]
      const ownerOf = (key: string): Player => players.find(({ known }) => known.has(key))!
      let run = 0
      let revived = 0
      let hits = 0
      let isOver = false
      for (let life = 0; life < LIVES; life++) {
        const cache = await host.open()
        // What the former life has left.
        for (const key of keys) if (await checkRead(cache, ownerOf(key), key)) revived++
        for (const player of players) player.start(++run)
        isOver = false
        const reading = (async () => {
          while (!isOver) {
            const key = keys[Math.floor(random() * KEYS)]!
            await checkRead(cache, ownerOf(key), key)
            // Presses the others out.
            if (random() < 0.05) await cache.namespace('filler').set(`f${Math.floor(random() * 2_000)}`, 'x'.repeat(4_000), '900ms')
            if (random() < 0.02) await pause(1)
          }
        })()
        reading.catch(() => (isOver = true))
        try {
          for (let kill = 0; kill < KILLS && !isOver; kill++) {
            const player = players[kill % 2]!
            const before = player.count
            // Some are killed before they have copied anything, some while they do.
            await until('the players play', () => (player.count > before + 300 && (kill < KILLS / 2 || player.hasCopied)) || isOver)
            await pause(random() * 60)
            await player.kill()
            player.start(++run)
          }
        } finally {
          isOver = true
          await Promise.all(players.map((player) => player.kill()))
        }
        await reading
        for (const key of keys) await checkRead(cache, ownerOf(key), key)
        hits += diskStat(cache, 'hits')
        process.stdout.write(`hits ${hits}, misses ${diskStat(cache, 'misses')}, revived ${revived}\n`)
        await cache.close()
        host.reboot()
      }
      // In the first life there may be room for all.
      assert.equal(hits > 0, true, 'nothing came from the disk')
    }))
})
