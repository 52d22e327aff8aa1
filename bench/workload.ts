/** The entries all subjects hold, and the keys they are asked for. */
import { uniform, zipf } from './random'

export type DatasetName = 's64' | 's1k' | 's16k' | 'b64' | 'b1k' | 'b16k' | 'obj'

export interface Dataset {
  name: DatasetName
  label: string
  kind: 'string' | 'buffer' | 'object'
  count: number
  /** Bytes of one value; of an object, about what msgpack makes of it. */
  valueBytes: number
  /** Key and value of an entry, in the mean. */
  entryBytes: number
  keys: Keys
  /** The value of an entry, made anew by each call. `edition` tells values of one entry apart. */
  value(id: number, edition?: number): unknown
}

const SIZES: Record<DatasetName, [label: string, kind: Dataset['kind'], valueBytes: number, count: number]> = {
  s64: ['64 B string', 'string', 64, 100_000],
  s1k: ['1 KiB string', 'string', 1024, 100_000],
  s16k: ['16 KiB string', 'string', 16_384, 10_000],
  b64: ['64 B Buffer', 'buffer', 64, 100_000],
  b1k: ['1 KiB Buffer', 'buffer', 1024, 100_000],
  b16k: ['16 KiB Buffer', 'buffer', 16_384, 10_000],
  obj: ['object of 20 fields', 'object', 550, 100_000],
}

export const labelOf = (name: DatasetName): string => SIZES[name][0]

/** A tenth of the entries for a quick run. */
export function dataset(name: DatasetName, isQuick: boolean): Dataset {
  const [label, kind, valueBytes, count] = SIZES[name]
  return datasetOf(name, label, kind, valueBytes, isQuick ? count / 10 : count)
}

export function stringsOf(valueBytes: number, count: number): Dataset {
  return datasetOf('s64', `${valueBytes} B string`, 'string', valueBytes, count)
}

function datasetOf(name: DatasetName, label: string, kind: Dataset['kind'], valueBytes: number, count: number): Dataset {
  const keys = new Keys(count)
  const value = kind === 'object' ? objectValue : kind === 'string' ? stringValues(valueBytes) : bufferValues(valueBytes)
  return { name, label, kind, count, valueBytes, entryBytes: valueBytes + keys.meanBytes, keys, value }
}

/** Keys of 11 to 37 characters, as `user:100017:profile`. */
export class Keys {
  readonly meanBytes: number
  readonly #tails = ['', ':profile', ':settings:notify', ':feed:latest:page:00000001']

  constructor(count: number) {
    let bytes = 0
    for (let id = 0; id < count; id++) bytes += this.fresh(id).length
    this.meanBytes = bytes / count
  }

  /** A string nobody has seen before, put together as a server does it; its hash is not yet computed. */
  fresh(id: number): string {
    return `user:${100_000 + id}${this.#tails[id & 3]}`
  }
}

export const SEQUENCE = 1 << 18

export function zipfIds(count: number, seed = 1): Uint32Array {
  return zipf(count, 0.99, SEQUENCE, seed)
}

export function uniformIds(count: number, seed = 2): Uint32Array {
  return uniform(count, SEQUENCE, seed)
}

/** True if a value is whole: text and bytes carry the same stamp at both ends. */
export function isWhole(value: unknown): boolean {
  if (typeof value === 'string') return value.slice(0, 12) === value.slice(-12)
  if (Buffer.isBuffer(value)) return value.compare(value, value.length - 12, value.length, 0, 12) === 0
  const object = value as { id?: number; check?: number }
  return typeof object === 'object' && object !== null && object.check === (object.id! ^ 0x5bd1e995)
}

function stamped(bytes: number): (id: number, edition: number) => Buffer {
  const template = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i++) template[i] = 97 + ((i * 7) % 26)
  return (id, edition) => {
    const stamp = `${String(id).padStart(8, '0')}${String(edition % 10_000).padStart(4, '0')}`
    template.write(stamp, 0, 'latin1')
    template.write(stamp, bytes - 12, 'latin1')
    return template
  }
}

function stringValues(bytes: number): Dataset['value'] {
  const stamp = stamped(bytes)
  return (id, edition = 0) => stamp(id, edition).toString('latin1')
}

function bufferValues(bytes: number): Dataset['value'] {
  const stamp = stamped(bytes)
  return (id, edition = 0) => Buffer.from(stamp(id, edition))
}

function objectValue(id: number, edition = 0): object {
  return {
    id, check: id ^ 0x5bd1e995, edition, name: `Customer number ${id}`, email: `customer${id}@mail.example.org`,
    street: `${id % 900} Long Harbour Road`, city: 'Port Sunlight', country: 'GB', phone: '+44 20 7946 0958', isActive: id % 3 !== 0,
    balance: id * 1.25, visits: id % 1000, score: 0.5 + (id % 100) / 7, role: 'subscriber', language: 'en-GB',
    tags: ['newsletter', 'beta', 'returning'], createdAt: '2024-05-17T09:30:00.000Z', updatedAt: '2025-01-08T17:45:12.000Z',
    note: 'Prefers delivery in the morning; do not ring the bell. Leave parcels with the neighbour at number twelve, first floor, left hand side.',
    limits: { daily: 500, monthly: 9000, perCall: 25 },
  }
}
