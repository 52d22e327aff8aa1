/** Codecs as users bring them. */
import { deserialize, serialize } from 'node:v8'
import type { ValueCodec } from '../../src'

/** Structured clones: also what the built-in codec refuses. */
export function cloneCodec(name = 'clone@1'): ValueCodec {
  return { name, encode: (value) => serialize(value), decode: (bytes) => deserialize(bytes) }
}

/** JSON behind a mark, which the other version of the format has not. */
export function jsonCodec(version: 1 | 2): ValueCodec {
  return {
    name: `json@${version}`,
    encode: (value) => Buffer.from(`v${version}${JSON.stringify(value)}`),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString().slice(2)) as unknown,
  }
}

/** About as compressible as rows of a database. */
export function rows(bytes: number, salt = 0): { rows: { id: number; name: string; note: string }[] } {
  const count = Math.ceil(bytes / 64)
  return { rows: Array.from({ length: count }, (_, i) => ({ id: i * 7 + salt, name: `name-${(i * 2_654_435_761 + salt) % 10_007}`, note: 'the same words again' })) }
}
