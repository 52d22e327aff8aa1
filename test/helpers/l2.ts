/** Parts of the far tier on a test's own server. */
import type { FarConfig, FarKey, WriteRecord } from '../../src/l2/contract'
import { partitionOf } from '../../src/words/partition'
import { connectionSpec } from '../../src/l2/redis'

export const ORIGIN = '00000000000000a1'

export function configFor(given: unknown, more: Partial<FarConfig> = {}): FarConfig {
  return { connection: connectionSpec(given), cache: 'shop', ...more }
}

/** Within so many milliseconds. */
export function within(ms: number): number {
  return performance.now() + ms
}

export function farKey(key: string, more: Partial<FarKey> = {}): FarKey {
  return { namespace: 'n', key, partition: partitionOf('n', key), nsEpoch: 0, ...more }
}

/** Makes records with rising op numbers per partition, as a host does. */
export class Records {
  readonly #next = new Map<number, number>()

  make(key: string, more: Partial<Omit<WriteRecord, 'payload'>> & { payload?: string | Uint8Array } = {}): WriteRecord {
    const partition = more.partition ?? partitionOf(more.namespace ?? 'n', key)
    const opNumber = (this.#next.get(partition) ?? 0) + 1
    this.#next.set(partition, opNumber)
    const payload = typeof more.payload === 'string' ? Buffer.from(more.payload) : more.payload ?? (more.op === undefined || more.op === 1 ? Buffer.from(`value of ${key}`) : new Uint8Array())
    return {
      op: 1, namespace: 'n', key, partition, codec: 1, softMs: 60_000, hardMs: 120_000, condition: 0,
      expected: 0, sourceVersion: 0, nsEpoch: 0, opNumber, ...more, payload,
    }
  }
}
