/** What the bytes of a value say beside it: notes and tags. */
import { Codec, type Encoded } from './codec'
import { decompress, isCompressed } from './compressed'
import { behindNotes, type Notes, readNotes, withoutCap as notesWithoutCap } from './notes'
import { behindTags, readTags, restamped, type Tags } from './tags'

/** null in msgpack. */
const NULL_BYTE = 0xc0

export interface About {
  notes?: Notes
  tags?: Tags
}

/** Undefined where there is nothing. Throws ERR_CACHE_PAYLOAD for damaged bytes. */
export function aboutOf(codec: number, payload: string | Uint8Array): About | undefined {
  if (typeof payload === 'string') return undefined
  if (codec === Codec.noted) return { notes: readNotes(payload) }
  if (codec !== Codec.tagged) return undefined
  const inner = behindTags(asBuffer(payload))
  const tags = readTags(payload)
  return inner.codec === Codec.noted ? { tags, notes: readNotes(inner.payload) } : { tags }
}

/** The same with no cap of sliding: for a value that comes from another host. */
export function withoutCap(codec: number, payload: Uint8Array): Uint8Array {
  if (codec === Codec.noted) return notesWithoutCap(payload)
  if (codec !== Codec.tagged) return payload
  const inner = behindTags(asBuffer(payload))
  if (inner.codec !== Codec.noted) return payload
  const copy = Buffer.from(payload)
  notesWithoutCap(inner.payload).copy(copy, copy.length - inner.payload.length)
  return copy
}

/** Codec and bytes of what lies behind tags and notes. Throws ERR_CACHE_PAYLOAD for damaged bytes. */
export function inside(codec: number, payload: Uint8Array): Encoded & { payload: Uint8Array } {
  if (codec === Codec.noted) return behindNotes(asBuffer(payload))
  if (codec !== Codec.tagged) return { codec, payload }
  const value = behindTags(asBuffer(payload))
  return inside(value.codec, value.payload)
}

/** Whether it is null, whatever lies in front of that. */
export function isNull({ codec, payload }: Encoded): boolean {
  if (typeof payload === 'string' || payload[payload.length - 1] !== NULL_BYTE) return false
  if (codec === Codec.msgpack) return payload.length === 1
  if (codec !== Codec.noted && codec !== Codec.tagged) return false
  try {
    const value = inside(codec, payload)
    return value.codec === Codec.msgpack && value.payload.length === 1
  } catch {
    return false
  }
}

/**
 * A value's bytes for comparing them: uncompressed, and without what says since when its tags hold. Throws ERR_CACHE_PAYLOAD for
 * damaged ones.
 */
export function bareBytes(codec: number, payload: Uint8Array): Buffer {
  if (codec === Codec.tagged || codec === Codec.noted) {
    const value = codec === Codec.tagged ? behindTags(asBuffer(payload)) : behindNotes(asBuffer(payload))
    const head = (codec === Codec.tagged ? restamped(payload, 0, 0) : Buffer.from(payload)).subarray(0, payload.length - value.payload.length)
    head[0] = 0
    return Buffer.concat([head, bareBytes(value.codec, value.payload)])
  }
  const raw = isCompressed(codec) ? { codec: payload[0]!, payload: decompress(codec, payload) } : { codec, payload }
  return Buffer.concat([Buffer.from([raw.codec]), raw.payload])
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
