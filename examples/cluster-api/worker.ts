// One HTTP process of the cluster.
import cluster from 'node:cluster'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Piscina from 'piscina'
import { Activity } from './activity'
import type { ToPrimary, ToWorker } from './messages'
import { respond } from './respond'
import { settings } from './settings'
import { openStore } from './store'

export function runWorker(): void {
  const store = openStore(settings.cacheKind, settings.cacheName)
  const activity = new Activity()
  const pool = settings.threads > 0
    ? new Piscina({ filename: join(__dirname, 'pool-worker.js'), minThreads: settings.threads, maxThreads: settings.threads })
    : undefined

  let isReady = false
  const server = createServer((request, response) => void respond({ store, pool, activity }, request, response))
  server.on('error', (error: NodeJS.ErrnoException) => {
    const isTaken = error.code === 'EADDRINUSE'
    tell({ type: 'failed', why: isTaken ? `Port ${settings.port} is taken. Try another: PORT=3001 npm start` : error.message })
  })
  server.listen(settings.port, settings.host, () => {
    isReady = true
    tell({ type: 'ready', port: (server.address() as AddressInfo).port, cache: store.memory().kind })
  })

  const reports = setInterval(() => tell({ type: 'report', memory: store.memory(), parts: activity.parts() }), 1_000)

  process.on('message', (message: ToWorker) => {
    if (message.type === 'snapshot') activity.stream.publish(message)
    else void stop({ unlink: true })
  })
  // Ctrl+C reaches every process of the terminal; the primary decides.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => void stop({ unlink: false }))

  async function stop(region: { unlink: boolean }): Promise<void> {
    clearInterval(reports)
    activity.stream.end()
    if (isReady) server.close()
    server.closeIdleConnections()
    await pool?.close()
    await store.close(region)
    // Stopped before it listened, and Node's cluster cannot take back a listen under way.
    if (!isReady) process.exit()
    cluster.worker?.disconnect()
    server.closeAllConnections()
  }
}

const tell = (message: ToPrimary): void => {
  if (process.connected) process.send?.(message)
}
