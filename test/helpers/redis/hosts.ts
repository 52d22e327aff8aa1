/** Simulated hosts: each has a directory of its own, so a table, a journal and a leader of its own, and several processes. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CacheOptions } from '../../../src'
import { uniqueName, withDirectory } from '../cache'
import { HostProcess } from './host-process'

export interface HostPlan {
  processes: number
  /** What its cache is opened with, over what all hosts have in common. */
  options: CacheOptions
  /** The processes make an ioredis instance of the options `redis` and hand that in. */
  isInstance?: boolean
}

export interface Host {
  readonly name: string
  readonly processes: readonly HostProcess[]
  /** Opens the same cache once more. */
  addProcess(): Promise<HostProcess>
}

/** One host per plan, all on one cache, in contact with Redis when `body` begins; ended after it whatever state they are in. */
export function withHosts<T>(plans: readonly HostPlan[], body: (hosts: Host[], cacheName: string) => Promise<T>): Promise<T> {
  return withDirectory(async (dir) => {
    const all: HostProcess[] = []
    const name = uniqueName()
    const hosts = plans.map((plan, index): Host & { processes: HostProcess[] } => {
      const host = String.fromCharCode(65 + index)
      const home = join(dir, host)
      mkdirSync(home, { mode: 0o700 })
      const processes: HostProcess[] = []
      const addProcess = async (): Promise<HostProcess> => {
        const added = new HostProcess(`${host}${processes.length + 1}`, host)
        all.push(added)
        processes.push(added)
        await added.ask('open', { name, dir: home, memory: '16mb', fallback: 'error', ...plan.options }, plan.isInstance)
        return added
      }
      return { name: host, processes, addProcess }
    })
    try {
      for (const [index, host] of hosts.entries()) {
        for (let i = 0; i < plans[index]!.processes; i++) await host.addProcess()
      }
      return await body(hosts, name)
    } finally {
      await Promise.all(all.map((process) => process.kill()))
    }
  })
}
