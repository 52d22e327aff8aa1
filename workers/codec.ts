/** The thread that compresses and decompresses. Results are moved, not copied. */
import { move } from 'piscina'
import type { PackTask, UnpackTask } from '../src/wire/codec-pool'
import { decompress, pack } from '../src/wire/compressed'

export function packTask({ codec, raw, ...settings }: PackTask): unknown {
  const payload = pack(codec, raw, settings)
  return payload === undefined ? undefined : move(payload)
}

export function unpackTask({ codec, payload }: UnpackTask): unknown {
  // A buffer of its own: the result of zlib may be part of a larger one.
  return move(Uint8Array.from(decompress(codec, payload)))
}
