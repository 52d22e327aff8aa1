/** The options of the cache as words of the command line and variables of the environment. */
import { readFileSync } from 'node:fs'
import { variableOf } from '../options/environment'
import { DEFAULT_L2 } from '../options/l2'
import { cacheOptions } from '../options/settings'
import type { CacheOptions } from '../cache'
import type { ParsedOptions } from '../options/schema'
import { CacheError } from '../words/errors'

export interface Flag {
  /** What its value is called in the help; absent: it takes none. */
  value?: string
  /** A number or a span or size with a unit, where the option table takes both. */
  isAmount?: boolean
  doc: string
}

/** By the option's place in `createCache`. `redisFile` alone has none: it is where `redis` is read from. */
export const FLAGS = {
  'name': { value: 'NAME', doc: "which cache of this host ('default')" },
  'dir': { value: 'PATH', doc: 'directory of the region (a private one in /dev/shm)' },
  'redis': { value: 'URL', doc: 'a redis://, rediss:// or unix:// URL, the path of a socket, or ioredis options as JSON' },
  'redisFile': { value: 'PATH', doc: 'a file that holds what --redis would, such as a mounted secret' },
  'memory': { value: 'SIZE', isAmount: true, doc: "size of a region that is not there yet ('64mb')" },
  'averageEntryBytes': { value: 'SIZE', isAmount: true, doc: 'expected size of an entry; shapes a region that is not there yet (512)' },
  'disk': { value: 'PATH', doc: "directory of the copies on a disk, as the cache's processes have it" },
  'durability': { value: 'WORD', doc: "'replicated': a replica confirms every write of the host, whatever it was called with" },
  'singleFlight': { value: 'WORD', doc: "'fleet': hosts claim their loads in Redis ('host')" },
  'onReconnect': { value: 'WORD', doc: "'replay', 'revalidate', 'flush' or 'keep' ('replay')" },
  'l2.heartbeat': { value: 'TIME', isAmount: true, doc: "between two heartbeats through Redis ('500ms')" },
  'l2.journal': { value: 'SIZE', isAmount: true, doc: 'size of a journal that is not there yet (a quarter of the memory)' },
  'l2.batchRecords': { value: 'COUNT', isAmount: true, doc: `records of one batch at most (${DEFAULT_L2.batchRecords})` },
  'l2.batchBytes': { value: 'SIZE', isAmount: true, doc: "bytes of one batch at most ('4mb')" },
  'l2.batchDelay': { value: 'TIME', isAmount: true, doc: 'how long a write may wait for company (0)' },
  'l2.closeTimeout': { value: 'TIME', isAmount: true, doc: "how long SIGTERM waits for the journal to drain ('2s')" },
  'l2.foreignWriters': { doc: 'also see what other programs write to our keys' },
} as const satisfies Record<string, Flag>

export type FlagPath = keyof typeof FLAGS

/** 'l2.batchBytes' as a word of the command line: 'l2-batch-bytes'. */
export function wordOf(path: string): string {
  return path.replace('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/**
 * The options from the words given and, where there is no word, from the environment; an empty variable counts as none.
 *
 * Throws ERR_CACHE_OPTION. What belongs to `redis` is never shown: it may hold a password.
 */
export function optionsFrom(paths: readonly FlagPath[], words: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): ParsedOptions {
  const isWord = (path: FlagPath): boolean => words[wordOf(path)] !== undefined
  const options: Record<string, unknown> = {}
  const l2: Record<string, unknown> = {}
  for (const path of paths) {
    const flag: Flag = FLAGS[path]
    const word = words[wordOf(path)]
    const variable = env[variableOf(path)]
    if (word === undefined && (variable === undefined || variable === '')) continue
    const source = word === undefined ? variableOf(path) : `--${wordOf(path)}`
    const value = valueOf(flag, word ?? variable, source)
    const [target, name] = path.startsWith('l2.') ? [l2, path.slice(3)] : [options, path]
    target[name] = value
    if (path !== 'redis' && path !== 'redisFile') check(path, value, source)
  }
  if (options['redisFile'] !== undefined) {
    const isBoth = options['redis'] !== undefined
    if (isBoth && isWord('redis') === isWord('redisFile')) throw new CacheError('ERR_CACHE_OPTION', '--redis and --redis-file exclude each other (so do their variables)')
    // The command line stands over the environment.
    if (!isBoth || isWord('redisFile')) options['redis'] = contentOf(String(options['redisFile']))
    delete options['redisFile']
  }
  if (typeof options['redis'] === 'string') options['redis'] = redisOf(options['redis'])
  return cacheOptions({ ...options, l2 } as CacheOptions)
}

function valueOf(flag: Flag, given: unknown, source: string): unknown {
  if (flag.value === undefined) {
    if (given === true || given === 'true' || given === '1') return true
    if (given === 'false' || given === '0') return false
    throw new CacheError('ERR_CACHE_OPTION', `${source} must be true or false, got ${JSON.stringify(given)}`)
  }
  const text = String(given)
  return flag.isAmount && /^\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

/** Says by its own name what the option table refuses. */
function check(path: string, value: unknown, source: string): void {
  const [name, field] = path.split('.') as [string, string?]
  try {
    cacheOptions({ [name]: field === undefined ? value : { [field]: value } } as CacheOptions)
  } catch (error) {
    if (!(error instanceof CacheError)) throw error
    throw new CacheError(error.code, error.message.startsWith(path) ? source + error.message.slice(path.length) : `${source}: ${error.message}`)
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new CacheError('ERR_CACHE_OPTION', `--redis-file must be a readable file, ${JSON.stringify(path)} is not (${(error as NodeJS.ErrnoException).code})`)
  }
}

function redisOf(text: string): unknown {
  if (!text.startsWith('{')) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    // The parser's message would quote it.
    throw new CacheError('ERR_CACHE_OPTION', 'redis begins as JSON and is not well-formed')
  }
}
