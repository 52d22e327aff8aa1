/** The options of how values become bytes; part of the table in schema.ts. */
import { type Algorithm, type Compression, hasAlgorithm, LEVELS, MAX_RAW_BYTES, usualAlgorithm } from '../wire/compressed'
import { isCodecName, registerCodec, type ValueCodec } from '../wire/value-codec'
import { describe, misuse } from '../words/errors'
import { parseSize, type Size } from '../words/size'
import { parseOneOf, parseWhole } from './parsers'
import { option } from './spec'

export interface CompressionOption {
  /** Values whose encoded bytes are more are compressed. Default 16 KiB. */
  above?: Size | undefined
  /** Default: zstd 3, brotli 4, gzip 6. */
  level?: number | undefined
  /** Default: zstd where this Node has it, else brotli. */
  algorithm?: Algorithm | undefined
}

const MIN_ABOVE_BYTES = 256

export const BYTES = {
  /** How values become bytes. Default: the built-in codec. */
  codec: option({
    type: 'object with name, encode and decode, or false',
    levels: ['cache', 'namespace'],
    default: false as ValueCodec | false,
    shownDefault: 'the built-in one',
    doc: "How values become bytes, instead of the built-in codec: `{ name: 'superjson@2', encode(value), decode(bytes) }`. The name says the version of the format. A process that was not given the codec has a miss; see values.md. `false`: the built-in one.",
    parse: parseCodec,
  }),
  /** Compresses large values. Default false. */
  compression: option({
    type: '{ above, level, algorithm } or false',
    levels: ['cache', 'namespace'],
    default: false as Compression | false,
    shownDefault: 'false',
    doc: 'Compresses values of more than `above` encoded bytes (default `16kb`), off the event loop; in the table, the journal and Redis alike. `algorithm`: `zstd` (where this Node has it, 22.15 or later), `brotli` or `gzip`; `level`: 3, 4 or 6 by default. See values.md.',
    parse: parseCompression,
  }),
}

function parseCodec(given: ValueCodec | false, name: string): ValueCodec | false {
  if (given === false) return false
  if (typeof given !== 'object' || given === null || typeof given.encode !== 'function' || typeof given.decode !== 'function') {
    throw misuse('ERR_CACHE_OPTION', name, 'false or an object with name, encode and decode', given)
  }
  if (!isCodecName(given.name)) throw misuse('ERR_CACHE_OPTION', `${name}.name`, "a name with a version, such as 'superjson@2', of letters, digits or any of '._/-'", given.name)
  registerCodec(given)
  return given
}

function parseCompression(given: CompressionOption | false, name: string): Compression | false {
  if (given === false) return false
  const expected = 'false or { above, level, algorithm }'
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw misuse('ERR_CACHE_OPTION', name, expected, given)
  for (const field of Object.keys(given)) {
    if (!['above', 'level', 'algorithm'].includes(field)) throw misuse('ERR_CACHE_OPTION', name, expected, `field ${describe(field)}`)
  }
  const algorithm = parseOneOf<Algorithm>(given.algorithm ?? usualAlgorithm(), `${name}.algorithm`, ['zstd', 'brotli', 'gzip'])
  if (!hasAlgorithm(algorithm)) throw misuse('ERR_CACHE_OPTION', `${name}.algorithm`, `'brotli' or 'gzip' (zstd comes with Node 22.15, this is ${process.version})`, algorithm)
  const [low, high, usual] = LEVELS[algorithm]
  const aboveBytes = parseWhole(parseSize(given.above ?? 16 * 1024, `${name}.above`), `${name}.above`, MIN_ABOVE_BYTES, MAX_RAW_BYTES)
  return { aboveBytes, level: given.level === undefined ? usual : parseWhole(given.level, `${name}.level`, low, high), algorithm }
}
