// Starts the example as a program of its own, for one run of the load, and stops it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Snapshot } from './messages'

export interface ServerUnderLoad {
  url: string
  /** Figures that include everything done before the call. */
  figures(): Promise<Snapshot>
  stop(): Promise<void>
}

export async function startServer(cacheKind: string): Promise<ServerUnderLoad> {
  const child = fork(join(__dirname, 'main.js'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, PORT: '0', CACHE: cacheKind, CACHE_NAME: `cluster-api-load-${process.pid}` },
  })
  const exited = once(child, 'exit')
  const [ready] = await Promise.race([
    once(child, 'message') as Promise<[{ url: string }]>,
    exited.then(([code]) => { throw new Error(`the server ended with exit code ${code}`) }),
  ])
  return {
    url: ready.url,
    async figures() {
      const asked = Date.now()
      for (;;) {
        const snapshot = await (await fetch(`${ready.url}/api/stats`)).json() as Snapshot
        // Reports are a second apart, and the one after the next saw all of it.
        if (snapshot.at > asked + 2_000) return snapshot
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    },
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
