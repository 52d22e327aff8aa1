import { buildBatch } from '../../../src/l2/batch'
import { WRITE } from '../../../src/l2/scripts'
import { Names } from '../../../src/l2/names'
import { Records } from '../l2'
import type { RedisServer } from './server'

let floods = 0

/** So many messages in one partition, from a host that does not exist, faster than any host could make them. */
export async function flood(server: RedisServer, cache: string, partition: number, messages: number): Promise<void> {
  const config = { connection: { kind: 'single' as const, options: {}, nodes: [] }, cache }
  const origin = String(++floods).padStart(16, 'f')
  const settings = { config, names: new Names(cache), origin, logCap: 1024, tombstoneMs: 60_000 }
  const records = new Records()
  await server.ask('SCRIPT', 'LOAD', WRITE.text)
  await Promise.all(Array.from({ length: messages }, (_, index) => {
    const record = records.make(`flood${index % 16}`, { namespace: '', partition })
    return server.ask(...(buildBatch(partition, [record], 0, settings).request as unknown as (string | number | Buffer)[]))
  }))
}
