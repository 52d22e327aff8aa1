import { Codec } from '../../src/wire/codec'
import { CodecPool } from '../../src/wire/codec-pool'

/** Resolves when a thread of the pool works: the first task waits until it has started, which a busy machine may take long for. */
export async function poolUp(): Promise<void> {
  await CodecPool.current?.pack({ codec: Codec.bytes, raw: Buffer.alloc(10_000), algorithm: 'gzip', level: 1 })
}
