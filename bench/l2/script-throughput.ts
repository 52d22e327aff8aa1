/**
 * Entries per second of the write script against a raw ioredis pipeline of SETs of the same batch
 * size. `node dist/bench/l2/script-throughput.js [batch] [value bytes] [partitions]`
 */
import Redis from 'ioredis'
import { Writer } from '../../src/l2/writer'
import { connectionSpec } from '../../src/l2/redis'
import { partitionOf } from '../../src/l2/names'
import type { WriteRecord } from '../../src/l2/contract'
import { startRedis } from '../redis-server'

const [batch = 1000, bytes = 100, partitions = 256] = process.argv.slice(2).map(Number)
const ROUNDS = 7
const ROUND_MS = 700
const payload = Buffer.alloc(bytes, 'x')

async function main(): Promise<void> {
  const server = await startRedis()
  if (server === undefined) throw new Error('redis-server is not installed')
  const redis = new Redis(server.port)
  const writer = new Writer({ connection: connectionSpec({ host: '127.0.0.1', port: server.port }), cache: 'bench' }, { origin: 'b'.repeat(16) })
  const opNumbers = new Array<number>(257).fill(0)
  let count = 0

  const raw = async (): Promise<void> => {
    const pipeline = redis.pipeline()
    for (let index = 0; index < batch; index++) pipeline.set(`sc1:{bench.1}:d|ns|key:${count++ % 100_000}`, payload, 'PX', 600_000)
    await pipeline.exec()
  }
  const ours = async (): Promise<void> => {
    const records: WriteRecord[] = []
    for (let index = 0; index < batch; index++) {
      const key = `key:${count++ % 100_000}`
      const partition = partitionOf('ns', key) % partitions
      records.push({
        op: 1, namespace: 'ns', key, partition, codec: 3, payload, softMs: 300_000, hardMs: 600_000, condition: 0, expected: 0,
        sourceVersion: 0, nsEpoch: 0, opNumber: ++opNumbers[partition]!,
      })
    }
    for (const { results } of await writer.write(records, performance.now() + 10_000)) {
      for (const result of results) if (result.state !== 'applied') throw new Error(`an entry was ${JSON.stringify(result)}`)
    }
  }
  const measure = async (run: () => Promise<void>): Promise<number> => {
    const cpuBefore = await cpu(redis)
    const start = performance.now()
    let entries = 0
    while (performance.now() - start < ROUND_MS) {
      await run()
      entries += batch
    }
    const rate = entries / (performance.now() - start) * 1000
    serverUs = ((await cpu(redis)) - cpuBefore) / entries * 1e6
    return rate
  }
  let serverUs = 0
  await measure(raw)
  await measure(ours)
  const rates = { raw: [] as number[], ours: [] as number[] }
  for (let round = 0; round < ROUNDS; round++) {
    rates.raw.push(await measure(raw))
    const rawUs = serverUs
    rates.ours.push(await measure(ours))
    if (round === ROUNDS - 1) process.stdout.write(`server: ${rawUs.toFixed(2)} us per SET, ${serverUs.toFixed(2)} us per entry\n`)
  }
  const middle = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1]!
  const [a, b] = [middle(rates.raw), middle(rates.ours)]
  process.stdout.write(`batch ${batch}, ${bytes} bytes, ${partitions} partitions: raw ${a.toFixed(0)}/s, script ${b.toFixed(0)}/s, ratio ${(b / a).toFixed(2)}\n`)
  redis.disconnect()
  await writer.close()
  await server.stop()
}

async function cpu(redis: Redis): Promise<number> {
  const text = await redis.info('cpu')
  return Number(/used_cpu_user:([\d.]+)/.exec(text)![1]) + Number(/used_cpu_sys:([\d.]+)/.exec(text)![1])
}

void main()
