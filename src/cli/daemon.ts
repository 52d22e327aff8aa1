/**
 * stratacache daemon: a process that does nothing but lead its host's traffic with Redis. Several on one host are fine:
 * one leads, the others wait for its end.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { copiesPlaceOf, watchCopies } from '../copies'
import { Coordination } from '../coordination'
import { CoordinationLog } from '../coordination-log'
import { coordinationSettingsOf, farConfigOf } from '../far'
import type { Journal } from '../journal/contract'
import { hostOf } from '../l2/redis'
import { CacheError } from '../words/errors'
import type { Asked, Command } from './arguments'
import { type Host, openHost } from './host'
import { stateOf } from './host-state'
import { jsonLogger } from './log'
import { type PageServer, startPage } from './page/server'

const STATE_MS = 1_000
const REMOVED = 'region removed'
const LOOK_AGAIN_MS = 5
const MAX_PORT = 65_535

export const daemon: Command = {
  name: 'daemon',
  does: "leads this host's traffic with Redis, for processes that do not (coordinator: 'daemon')",
  flags: [
    'name', 'dir', 'redis', 'redisFile', 'memory', 'averageEntryBytes', 'disk', 'durability', 'onReconnect', 'l2.heartbeat', 'l2.journal',
    'l2.batchRecords', 'l2.batchBytes', 'l2.batchDelay', 'l2.closeTimeout', 'l2.foreignWriters',
  ],
  own: { page: { value: 'PORT', doc: "a page on 127.0.0.1 that shows the host's state; 0: any free port" } },
  notes: ['SIGTERM or SIGINT: sends what the journal holds, then ends. A second one ends at once; nothing is lost, the journal stays.'],
  run,
}

async function run({ options, own, isOnCommandLine }: Asked): Promise<number> {
  if (options.redis === undefined) throw new CacheError('ERR_CACHE_OPTION', 'stratacache daemon needs --redis, STRATACACHE_REDIS or --redis-file')
  const config = farConfigOf(options)
  const { connection } = config
  const port = portOf(own['page'])
  const { name, l2 } = options
  // Whoever reads the log may go away; the daemon stays.
  process.stdout.on('error', () => {})
  const logger = jsonLogger((line) => process.stdout.write(line), { cache: name, pid: process.pid })
  const log = new CoordinationLog(logger, {})
  if (isOnCommandLine('redis') && connection.options['password'] !== undefined) {
    logger.warn({ event: 'exposed' }, 'every user of the machine can read a password on the command line: use STRATACACHE_REDIS or --redis-file')
  }

  const signals = catchSignals()
  let page: PageServer | undefined
  for (;;) {
    const host = openHost(options)
    const state = (): ReturnType<typeof stateOf> => stateOf(host, name, l2.heartbeatMs)
    if (port !== undefined) page ??= await openPage(host, port)
    const place = copiesPlaceOf(options)
    const copies = place === undefined ? undefined : watchCopies(place, host.table)
    const coordination = new Coordination(host.table, host.journal, coordinationSettingsOf(options, config, options.durability === 'replicated' ? 1 : 0), (event) => log.hear(event))
    coordination.start()
    logger.info({ event: 'start', redis: hostOf(connection), region: host.table.path, ...(page === undefined ? {} : { page: page.url }) }, 'waits for the lead')
    const watch = watchName(host, () => page?.publish(state()))
    const signal = await Promise.race([signals.first, watch.removed])
    watch.stop()
    logger.info({ event: 'stop', signal }, signal === REMOVED ? 'the name of its region is gone: opens the cache anew' : 'drains and ends')
    const isDrained = signal === REMOVED || !host.journal.isLeading || await Promise.race([drained(host.journal, l2.closeTimeoutMs), signals.second.then(() => false)])
    await coordination.close()
    const { pendingBytes } = state().journal
    await copies?.close()
    host.close()
    // What is left in the journal is found by the next leader, once nobody uses it.
    if (signal === REMOVED) continue
    await page?.close()
    if (isDrained) logger.info({ event: 'end', pendingBytes }, 'ended')
    else logger.warn({ event: 'end', pendingBytes }, 'ended before all writes were in Redis; the rest stays in the journal')
    return 0
  }
}

/** Looks now and then whether the region still has its name; also what keeps the process alive. */
function watchName({ table }: Host, onLook: () => void): { removed: Promise<typeof REMOVED>; stop(): void } {
  let clock: NodeJS.Timeout | undefined
  const removed = new Promise<typeof REMOVED>((resolve) => {
    clock = setInterval(() => {
      onLook()
      if (table.isUnlinked) resolve(REMOVED)
    }, STATE_MS)
  })
  return { removed, stop: () => clearInterval(clock) }
}

/** A host without its page is not opened. */
async function openPage(host: Host, port: number): Promise<PageServer> {
  try {
    return await startPage(port)
  } catch (error) {
    host.close()
    throw error
  }
}

function portOf(given: string | true | undefined): number | undefined {
  if (given === undefined) return undefined
  const port = /^\d{1,5}$/.test(String(given)) ? Number(given) : Number.NaN
  if (port <= MAX_PORT) return port
  throw new CacheError('ERR_CACHE_OPTION', `--page must be a port from 0 to ${MAX_PORT}, got ${JSON.stringify(given)}`)
}

/** True when nothing waits in the journal, false when the time is over. */
async function drained(journal: Journal, limitMs: number): Promise<boolean> {
  const endMs = performance.now() + limitMs
  while ((journal.stats()['pending_bytes'] ?? 0) > 0) {
    if (performance.now() > endMs) return false
    await pause(LOOK_AGAIN_MS)
  }
  return true
}

function catchSignals(): { first: Promise<string>; second: Promise<void> } {
  let count = 0
  let onSecond = (): void => {}
  const second = new Promise<void>((resolve) => (onSecond = resolve))
  const first = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (++count === 1) resolve(signal)
        else onSecond()
      })
    }
  })
  return { first, second }
}
