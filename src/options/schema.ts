/**
 * Every option, once: its name, where it may stand, its type, default and meaning. The types of
 * the option objects, their validation (`settings.ts`) and docs/options.md all come from this
 * table.
 */
import { type Duration, parseDuration } from '../words/duration'
import { checkNamespaceName } from '../words/keys'
import { parseSize, type Size } from '../words/size'
import { BATCH } from './batch'
import { type DiskOptions, type DiskSettings, parseDisk } from './disk'
import { FRESHNESS } from './freshness'
import { DEFAULT_L2, type L2Options, type L2Settings, parseL2, parseRedis, type RedisOption } from './l2'
import {
  type Logger, parseFlag, parseL0, parseLogger, parseMemory, parseName, parseOneOf, type ParsedL0, parsePartitionBy, parseText, parseTtl,
  parseWhole,
} from './parsers'
import { parseTags } from './tags'
import { BYTES } from './bytes'
import { QUOTAS } from './quotas'
import { VALUES } from './values'
import { WARM } from './warm'
import { EVERY_LIFE, EVERY_LOAD, EVERY_WRITE, option, type OptionLevel, type OptionSpec } from './spec'

/** A kind of use with defaults of its own, see presets.ts. */
export type Preset = 'development' | 'test' | 'production' | 'edge' | 'batch'

/** When a write resolves: on the journal, on the primary's answer; `around` keeps the value out of the host's table. */
export type WriteMode = 'behind' | 'through' | 'around'

/** What an acknowledged write survives. */
export type Durability = 'journal' | 'disk' | 'l2' | 'replicated'

/** Who may lead the host's traffic with Redis: a thread of some process, only a daemon, or nobody here. */
export type CoordinatorOption = 'auto' | 'daemon' | 'off'

/** What is done about invalidations that may have been missed while Redis was away. */
export type ReconnectPolicy = 'replay' | 'revalidate' | 'flush' | 'keep'

export type { OptionLevel, OptionSpec } from './spec'

export const OPTIONS = {
  /** Which cache of this host: every process that gives the same name (and `dir`) shares one. */
  name: option({
    type: 'string',
    levels: ['cache'],
    default: 'default',
    shownDefault: "'default'",
    doc: 'Which cache of this host. Every process that gives the same name and `dir` shares one. 1 to 64 letters, digits or any of `._-`.',
    parse: parseName,
  }),
  /** What the other options are by default. Default: the defaults of this table. */
  preset: option({
    type: "'development', 'test', 'production', 'edge' or 'batch'",
    levels: ['cache'],
    default: undefined as Preset | undefined,
    shownDefault: 'none',
    doc: 'Other defaults for a kind of use; see the table of presets.',
    parse: (given: Preset, name): Preset | undefined => parseOneOf<Preset>(given, name, ['development', 'test', 'production', 'edge', 'batch']),
  }),
  /** Size of the shared region, fixed by the process that creates it. A number is bytes. */
  memory: option({
    type: 'size',
    levels: ['cache'],
    default: 64 * 1024 * 1024,
    shownDefault: "'64mb'",
    doc: 'Size of the shared region, fixed by the process that creates it. At least 1 MiB.',
    parse: parseMemory,
  }),
  /** Directory of the region. Default: a private directory in shared memory. */
  dir: option({
    type: 'string',
    levels: ['cache'],
    default: undefined as string | undefined,
    shownDefault: 'a private directory in /dev/shm',
    doc: 'Directory of the region. On a disk, the cache survives a reboot.',
    parse: (given: string, name) => parseText(given, name),
  }),
  /** Expected size of an entry, key and value together, in bytes. It sizes the index. */
  averageEntryBytes: option({
    type: 'size',
    levels: ['cache'],
    default: 512,
    shownDefault: '512',
    doc: 'Expected size of an entry, key and value together. It sizes the index, so guess low rather than high.',
    parse: (given: Size, name) => parseWhole(parseSize(given, name), name, 16, 16 * 1024 * 1024),
  }),
  /** Names the namespace all keys of this cache live in. Default: the root. */
  namespace: option({
    type: 'string',
    levels: ['cache'],
    default: undefined as string | undefined,
    shownDefault: 'the root',
    doc: 'The namespace all keys of this cache live in. 1 to 64 letters, digits or any of `._:@-`.',
    parse: (given: string) => {
      checkNamespaceName(given)
      return given
    },
  }),
  ...QUOTAS,
  /** How long an entry is fresh. Default: for ever. A number is milliseconds. */
  ttl: option({
    type: "duration, Infinity or 'adaptive'",
    levels: EVERY_LIFE,
    default: 0 as number | 'adaptive',
    shownDefault: 'for ever',
    doc: "How long an entry is fresh. A number is milliseconds. `Infinity` is for ever. `'adaptive'`: as long as its value usually stays the same, see `adaptiveTtl`.",
    parse: parseTtl,
  }),
  /** How long after `ttl` an entry may still be served while or because a load does not succeed. */
  grace: option({
    type: 'duration',
    levels: EVERY_LIFE,
    default: 0,
    shownDefault: '0',
    doc: 'How long after `ttl` an entry is kept as stale: `getOrSet` serves it while somebody else loads, when its loader fails, and when that takes longer than `timeout`.',
    parse: (given: Duration, name) => parseDuration(given, name),
  }),
  /** Loads even when a fresh value is there. Default false. */
  forceFresh: option({
    type: 'boolean',
    levels: EVERY_LOAD,
    default: false,
    shownDefault: 'false',
    doc: 'Loads even when a fresh value is there. The value returned was loaded after the call began.',
    parse: parseFlag,
  }),
  /** How long one load may keep others waiting. Then the next caller loads. Default 30 s. */
  leaseTimeout: option({
    type: 'duration',
    levels: EVERY_LOAD,
    default: 30_000,
    shownDefault: "'30s'",
    doc: 'How long one load may keep others waiting. Then another caller loads, and the late result is not stored.',
    parse: (given: Duration, name) => parseWhole(parseDuration(given, name), name, 1, 86_400_000),
  }),
  ...FRESHNESS,
  /** Names under which entries can be ended together: `deleteByTag`, `expireByTag`. Those of cache, namespace and call add up. */
  tags: option({
    type: 'array of strings',
    levels: EVERY_WRITE,
    default: [] as readonly string[],
    shownDefault: '[]',
    doc: 'Names under which entries of a namespace can be ended together, by `deleteByTag` and `expireByTag`. Those of the cache, the namespace, the call and `setTags` add up; at most 128 for one entry, of 1 to 256 bytes each.',
    parse: parseTags,
  }),
  ...VALUES,
  ...BYTES,
  ...BATCH,
  ...WARM,
  /** Stores only if the key has no entry. Default false. */
  ifAbsent: option({
    type: 'boolean',
    levels: ['set'],
    default: false,
    shownDefault: 'false',
    doc: 'Stores only if the key has no entry.',
    parse: parseFlag,
  }),
  /** Stores only over the entry of this version, as `getEntry` gave it. */
  ifVersion: option({
    type: 'number',
    levels: ['set'],
    default: undefined as number | undefined,
    shownDefault: 'any',
    doc: 'Stores only over the entry of this version, as `getEntry` gave it. With `redis` it is compared in Redis, so it holds across hosts.',
    parse: (given: number, name) => parseWhole(given, name, 1, Number.MAX_SAFE_INTEGER),
  }),
  /** The value's version at its source, such as a row's: only a higher one is stored over it. */
  version: option({
    type: 'number',
    levels: ['set'],
    default: undefined as number | undefined,
    shownDefault: 'none',
    doc: "The value's version at its source, such as a row's. Not stored, and the call resolves to 0, where a value is there with the same version or a higher one; with `redis` it is compared in Redis, so it holds across hosts. Forgotten with the value: by `delete`, by clears, and by what is stored without one.",
    parse: (given: number, name): number | undefined => parseWhole(given, name, 1, 2 ** 52),
  }),
  /** Sizes of the table of decoded objects in each isolate; false for none. */
  l0: option({
    type: '{ maxItems, maxBytes } or false',
    levels: ['cache'],
    default: { maxItems: 262_144, maxBytes: undefined } as ParsedL0,
    shownDefault: '{ maxItems: 262144, maxBytes: memory / 2, 4mb to 256mb }',
    doc: 'Sizes of the table of decoded objects in each isolate. By default, strings of up to 4 KiB may take half of that and at most 64mb, and are kept when read a second time. `false` decodes on every read.',
    parse: parseL0,
  }),
  /** Copies of entries on a disk, for what has no room in memory and for after a reboot. Default: none. */
  disk: option({
    type: 'path or { path, maxBytes, minHits }',
    levels: ['cache'],
    default: undefined as DiskSettings | undefined,
    shownDefault: "none; { maxBytes: '1gb', minHits: 1 }",
    doc: 'Copies of entries on a disk, shared by all processes of the host, for what has no room in memory and for after a reboot; see [disk.md](disk.md). `path`: a directory; `maxBytes`: what the copies may take, at least 1mb; `minHits`: how often an entry must have been used to be copied, 0 to 3. Needs the package `lmdb`; to be given alike by all processes of the cache.',
    parse: (given: string | DiskOptions, name): DiskSettings | undefined => parseDisk(given, name),
  }),
  /** Where Redis is. Default: no Redis, the cache is of this host alone. */
  redis: option({
    type: 'URL, ioredis options or instance',
    levels: ['cache'],
    default: undefined as RedisOption | undefined,
    shownDefault: 'none',
    doc: 'Redis or Valkey behind the host\'s table: a `redis://`, `rediss://` or `unix://` URL or the path of a socket, ioredis options (`sentinels` among them), `{ cluster: { nodes, options } }`, or an ioredis instance, whose options are used for connections of our own.',
    parse: parseRedis,
  }),
  /** When a write resolves. Default 'behind'. */
  writeMode: option({
    type: "'behind', 'through' or 'around'",
    levels: EVERY_WRITE,
    default: 'behind' as WriteMode,
    shownDefault: "'behind'",
    doc: '`behind`: when the record is in the host\'s journal. `through`: when the primary has answered. `around`: as `through`, and the value stays out of the host\'s table. A loaded value is in the table in every mode; its load waits likewise, and does not fail because of Redis. Needs `redis`.',
    parse: (given: WriteMode, name) => parseOneOf(given, name, ['behind', 'through', 'around']),
  }),
  /** What an acknowledged write survives. Default: by the write mode. */
  durability: option({
    type: "'journal', 'disk', 'l2' or 'replicated'",
    levels: EVERY_WRITE,
    default: undefined as Durability | undefined,
    shownDefault: '`journal` behind, else `l2`',
    doc: 'What an acknowledged write survives. `journal`: the death of every process. `disk`: also a reboot, it is in an append-only file and synchronised (see `l2.disk`). `l2`: the primary has it. `replicated`: a replica has it too. Needs `redis`.',
    parse: (given: Durability, name): Durability | undefined => parseOneOf<Durability>(given, name, ['journal', 'disk', 'l2', 'replicated']),
  }),
  /** Who may lead the host's traffic with Redis. Default 'auto'. */
  coordinator: option({
    type: "'auto', 'daemon' or 'off'",
    levels: ['cache'],
    default: 'auto' as CoordinatorOption,
    shownDefault: "'auto'",
    doc: '`auto`: a thread of one of the processes leads the host\'s traffic with Redis. `daemon`: only `stratacache daemon` does. `off`: this process never does.',
    parse: (given: CoordinatorOption, name) => parseOneOf(given, name, ['auto', 'daemon', 'off']),
  }),
  /** What is done about invalidations that may have been missed. Default 'replay'. */
  onReconnect: option({
    type: "'replay', 'revalidate', 'flush' or 'keep'",
    levels: ['cache'],
    default: 'replay' as ReconnectPolicy,
    shownDefault: "'replay'",
    doc: 'After a loss of contact. `replay`: what was missed is read from the log; where the log is too short, entries are checked by version before they are used. `revalidate`: they always are. `flush`: the table starts empty. `keep`: entries live out their ttl.',
    parse: (given: ReconnectPolicy, name) => parseOneOf(given, name, ['replay', 'revalidate', 'flush', 'keep']),
  }),
  /** Keys with the same group lie in one partition of Redis. Default: each by its own name. */
  partitionBy: option({
    type: 'function (key) => string',
    levels: ['cache', 'namespace'],
    default: undefined as ((key: string) => string) | undefined,
    shownDefault: 'the key',
    doc: 'The group of a key. Keys of one group lie in one partition, hence in one slot of a Cluster.',
    parse: parsePartitionBy,
  }),
  /** Deadlines and sizes of the Redis side. */
  l2: option({
    type: '{ softTimeout, hardTimeout, ttl, heartbeat, journal, disk, maxValue, batchRecords, batchBytes, batchDelay, closeTimeout, foreignWriters }',
    levels: ['cache'],
    default: DEFAULT_L2 as L2Settings,
    shownDefault: "{ softTimeout: '100ms', hardTimeout: '1s', heartbeat: '500ms', maxValue: '64mb', batchRecords: 8192, batchBytes: '4mb', batchDelay: 0, closeTimeout: '2s', foreignWriters: false }",
    doc: 'Deadlines and sizes of the Redis side. `softTimeout`: of a read while a stale value could be served; `hardTimeout`: of every other wait; `ttl`: longest life in Redis; `journal`: bytes of pending writes (a quarter of `memory`, 16mb to 128mb), and as many again for values too large for it, which lie in files beside it; `disk`: directory of the append-only files of `durability: \'disk\'`, default `dir` where that is on a disk, else `/var/tmp/stratacache-<uid>`; `maxValue`: the largest value, from 64kb to 500mb; `batchRecords`, `batchBytes`: of one batch at most; it has never more than 4096, 3mb, and half of what the journal keeps for a process, 1/64 of it, because the next one is on its way meanwhile; `batchDelay`: how long a write may wait for company.',
    parse: (given: L2Options, name): L2Settings => parseL2(given, name),
  }),
  /** What to do where no native binary loads: an in-process table, or throw. Default 'process'. */
  fallback: option({
    type: "'process' or 'error'",
    levels: ['cache'],
    default: 'process' as 'process' | 'error',
    shownDefault: "'process'",
    doc: 'Where no native binary loads: use a table within the process (and warn once), or throw ERR_CACHE_NATIVE_MISSING.',
    parse: (given: 'process' | 'error', name) => parseOneOf(given, name, ['process', 'error']),
  }),
  /** Receives what is worth knowing; pino's shape. Default: silence. */
  logger: option({
    type: 'object with debug, info, warn, error',
    levels: ['cache'],
    default: undefined as Logger | undefined,
    shownDefault: 'silent',
    doc: 'Receives what is worth knowing, as `(fields, message)`; a pino logger fits.',
    parse: parseLogger,
  }),
}

export type OptionName = keyof typeof OPTIONS

type Schema = typeof OPTIONS
type Given<Spec> = Spec extends OptionSpec<infer G, infer _P, infer _L> ? G : never
type IsAt<Spec, Level> = Spec extends OptionSpec<infer _G, infer _P, infer L> ? (Level extends L[number] ? true : false) : false

/** The option object accepted at a level. */
export type OptionsAt<Level extends OptionLevel> = {
  [Name in keyof Schema as IsAt<Schema[Name], Level> extends true ? Name : never]?: Given<Schema[Name]> | undefined
}

/** Every option with its parsed value. */
export type ParsedOptions = {
  [Name in keyof Schema]: Schema[Name] extends OptionSpec<infer _G, infer P, infer _L> ? P : never
}
